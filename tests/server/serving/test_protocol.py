"""Our protocol by itself: what is read early, what a full inbox does, and what happens when the application fails."""

import asyncio
import gc
import time
import weakref

import pytest
from daphne.ws_protocol import WebSocketFactory
from structlog.testing import capture_logs
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from game.wire import messages as m
from server.clock import monotonic
from server.serving import inbox
from server.serving.defaults import configured
from server.serving.direct import DirectSocket
from server.serving.protocol import ENDING_MAX_S, RoomSocketProtocol, are_insides_known, is_plain_tcp
from server.serving.server import RoomServer
from server.serving.steady import SteadyReactor
from tests.flow.raw import BINARY, CLOSE, CONTINUATION, PING, TEXT, frame
from tests.server.serving.harness import Line, opened


def autobahn_saw(line: Line) -> int:
    """Data frames that took the long way."""
    seen: int = line.protocol.trafficStats.incomingWebSocketFrames
    return seen


def test_the_installed_insides_are_those_it_was_written_for():
    assert are_insides_known()


def test_options_that_are_functions_stay_functions():
    # As methods they broke every handshake that offers an extension, which all browsers do.
    factory = WebSocketFactory(RoomServer(None, ["unused"], verbosity=0), server="x")
    factory.are_insides_known = True
    assert configured(factory)().perMessageCompressionAccept([]) is None


async def test_small_whole_messages_never_reach_autobahn():
    line = await opened(RoomSocketProtocol, is_delivering=True)
    line.feed(frame(BINARY, b"a") + frame(TEXT, "ü".encode()) + frame(BINARY, b"c" * 4096))
    assert line.delivered == [b"a", "ü", b"c" * 4096]
    assert autobahn_saw(line) == 0
    line.feed(frame(BINARY, b"d", fin=False) + frame(CONTINUATION, b"e") + frame(BINARY, b"f" * 4097))
    assert line.delivered[3:] == [b"de", b"f" * 4097]
    assert autobahn_saw(line) == 3
    line.feed(frame(BINARY, b"g"))
    assert autobahn_saw(line) == 3
    line.end()


async def test_unknown_insides_leave_everything_to_autobahn():
    line = await opened(RoomSocketProtocol, is_delivering=True)
    line.protocol.factory.are_insides_known = False
    line.protocol.early_max = 0  # as onOpen leaves it then
    line.feed(frame(BINARY, b"a"))
    assert (line.delivered, autobahn_saw(line)) == ([b"a"], 1)
    assert line.protocol.direct_socket() is None
    line.end()


async def test_what_is_no_plain_tcp_is_offered_no_direct_socket():
    line = await opened(RoomSocketProtocol)
    assert not is_plain_tcp(line.transport)
    assert line.protocol.direct_socket() is None
    line.end()


async def test_data_count_as_a_sign_of_life_like_a_pong():
    line = await opened(RoomSocketProtocol, is_delivering=True)
    line.protocol.autoPingTimeout = 30.0
    line.protocol._sendAutoPing()
    assert line.protocol.autoPingTimeoutCall is not None
    line.protocol.last_ping = 0.0
    line.feed(frame(BINARY, b"a"))
    assert line.protocol.autoPingTimeoutCall is None
    sent = line.sent()
    line.protocol.check_timeouts()
    assert line.protocol.last_ping > 0.0
    assert line.sent() == sent, "no ping for somebody who has just spoken"
    line.end()


# ---- bounded


async def test_a_peer_that_sends_while_nobody_reads_is_paused_and_read_again_later():
    line = await opened(RoomSocketProtocol)
    queue = line.protocol.application_queue
    fed = 0
    while line.transport.producerState == "producing":
        line.feed(frame(BINARY, b"x" * 10))
        fed += 1
    assert fed == inbox.COUNT_MAX + 1
    while line.transport.producerState == "paused":
        assert (await queue.get())["bytes"] == b"x" * 10
    assert queue.qsize() == inbox.COUNT_MAX // 2
    line.end()


async def test_few_big_messages_fill_the_inbox_too():
    line = await opened(RoomSocketProtocol)
    fed = 0
    while line.transport.producerState == "producing":
        line.feed(frame(BINARY, b"x" * 20_000))
        fed += 1
    assert fed == inbox.BYTES_MAX // (20_000 + inbox.OVERHEAD_BYTES) + 1 < inbox.COUNT_MAX
    line.end()


async def test_messages_that_are_delivered_at_once_pause_nobody():
    line = await opened(RoomSocketProtocol, is_delivering=True)
    line.feed(frame(BINARY, b"x") * 500)
    assert len(line.delivered) == 500
    assert line.transport.producerState == "producing"
    line.end()


async def test_a_peer_that_does_not_wait_for_its_answer_is_held_and_nothing_is_lost():
    patient = await opened(
        RoomSocketProtocol, is_delivering=True, before_accept=[frame(BINARY, b"a"), frame(TEXT, b"b")]
    )
    assert not patient.was_held
    assert patient.delivered == [b"a", "b"]
    pushy = await opened(RoomSocketProtocol, is_delivering=True, before_accept=[frame(BINARY, b"\0" * 15_000)] * 5)
    assert pushy.was_held
    assert pushy.transport.producerState == "producing"
    assert len(pushy.delivered) == 5
    for line in (patient, pushy):
        line.end()


# ---- failures


