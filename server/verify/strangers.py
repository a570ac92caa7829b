"""Hostile connections of a simulated world: each carries out a `Visit`, and notes what the server makes of every message.

A message was `TAKEN` where the room was told of it, for it may then have an effect on others by the game's own rules; where it
was refused, or the connection closed for it, nobody but its sender may ever notice. How far a connection had come when it was
lost is noted too, down to the `await` where the server stood.
"""

import linecache
from collections import Counter, deque
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any, cast

from attrs import define, field

from game.wire import messages as m
from game.wire.session import SessionState
from server.clock import stopwatch
from server.relay import envelope as e
from server.routing.plan import RoutePlan
from server.sockets.connection import Connection
from server.sockets.consumer import RoomConsumer
from server.sockets.outlet import Outlet
from server.verify.hostile import Visit
from server.verify.simloop import arrive_at
from server.verify.simsockets import Data, SimSocket
from server.verify.world import World

if TYPE_CHECKING:
    from server.verify.processes import SimGateway

FAR_S = 0.004
TAKEN, REFUSED, CLOSED = "taken", "refused", "closed"
UNACCEPTED, UNKNOWN, LOOKING = "before it was accepted", "before its hello", "while its room is looked for"
CLAIMING, WAITING = "while its room is claimed", "its join waits for a tick"
UNTOLD, WELCOMED, INSIDE = "its welcome on the way", "right after its welcome", "in the room"
REFUSAL = '{"type":"refused"'


@define
class Account:
    """What became of one visit: what was made of each of its steps that arrived, when the server lost it, how far it had come."""

    made: dict[int, str] = field(factory=dict)
    lost_at: float | None = None
    came_to: str = "never connected"
    is_known: bool = False

    def kept(self) -> set[int]:
        """The steps that may have had a legal effect on others."""
        return {number for number, made in self.made.items() if made == TAKEN}

    @property
    def left_nothing(self) -> bool:
        """Whether no room was ever asked to take it in, or was not there yet when it was gone."""
        return not self.is_known or self.came_to in (UNACCEPTED, LOOKING, CLAIMING)


@define(eq=False)
class Spy:
    """A connection's outlet while one message is taken: whether its sender is told that it was refused."""

    outlet: Any
    is_refused: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.outlet, name)

    def write(self, message: bytes | str) -> None:
        """As the outlet does."""
        self.is_refused |= isinstance(message, str) and message.startswith(REFUSAL)
        self.outlet.write(message)


