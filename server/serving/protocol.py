"""Daphne's WebSocket protocol with an early way in: small whole messages are read here, all else is autobahn's.

It knows the insides of autobahn and Twisted, as `direct` and `defaults` do; their versions are bounded in pyproject.toml and asked for
again at run time. An early message is one that autobahn would pass on without a second thought: the connection is open,
nothing is half read, and the frame is whole, final, masked, without reserved bits, small, and valid UTF-8 if it is text.
The first frame in a chunk that is not goes to autobahn with everything after it, so masks, fragments, control frames,
sizes and closing are checked where they always were.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import structlog
from autobahn.twisted.util import peer2str
from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import tcp
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.defer import maybeDeferred

from game.wire import messages as m
from game.wire.closecodes import Close
from game.wire.limits import Limit
from server.clock import monotonic, next_beat, run_at
from server.ops.metrics import count
from server.serving.direct import DirectSocket
from server.serving.frames import EARLY_MAX, whole_message
from server.serving.handshake import Handshake
from server.serving.inbox import Inbox
from server.serving.intake import BYTES_PER_BEAT, FLOODED_S, FRAMES, FRAMES_PER_BEAT, WORK, Intake
from server.serving.rounds import Rounds, rounds_of

log = structlog.get_logger()

HELD_MAX = 64 * 1024
READ_MAX = 16 * 1024
ENDING_MAX_S = 10.0  # from a close to the end of the connection; a closing handshake has 5 s of it
INTERNAL = 1011  # what an application hears of its own fault, as from Daphne
VERSION = 13  # RFC 6455's
KNOWN = {"autobahn": ("26", "10"), "twisted": ("26", "10")}


def are_insides_known() -> bool:
    """Whether the installed autobahn and Twisted are those that this module was written against."""
    return all(tuple(version(name).split(".")[:2]) == known for name, known in KNOWN.items())


def is_plain_tcp(transport: Any) -> bool:
    """Whether bytes written to the transport's socket are what the peer reads: no TLS, no wrapper, no other kind."""
    needed = ("socket", "dataBuffer", "offset", "_tempDataLen", "connected", "disconnecting")
    return type(transport) is tcp.Server and not transport.TLS and all(hasattr(transport, name) for name in needed)