def goodbye_of(line: Line) -> tuple[str, bytes]:
    """The name in the goodbye that was sent, and what followed it: the close."""
    text, _, close = line.sent().rpartition(b"\x88")
    said = m.decode_server(text[text.rindex(b'{"type"') :].decode())
    assert isinstance(said, m.Goodbye)
    assert close[1:] == said.code.to_bytes(2) + said.name.encode()
    return said.name, close


async def test_an_application_that_raises_ends_with_a_goodbye_and_hears_of_the_end_once():
    def fail(_: bytes | str) -> None:
        raise RuntimeError("a bug")

    line = await opened(RoomSocketProtocol, fail)
    with capture_logs() as logs:
        line.feed(frame(BINARY, b"a") + frame(BINARY, b"b") + frame(PING))
    assert [entry["event"] for entry in logs] == ["socket.deliver_failed"]
    assert goodbye_of(line)[0] == "internal"
    line.feed(frame(CLOSE, b"\x03\xf3"))
    line.end()
    assert line.events() == [{"type": "websocket.disconnect", "code": 1011}]


async def test_an_application_that_ended_with_an_exception_says_goodbye():
    line = await opened(RoomSocketProtocol)
    line.protocol.handle_exception(RuntimeError("a bug"))
    line.protocol.handle_exception(RuntimeError("another"))
    assert goodbye_of(line)[0] == "internal"
    line.end()


async def test_who_answers_no_ping_is_told():
    line = await opened(RoomSocketProtocol)
    line.protocol.autoPingTimeout = 30.0
    line.protocol._sendAutoPing()
    line.protocol.autoPingTimeoutCall.cancel()
    line.protocol.onAutoPingTimeout()
    assert goodbye_of(line)[0] == "timeout"
    line.end()


@pytest.mark.parametrize("step_s", [172_800.0, -172_800.0])
async def test_a_day_and_a_step_of_the_wall_clock_close_nobody(monkeypatch: pytest.MonkeyPatch, step_s: float):
    """Neither Daphne's deadlines nor Twisted's timers ask for the date; 200 000 s of quiet but living connection pass as well."""
    line = await opened(RoomSocketProtocol, is_delivering=True)
    line.server.websocket_timeout = -1  # as `serve` has it
    now, loop = line.protocol.socket_opened, asyncio.new_event_loop()
    timer = SteadyReactor(loop)
    fired: list[str] = []
    timer.callLater(30.0, fired.append, "a timer of 30 s")
    wall = time.time()
    monkeypatch.setattr(time, "time", lambda: wall + step_s)
    timer.runUntilCurrent()
    for _ in range(100):
        line.feed(frame(BINARY, b"alive"))
        line.protocol.check_timeouts()
    monkeypatch.setattr("server.serving.steady.monotonic", lambda: now + 31.0)
    assert not fired
    timer.runUntilCurrent()
    assert fired == ["a timer of 30 s"], "a clock set back stops no timer"
    timer.removeAll()
    timer.waker.connectionLost(None)
    loop.close()
    monkeypatch.setattr("server.serving.protocol.monotonic", lambda: now + 200_000.0)
    line.feed(frame(BINARY, b"alive"))
    line.protocol.check_timeouts()
    assert (line.protocol.state, line.sent()) == (line.protocol.STATE_OPEN, b"")
    line.end()


async def test_the_ways_of_daphne_ask_the_steady_clock():
    line = await opened(RoomSocketProtocol)
    assert abs(line.protocol.socket_opened - monotonic()) < 60.0
    line.protocol.connectionLost(Failure(ConnectionDone()))
    assert abs(line.server.connections[line.protocol]["disconnected"] - monotonic()) < 60.0
    for details in line.server.connections.values():
        details["application_instance"].cancel()


async def test_who_closes_and_takes_nothing_is_cut_off_in_the_end(monkeypatch: pytest.MonkeyPatch):
    line = await opened(RoomSocketProtocol)
    now = [100.0]
    monkeypatch.setattr("server.serving.protocol.monotonic", lambda: now[0])
    line.feed(frame(CLOSE, b"\x03\xe8"))  # answered; what is written last waits for a peer that does not read
    ended = []
    for passed_s in (0.0, ENDING_MAX_S, 1.0):
        now[0] += passed_s
        line.protocol.check_timeouts()
        ended.append(line.transport.aborting)
    assert ended == [False, False, True]
    line.end()


async def test_a_message_that_closes_the_connection_is_the_last_one():
    got: list[bytes | str] = []

    def close(message: bytes | str) -> None:
        got.append(message)
        line.protocol.sendClose(4001, "enough")

    line = await opened(RoomSocketProtocol, close)
    line.feed(frame(BINARY, b"a") + frame(TEXT, b"b", rsv=1))
    assert got == [b"a"]
    assert line.sent() == b"\x88\x08\x0f\xa1enough"
    line.end()


async def test_deliver_comes_before_accept():
    line = await opened(RoomSocketProtocol)
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match=r"before websocket\.accept"):
        _Bare(line.protocol).deliver = print
    line.end()


async def test_a_connection_that_is_gone_leaves_nothing_for_the_garbage_collector():
    line = await opened(RoomSocketProtocol, is_delivering=True)
    protocol = weakref.ref(line.protocol)
    gc.disable()
    try:
        line.end()
        line.server.connections.clear()  # as Daphne does a second later
        del line
        await asyncio.sleep(0)
        assert protocol() is None
    finally:
        gc.enable()


class _Bare(DirectSocket):
    """Without a socket, which this transport has not."""

    def __init__(self, protocol: object) -> None:
        self._protocol = protocol