@define(eq=False)
class Stranger:
    """One visit under way. ``spared``: None, and it does all it has planned; or what became of it before, and it does only what
    was taken, and is gone when it was gone then.
    """

    visit: Visit
    world: World
    route: RoutePlan
    spared: Account | None = None
    account: Account = field(factory=Account)
    reached: Counter[str] = field(factory=Counter)
    random: Random = field(init=False)
    room_code: str = field(init=False)
    name: str = field(init=False)
    socket: SimSocket | None = None
    _sent: deque[int] = field(factory=deque)
    _n: int = 0
    _heard: int = 0

    def __attrs_post_init__(self) -> None:
        self.name, self.room_code = self.visit.name, self.visit.code
        self.random = Random(f"{self.world.seed} {self.name}")

    @property
    def delay_s(self) -> tuple[float, float]:
        """It is far away, so that much is under way when it hangs up."""
        return FAR_S, FAR_S

    @property
    def offers(self) -> list[str]:
        """Its subprotocols, and a token that names it."""
        return [*self.visit.offers, m.TOKEN_PREFIX + self.name]

    def served_by(self, consumer: type[RoomConsumer], gateway: "SimGateway") -> type[RoomConsumer]:
        """The consumer, with a look at what it makes of each message."""
        return _judged(consumer, self, gateway)

    def come(self) -> None:
        """Connects, and does the rest in its time."""
        gateway = self.world.choose_gateway(self.visit.gateway)
        if gateway is None or not self.world.trace.is_open:
            return
        self.socket = gateway.open_socket(self)
        self.socket.open()
        now = stopwatch()
        for number, step in enumerate(self.visit.steps):
            if self.spared is None or number in self.spared.made:
                arrive_at(now + step.at_s, lambda number=number: self._do(number))  # type: ignore[misc]  # bound here
        if self.spared is not None and self.spared.lost_at is not None:
            arrive_at(self.spared.lost_at, self._vanish)

    def hang_up(self) -> None:
        """It goes, whatever it had planned."""
        if self.socket is not None:
            self.socket.close()

    def _do(self, number: int) -> None:
        step, socket = self.visit.steps[number], self.socket
        if socket is None or socket.is_closed:
            return
        if step.odd is None:
            self.reached[f"{self.visit.front}: hang up"] += 1
            socket.close()
            return
        self._n += 1
        if self.spared is None or number in self.spared.kept():
            self._sent.append(number)
            socket.send(step.odd.numbered(self._n))

    def _vanish(self) -> None:
        """It is gone in the very moment in which it was gone before."""
        if self.socket is not None:
            self.socket.is_closed = True
            self.socket._reach_app({"type": "websocket.disconnect", "code": 1006})

    def on_data(self, data: Data) -> None:
        """It listens to nothing."""
        self._heard += 1

    def on_close(self, code: int, why: str) -> None:
        """Nor does it come back."""
        if why == "server":
            self.reached[f"closed {code}"] += 1

    # ---- what is made of it

    def note(self, connection: Connection | None, gateway: "SimGateway", take: Callable[[], None]) -> None:
        """A message arrives: what comes of it, while it is taken, is its doing."""
        number = self._sent.popleft()
        step = self.visit.steps[number]
        pushed: list[e.ToLoop] = []
        state, waiting = (connection.session.state, len(connection.session._waiting)) if connection else (None, 0)
        outlet = connection.outlet if connection is not None else None
        spy = Spy(outlet)
        if connection is not None and outlet is not None:
            connection.outlet = cast(Outlet, spy)
        gateway.hub.on_push = pushed.append
        try:
            take()
        finally:
            gateway.hub.on_push = None
            if connection is not None:
                connection.outlet = outlet
        is_there = state is SessionState.LIVE or not step.is_inside or self.reached[f"{self.visit.front}: {step.what}"]
        self.reached[f"{self.visit.front}: {step.what}" if is_there else "said outside"] += 1
        if connection is None:
            self.account.made[number] = REFUSED
            return
        session = connection.session
        is_hello = state is SessionState.HELLO and session.state is SessionState.JOINING
        self.account.is_known |= is_hello
        is_put_off = len(session._waiting) > waiting
        is_taken = not spy.is_refused and (is_hello or is_put_off or any(_is_taken(item) for item in pushed))
        is_closed = state is not SessionState.CLOSED and session.state is SessionState.CLOSED
        self.account.made[number] = TAKEN if is_taken else CLOSED if is_closed else REFUSED

    def note_lost(self, connection: Connection | None) -> None:
        """The server hears that it is gone; how far it has come by then."""
        self.account.lost_at = stopwatch()
        self.account.came_to = self._place_of(connection)
        self.reached[f"gone: {self.account.came_to}"] += 1
        for line in _awaits(connection):
            self.reached[f"awaits: {line}"] += 1

    def _place_of(self, connection: Connection | None) -> str:
        if connection is None:
            return UNACCEPTED
        session = connection.session
        if session.state is SessionState.HELLO:
            return UNKNOWN
        if session.state is SessionState.CLOSED:
            return "closed"
        if connection._tasks and not self._is_asked(connection):
            return LOOKING
        if connection.gateway.hub.loop_of(connection) is not None:
            return INSIDE if self._heard > 1 else WELCOMED if self._heard else UNTOLD
        return self._place_in_loop(connection)

    def _is_asked(self, connection: Connection) -> bool:
        return connection in connection.gateway.hub.members()

    def _place_in_loop(self, connection: Connection) -> str:
        rows = [
            row.incarnation for row in self.world.offices.rows.values() if row.code == self.room_code and row.is_open
        ]
        held = [
            process.holder.rooms[inc].room
            for process in self.world.loops
            for inc in rows
            if inc in process.holder.rooms
        ]
        if not held:
            return CLAIMING
        return WAITING


def _is_taken(item: e.ToLoop) -> bool:
    """Whether it may have an effect on others. An input that is passed on with a reason is refused, and only answered in order."""
    return not (isinstance(item, e.InputItem) and item.reason)


def _judged(consumer: type[RoomConsumer], stranger: Stranger, gateway: "SimGateway") -> type[RoomConsumer]:
    class Judged(consumer):  # type: ignore[valid-type, misc]  # the route's own class
        async def connect(self) -> None:
            gateway.next_conn = f"{gateway.name}-{stranger.name}"
            await super().connect()

        async def dispatch(self, message: dict[str, Any]) -> None:
            if message["type"] == "websocket.disconnect":
                stranger.note_lost(self.connection)
            await super().dispatch(message)

        def _on_receive(self, message: dict[str, Any]) -> None:
            stranger.note(self.connection, gateway, lambda: RoomConsumer._on_receive(self, message))

    return Judged


def _awaits(connection: Connection | None) -> list[str]:
    """The `await`s at which the connection's tasks stand: function and line, from the outside in."""
    found = []
    for task in connection._tasks if connection is not None else ():
        coroutine: Any = task.get_coro()
        while coroutine is not None and (frame := getattr(coroutine, "cr_frame", None)) is not None:
            code = frame.f_code
            if "/sockets/" in code.co_filename:
                line = linecache.getline(code.co_filename, frame.f_lineno).strip()
                found.append(f"{code.co_qualname}: {line}")
            coroutine = coroutine.cr_await
    return found