class RoomSocketProtocol(WebSocketProtocol):  # type: ignore[misc]  # daphne ships no types
    """One connection. Without ``deliver`` its messages become ASGI events in a bounded inbox."""

    deliver: Callable[[bytes | str], None] | None = None
    is_accepted = False
    is_closed: Any
    data: bytes  # autobahn's: what has come and is not read yet
    failedByMe: bool  # noqa: N815 - autobahn's: the peer broke a rule, and its messages count no more
    autoPingTimeoutCall: Any  # noqa: N815 - autobahn's
    early_max = 0
    bytes_max = 1 << 30  # of a message; autobahn's limit of 1 MiB comes first
    _direct: DirectSocket | None = None
    _has_heard = False
    _is_held = False
    _ending_since: float | None = None
    _frames = FRAMES
    _tokens: float = FRAMES.burst
    _filled_at = 0.0
    _frames_left = 1 << 30  # of this beat; where nothing can wait for the next one (a transport without a reactor), all
    _bytes_left = 1 << 30
    _beat = 0.0
    _is_sharing = False
    _is_owed = False  # a part of what came waits for the next beat, in autobahn's buffer
    _is_flooded = False
    _is_in_rounds = False

    # ---- the handshake

    def __init__(self) -> None:
        """Which way the handshake goes is not known yet: `begin` does without what autobahn makes here."""

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """The handshake goes autobahn's way."""
        super().__init__()
        super().connectionMade()

    def begin(self, transport: Any, handshake: Handshake) -> None:
        """A request that `handshake` has read and found good: autobahn goes on from there.

        Nothing times the handshake but Daphne's own watch over the application: the peer has said all that it has to.
        """
        self.connected, self.transport, self.peer = 1, transport, peer2str(transport)
        transport.setTcpNoDelay(True)
        self.factory.countConnections += 1
        self._raw_query_string = b""
        self._wskey, self.websocket_version = handshake.key, VERSION
        self.websocket_protocols = handshake.protocols
        self.websocket_extensions = self._parseExtensionsHeader(handshake.headers.get("sec-websocket-extensions", ""))
        request = ConnectionRequest(  # type: ignore[no-untyped-call]
            self.peer,
            handshake.headers,
            handshake.host,
            handshake.path,
            {},
            VERSION,
            handshake.origin,
            handshake.protocols,
            self.websocket_extensions,
        )
        maybeDeferred(self.onConnect, request).addCallbacks(self.succeedHandshake, self._refuse)
        request.headers = {}  # Daphne keeps the request for its path's sake

    def _refuse(self, failure: Any) -> None:
        """As autobahn answers where the application does not accept."""
        denial = failure.check(ConnectionDeny) and failure.value
        if denial:
            self.failHandshake(denial.reason, denial.code)
        else:
            log.error("socket.connect_failed", error=repr(failure.value))
            self.failHandshake("Internal server error", ConnectionDeny.INTERNAL_SERVER_ERROR)

    # ---- offered to the application

    def direct_socket(self) -> DirectSocket | None:
        """The ASGI extension, where this connection can carry it."""
        if self.factory.are_insides_known and is_plain_tcp(self.transport):
            self._direct = DirectSocket(self, self.transport)
        return self._direct

    def intake(self) -> Intake:
        """The ASGI extension that says what is expected of the peer."""
        return Intake(self)

    def expect_frames(self, frames: Limit) -> None:
        """The bucket for frames, from now on."""
        self._frames, self._tokens = frames, frames.burst

    def new_inbox(self) -> Inbox:
        """The queue of the application's events."""
        return Inbox(self.transport.pauseProducing, self._read_on)

    # ---- from the network

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Bytes that Twisted has read: as many and as often as it likes, so that beats are counted here."""
        if not self._is_sharing:
            if not self.is_accepted and len(self.data) + len(data) > HELD_MAX:
                self._is_held = (
                    True  # a peer that does not wait for its answer: no more until the application has accepted
                )
                self.transport.pauseProducing()
            self._take(data)
            return
        beat = next_beat(monotonic())
        if beat != self._beat:
            self._beat, self._frames_left, self._bytes_left = beat, FRAMES_PER_BEAT, BYTES_PER_BEAT
        self._bytes_left -= len(data)
        WORK.reads += 1
        WORK.bytes += len(data)
        self._take_safely(data)
        self._note_share(BYTES_PER_BEAT - self._bytes_left)
        if self._bytes_left <= 0:
            self._owe()

    def _take(self, data: bytes) -> None:
        """Takes whole small messages off the front; the rest is autobahn's, and of both no more than this beat's share."""
        if self._is_flooded:
            return
        if self._is_owed:
            self.data += data  # TLS decrypts more at once than it was asked for
            self.transport.pauseProducing()
            return
        is_plain = self.early_max and self.state == self.STATE_OPEN and not self.data
        if is_plain and self.current_frame is None and not self.inside_message:
            data = self._take_early(data)
            if not data:
                return
        super().dataReceived(data)

    def processData(self) -> bool:  # noqa: N802 - autobahn's name
        """The next step through what has come. A frame beyond the share is not begun."""
        if not self._frames_left and self.current_frame is None and self.data:
            self._owe()
            return False
        return bool(super().processData())

    def onFrameBegin(self) -> None:  # noqa: N802 - autobahn's name
        """A frame's header, of any kind."""
        self._frames_left -= 1
        WORK.headers += 1
        self._spend(1)
        super().onFrameBegin()

    def onMessageFrameBegin(self, length: int) -> None:  # noqa: N802 - autobahn's name
        """A frame of a message, as its header announces it: what would be too long is told, and nothing of it is kept.

        Autobahn's own limits would hold for what is sent, too.
        """
        super().onMessageFrameBegin(length)
        size = self.message_data_total_length
        if size > self.bytes_max and not self.failedByMe:
            self.failedByMe = True
            self.say_goodbye(Close.TOO_BIG, f"got a message of {size} bytes; {self.bytes_max} are allowed here")

    def onOpen(self) -> None:  # noqa: N802 - autobahn's name
        """The application has accepted."""
        super().onOpen()
        self.is_accepted = True
        if self.factory.are_insides_known and self._perMessageCompress is None:
            limits = (self.maxMessagePayloadSize or EARLY_MAX, self.maxFramePayloadSize or EARLY_MAX)
            self.early_max = min(EARLY_MAX, *limits)
        self._filled_at = monotonic()
        if hasattr(self.transport, "reactor"):
            self._is_sharing, self._frames_left = True, FRAMES_PER_BEAT
        if self._is_held:
            self._is_held = False
            self.transport.resumeProducing()
        if self.early_max and is_plain_tcp(self.transport):
            self._read_from_the_loop()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802, N803 - autobahn's names
        """A message that autobahn put together."""
        if not self.muted:
            self._has_heard = True
            WORK.messages += 1
            self._hand_on(payload if isBinary else payload.decode())

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: N802, N803 - autobahn's names
        """The connection is gone: the application hears of it, and is let go of."""
        super().onClose(wasClean, code, reason)
        self.deliver = self._direct = None
        inbox = getattr(self, "application_queue", None)
        if inbox is not None:
            inbox.let_go()
        self.is_closed = None  # autobahn's, kept by us and keeping us: only the collector would find out

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:  # noqa: N802 - autobahn's name
        """Bytes of autobahn's own: a ping, a pong, a close. They wait in the transport for a moment."""
        super().sendData(data, sync, chopsize)
        if self._direct is not None:
            self._direct.note_left()

    def check_timeouts(self) -> None:
        """Called every 2 s, in place of Daphne's own: pings who is silent; ends who does not get on, at any stage."""
        now = monotonic()
        if self.state == self.STATE_OPEN:
            if self._has_heard:
                self._has_heard = False
                self.last_ping = now
            elif now - self.last_ping > self.server.ping_interval:
                self._sendAutoPing()
                self.last_ping = now
        elif self.state == self.STATE_CONNECTING:
            if now - self.socket_opened > self.server.websocket_connect_timeout:
                self._deny("the application did not answer in time")
        elif self._ending_since is None:
            self._ending_since = now
        elif now - self._ending_since > ENDING_MAX_S:
            self.transport.abortConnection()

    def onAutoPingTimeout(self) -> None:  # noqa: N802 - autobahn's name
        """No pong came: the peer is told, if it can still hear."""
        self.autoPingTimeoutCall = None
        self.say_goodbye(Close.TIMEOUT, f"no answer to a ping within {self.autoPingTimeout:.0f} s")

    # ---- from the application

    def say_goodbye(self, close: Close, reason: str, retry_after_s: float | None = None) -> None:
        """Closes an open socket as a session does, for what no session sees: its goodbye goes before the close.

        The application hears of a lost connection. A socket that closes already is left to that.
        """
        if self.state != self.STATE_OPEN:
            return
        code, name = close.value.code, close.value.name
        self.sendMessage(m.encode(m.Goodbye(code, name, reason, retry_after_s)).encode(), False)
        count("closes_total", code=str(code))
        self.sendClose(code, name)

    def handle_exception(self, exception: BaseException) -> None:
        """The application raised: the peer gets a goodbye, or an HTTP error where it was not accepted yet."""
        if self.state == self.STATE_OPEN:
            self.say_goodbye(Close.INTERNAL, "a fault on the server")
        elif "handshake_deferred" in vars(self):
            super().handle_exception(exception)

    def handle_reply(self, message: dict[str, Any]) -> None:
        """Daphne's own, but for the reason of a close, which it drops."""
        if message.get("type") == "websocket.close" and self.state == self.STATE_OPEN:
            self.sendClose(message.get("code") or 1000, message.get("reason") or None)
        else:
            super().handle_reply(message)

    # ---- inside

    def _read_from_the_loop(self) -> None:
        """Has the event loop call us in place of Twisted's layers, which cost more than all that follows.

        Twisted still owns the descriptor: it removes this reader as it would its own, puts its own in place when it reads
        again after a pause, and is called for whatever is not plain data.
        """
        reactor = self.transport.reactor
        if isinstance(reactor, AsyncioSelectorReactor) and self.transport in reactor._readers:  # noqa: SLF001
            self._recv = self.transport.socket.recv
            loop, descriptor = asyncio.get_running_loop(), self.transport.fileno()
            rounds = rounds_of(loop)
            if rounds is None:
                loop.add_reader(descriptor, self._on_readable)
            else:
                loop.add_reader(descriptor, self._on_first, loop, rounds, descriptor)

    def _on_first(self, loop: asyncio.AbstractEventLoop, rounds: Rounds, descriptor: int) -> None:
        """The first message is read at once, for a join waits for it; the others can wait for their round."""
        self._on_readable()
        if self.transport in self.transport.reactor._readers:  # noqa: SLF001
            loop.remove_reader(descriptor)
            self._is_in_rounds = True
            rounds.add(descriptor, partial(self._on_round, rounds, descriptor))

    def _on_round(self, rounds: Rounds, descriptor: int) -> None:
        """Where Twisted has removed its reader meanwhile, it is not ours to read any more; when it reads again, it does so itself."""
        if self.transport in self.transport.reactor._readers:  # noqa: SLF001
            self._on_readable()
        else:
            self._is_in_rounds = False
            rounds.remove(descriptor)

    def _on_readable(self) -> None:
        if self._is_owed:
            return  # what was read before comes first, at its beat
        try:
            data = self._recv(READ_MAX)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # the end, or a failure: Twisted reads again, finds the same, and ends the connection its way
            self.transport.reactor._readOrWrite(self.transport, True)  # noqa: SLF001
            return
        self._frames_left = FRAMES_PER_BEAT
        WORK.reads += 1
        WORK.bytes += len(data)
        self._take_safely(data)
        self._note_share(len(data))

    def _take_safely(self, data: bytes) -> None:
        try:
            self._take(data)
        except Exception:  # as Twisted: a protocol that raises loses its connection
            log.exception("socket.failed")
            count("faults_total", where="socket")
            self.say_goodbye(Close.INTERNAL, "a fault on the server")
            self.transport.loseConnection()

    def _take_early(self, data: bytes) -> bytes:
        start, left = 0, self._frames_left
        before = left
        while left and self.state == self.STATE_OPEN:
            found = whole_message(data, start, self.early_max)
            if found is None:
                break
            message, start = found
            left -= 1
            self._has_heard = True
            if self.autoPingTimeoutCall and self.autoPingRestartOnAnyTraffic:
                self._cancelAutoPingTimeoutCall()
            self._hand_on(message)
        self._frames_left = left
        taken = before - left
        WORK.headers += taken
        WORK.messages += taken
        self._spend(taken)
        return data[start:] if start else data

    # ---- the peer's share

    def _spend(self, frames: int) -> None:
        """Takes from the bucket, which is filled up only when it is empty: a look at the clock for each frame would cost more than it."""
        self._tokens -= frames
        if self._tokens < 0:
            now = monotonic()
            self._tokens = min(self._frames.burst, self._tokens + (now - self._filled_at) * self._frames.rate_per_s)
            self._filled_at = now
            if self._tokens < 0 and not self._is_flooded:
                self._is_flooded = True  # nothing more is read of what comes
                self.closeHandshakeTimeout = FLOODED_S
                count("queue_overflows_total", queue="frames", policy="close")
                self.say_goodbye(Close.RATE, "more frames than any route accepts, pings and fragments among them")

    def _owe(self) -> None:
        """Leaves the rest for the next beat, and reads no more until then."""
        if not self._is_owed:
            self._is_owed = True
            if not self._is_in_rounds:
                self.transport.pauseProducing()
            run_at(next_beat(monotonic()), self._go_on)

    def _go_on(self) -> None:
        """A beat later."""
        self._is_owed = False
        if self.state == self.STATE_CLOSED:
            return
        self._frames_left, self._bytes_left = FRAMES_PER_BEAT, BYTES_PER_BEAT
        rest = b""
        if self.current_frame is None and not self.inside_message:
            rest, self.data = self.data, b""
        self._take_safely(rest)
        self._note_share(0)
        if not self._is_in_rounds:
            self._read_on()

    def _read_on(self) -> None:
        """Reads again, unless something else has still to be done first."""
        if not self._is_owed and not getattr(self.application_queue, "is_full", False):
            self.transport.resumeProducing()

    def _note_share(self, size: int) -> None:
        taken = FRAMES_PER_BEAT - self._frames_left
        WORK.headers_beat_max = max(WORK.headers_beat_max, taken)
        WORK.bytes_beat_max = max(WORK.bytes_beat_max, size)

    def _hand_on(self, message: bytes | str) -> None:
        if self.deliver is None:
            kind = "bytes" if isinstance(message, bytes) else "text"
            self.application_queue.put_nowait({"type": "websocket.receive", kind: message})
            return
        try:
            self.deliver(message)
        except Exception:
            log.exception("socket.deliver_failed")
            self._fail()

    def _fail(self) -> None:
        """Ends a connection whose application raised: the application hears at once, the peer gets its goodbye."""
        count("faults_total", where="socket")
        self.application_queue.put_nowait({"type": "websocket.disconnect", "code": INTERNAL})
        self.muted = True
        self.say_goodbye(Close.INTERNAL, "a fault on the server")

    def _deny(self, reason: str) -> None:
        """Ends a handshake that the application has not answered."""
        if "handshake_deferred" not in vars(self):
            return  # it was denied already
        waiting = self.handshake_deferred
        del self.handshake_deferred
        waiting.errback(ConnectionDeny(ConnectionDeny.SERVICE_UNAVAILABLE, reason))  # type: ignore[no-untyped-call]
        self.server.protocol_disconnected(self)
