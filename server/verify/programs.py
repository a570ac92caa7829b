"""Programs: random schedules of people, inputs, time and faults, drawn by Hypothesis for one room of any plan.

`machine_of` makes the state machine from the plan alone: its routes, roles, limits and the game's input classes. Safety is
checked on the whole trace at the end, after everything was healed; liveness only then.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from attrs import evolve, frozen
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from game.wire import messages as m
from server.routing.plan import Plan
from server.verify.hostile import Visit, hanging_up, visits_of
from server.verify.index import Index
from server.verify.ledger import Ledger
from server.verify.processes import SimProcess
from server.verify.promises import Violation, broken_in
from server.verify.simclient import SimClient
from server.verify.simlayer import KINDS
from server.verify.strangers import CLAIMING, LOOKING, WAITING, Stranger
from server.verify.strategies import inputs_of
from server.verify.trace import Trace
from server.verify.world import ALIASES, CODE, World

CLIENTS_MAX = 10
STEPS_MAX = 30
LAST_TICKS = 10
STRANGERS_MAX = 24
ODD_FRONTS = ("fields", "order", "floods", "sizes")
ODD_SHARE = 16
WAITS_MS = (1, 7, 49, 50, 51, 120, 400, 1000, 3300)
RULES = {
    "join", "watch", "leave", "come_back", "take_over", "play", "play_on", "chat", "wait", "notice", "kick", "revoke", "cut", "cut_after",
    "half_open", "slow_reader", "stopped_reader", "swallow", "loss", "jumble", "little_capacity", "layer_restart", "group_expiry",
    "deaf", "disconnect", "kill_gateway", "kill_loop", "stall", "clock_step", "database_down", "odd_visit", "hang_ups",
}  # fmt: skip
FAULTS = {
    "lost", "duplicated", "reordered", "layer_restart", "group_expiry", "deaf_subscriber", "layer_disconnect",
    "gateway_killed", "loop_killed", "stall", "clock_step_back", "clock_step_forward", "socket_cut", "half_open",
    "slow_reader", "stopped_reader", "swallowed", "database_down",
}  # fmt: skip
SOMETIMES = {
    "a client asked for a resync",
    "a client came back",
    "log: layer.deaf",
    "somebody was kicked",
}
LOST_EARLY = {f"gone: {place}" for place in (LOOKING, CLAIMING, WAITING)}  # before anybody was told that it is in
PLAIN_KINDS = ("input", "chat")  # what these do is the clients' part: the trace has to know of it  # fmt: skip


Fate = tuple[str, tuple[Any, ...]]
SOCKET_FAULTS: tuple[Fate, ...] = (
    ("cut", ()), ("cut", ()), *(("cut_after", (n,)) for n in range(1, 8)), ("half_open", ()), ("half_open", ()), ("slow_reader", (2.0,)),
    ("slow_reader", (12.0,)), *(("stopped_reader", ()),) * 3,
    *(("swallow", (n,)) for n in (1, 3)),
)  # fmt: skip
WEATHERS: tuple[Fate, ...] = (
    ("loss", (0.0,)), ("loss", (0.02,)), ("loss", (0.3,)), ("jumble", (0.0,)), ("jumble", (0.05,)), ("jumble", (0.5,)),
    ("little_capacity", (3,)), ("little_capacity", (20_000,)),
)  # fmt: skip
DISASTERS: tuple[Fate, ...] = (
    ("layer_restart", (0.2,)), ("layer_restart", (1.5,)), ("layer_restart", (4.0,)), ("group_expiry", ()), ("deaf", ()),
    ("disconnect", (0.05,)), ("disconnect", (0.5,)), ("disconnect", (2.0,)), ("kill_gateway", ()), ("kill_loop", ()),
    ("stall", (0.1,)), ("stall", (0.6,)), ("stall", (2.5,)), ("stall", (5.0,)), ("clock_step", (-3600.0,)),
    ("clock_step", (-0.05,)), ("clock_step", (61.0,)), ("database_down", (0.3,)), ("database_down", (3.0,)),
)  # fmt: skip


# What befalls a program for certain, so that no kind of fault is left to luck: one thing after it has begun, one before it ends.
FATES: tuple[Fate, ...] = (
    ("nothing", ()), ("cut", ()), ("half_open", ()), ("slow_reader", (2.0,)), ("stopped_reader", ()), ("swallow", (3,)),
    ("layer_restart", (0.2,)), ("group_expiry", ()), ("deaf", ()), ("disconnect", (0.5,)), ("kill_gateway", ()), ("kill_loop", ()),
    ("stall", (0.6,)), ("clock_step", (-3600.0,)), ("clock_step", (61.0,)), ("database_down", (0.3,)),
)  # fmt: skip


class PromiseBroken(AssertionError):
    """A program broke a promise."""

    def __init__(self, found: list[Violation], trace: Trace) -> None:
        super().__init__("\n".join(["", *map(str, found[:12])]))
        self.found, self.trace = found, trace


class TimeUp(KeyboardInterrupt):
    """No further program is wanted. Hypothesis lets an interrupt through at once, and shrinks nothing for it."""


def _never() -> bool:
    return False


def _unheard(_: PromiseBroken) -> None:
    return None


@frozen
class Subject:
    """What is verified: one room of a plan."""

    plan: Plan
    room: str


class Program(RuleBasedStateMachine):
    """One program. `machine_of` sets ``subject``, ``ledger``, the strategy of inputs and the two calls on subclasses.

    ``on_broken`` hears of each program that broke a promise: the first, and those that shrinking makes of it.
    """

    subject: Subject
    ledger: Ledger
    bodies: st.SearchStrategy[Any]
    is_time_up: Callable[[], bool] = staticmethod(_never)
    on_broken: Callable[[PromiseBroken], None] = staticmethod(_unheard)

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None
        self.used: Counter[str] = Counter()
        self.lines = 0
        self.known: list[Any] = []
        self.played = 0
        self.is_given_up = False
        self.last_fate: tuple[Fate, str] = FATES[0], ALIASES[0]
        self.strangers: list[Stranger] = []

    @initialize(
        seed=st.integers(0, 2**20),
        kind=st.sampled_from(KINDS),
        gateways=st.integers(1, 2),
        people=st.lists(st.sampled_from((True, True, True, False)), min_size=1, max_size=8),
        lost=st.sampled_from((0.0, 0.02, 0.02)),
        fates=st.tuples(st.sampled_from(FATES), st.sampled_from(FATES)),
        alias=st.sampled_from(ALIASES),
    )
    def begin(
        self, seed: int, kind: Any, gateways: int, people: list[bool], lost: float, fates: tuple[Fate, Fate], alias: str
    ) -> None:
        """A world with a few players, whose messages are bytes or JSON, over a layer that loses and doubles a few."""
        self.look_at_the_time()
        self.world = World(self.subject.plan, self.subject.room, seed, kind, gateways)
        self.world.set_weather(loss=lost, duplicates=lost)
        self.world.advance(1.3)
        for is_binary in people:
            self.join("player", is_binary, 1)
        self.world.advance(0.3)
        self.befall(fates[0], alias)
        self.last_fate = fates[1], alias

    def befall(self, fate: Fate, alias: str) -> None:
        """One fault, to the first client or process."""
        name, values = fate
        if name in {socket_fault for socket_fault, _ in SOCKET_FAULTS}:
            getattr(self, name)(0, *values)
        elif name != "nothing":
            getattr(self, name)(0, alias, *values)

    @property
    def w(self) -> World:
        """The world."""
        assert self.world is not None  # noqa: S101 - begin() made it
        return self.world

    def has_room(self) -> bool:
        """Whether another client may come."""
        return self.world is not None and len(self.w.clients) < CLIENTS_MAX

    def has_clients(self) -> bool:
        """Whether anybody is there."""
        return self.world is not None and bool(self.w.clients)

    def note(self, name: str) -> None:
        """A rule ran."""
        self.look_at_the_time()
        self.used[name] += 1

    def look_at_the_time(self) -> None:
        """A program that the deadline meets is given up, and counts for nothing; so is the shrinking of one that failed."""
        if self.is_time_up():
            self.is_given_up = True
            raise TimeUp

    def pick(self, which: int) -> SimClient:
        """One of the clients."""
        return list(self.w.clients.values())[which % len(self.w.clients)]

    def teardown(self) -> None:
        """Heals, judges, forgets."""
        if self.world is None:
            return
        try:
            if self.is_given_up:
                return
            self.befall(*self.last_fate)
            self.play_for(LAST_TICKS)
            for stranger in self.strangers:
                self.world.do(stranger.hang_up)
                self.ledger.hostile += stranger.reached
            self.world.heal(meanwhile=self.play_tick)
            index = Index(self.world.trace)
            found = broken_in(index)
            self.ledger.note_program(self.world, self.used, index, found)
            if found:
                broken = PromiseBroken(found, self.world.trace)
                self.on_broken(broken)
                raise broken
        finally:
            self.world.close()

    # ---- people

    @precondition(has_room)
    @rule(role=st.sampled_from(("player", "player", "bot")), binary=st.booleans(), slots=st.sampled_from((1, 1, 1, 2)))
    def join(self, role: str, binary: bool, slots: int) -> None:
        """Somebody comes to play."""
        route = self.w.route_of(role) or self.w.route_of("player")
        if route is not None:
            self.note("join")
            self.w.client(route, is_binary=binary, slots=slots)

    @precondition(has_room)
    @rule(binary=st.booleans())
    def watch(self, binary: bool) -> None:
        """Somebody comes to watch."""
        route = self.w.route_of("spectator")
        if route is not None:
            self.note("watch")
            self.w.client(route, is_binary=binary)

    @precondition(has_clients)
    @rule(who=st.integers(0, 7))
    def leave(self, who: int) -> None:
        """Somebody gives up its seats."""
        self.note("leave")
        self.w.do(self.pick(who).leave)

    @precondition(has_clients)
    @rule(who=st.integers(0, 7))
    def come_back(self, who: int) -> None:
        """Somebody who left comes again."""
        self.note("come_back")
        self.w.do(self.pick(who).come_back)

    @precondition(has_room)
    @precondition(has_clients)
    @rule(who=st.integers(0, 7), twice=st.booleans())
    def take_over(self, who: int, twice: bool) -> None:
        """The same person opens the page in a second tab: it takes the seats over."""
        first = self.pick(who)
        token = first.machine.hello.resume
        if token is None:
            return
        self.note("take_over")
        second = self.w.client(first.route, is_binary=first.is_binary, resume_of=first)
        if twice:
            self.w.advance(0.2)
            self.w.do(first.come_back)
        assert isinstance(second.machine.hello, m.Hello)  # noqa: S101 - for the reader: it shows the first one's token

    @precondition(has_clients)
    @rule(who=st.integers(0, 7), data=st.data(), count=st.sampled_from((1, 2, 5, 40)), slot=st.sampled_from((0, 0, 1)))
    def play(self, who: int, data: st.DataObject, count: int, slot: int) -> None:
        """Somebody sends inputs at once."""
        client = self.pick(who)
        if "input" not in client.route.accepts or client.machine.welcome is None:
            return
        if slot >= len(client.machine.welcome.seats):
            slot = 0
        self.note("play")
        body = data.draw(self.bodies)
        self.known.append(body)
        for _ in range(count):
            self.w.do(lambda: client.send(body, slot))

    @precondition(has_clients)
    @rule(data=st.data(), ticks=st.integers(3, 60))
    def play_on(self, data: st.DataObject, ticks: int) -> None:
        """Everybody plays for a while, at 20 inputs a second each."""
        self.note("play_on")
        self.known += [data.draw(self.bodies) for _ in range(3)]
        self.play_for(ticks)

    def play_for(self, ticks: int) -> None:
        """So many ticks of people's time."""
        for _ in range(ticks):
            self.play_tick()
            self.w.advance(0.05)

    def play_tick(self) -> None:
        """Everybody who is in sends one of the last inputs that were drawn."""
        self.look_at_the_time()
        self.played += 1
        if bodies := self.known[-3:]:
            self.w.do(lambda: self._send_all(bodies))

    def _send_all(self, bodies: list[Any]) -> None:
        for n, client in enumerate(self.w.clients.values()):
            if "input" in client.route.accepts:
                client.send(bodies[(self.played + n) % len(bodies)])

    @precondition(has_clients)
    @rule(who=st.integers(0, 7))
    def chat(self, who: int) -> None:
        """Somebody says something that nobody else says."""
        client = self.pick(who)
        if "chat" in client.route.accepts:
            self.note("chat")
            self.lines += 1
            self.w.do(lambda: client.say(f"{client.name} says {self.lines}"))

    @precondition(has_clients)
    @rule(who=st.integers(0, 7))
    def notice(self, who: int) -> None:
        """The operators write to somebody."""
        self.note("notice")
        self.w.notify(self.pick(who), "please note")

    @precondition(has_clients)
    @rule(who=st.integers(0, 7), by_seat=st.booleans())
    def kick(self, who: int, by_seat: bool) -> None:
        """The staff remove somebody."""
        self.note("kick")
        self.w.kick(self.pick(who), by_seat=by_seat)

    @precondition(has_clients)
    @rule(who=st.integers(0, 7))
    def revoke(self, who: int) -> None:
        """Somebody's account is deactivated."""
        self.note("revoke")
        self.w.revoke(self.pick(who))

    @rule(ms=st.sampled_from(WAITS_MS))
    def wait(self, ms: int) -> None:
        """Time passes."""
        self.note("wait")
        self.w.advance(ms / 1000.0)

    # ---- hostile clients

    @rule(seed=st.integers(0, 2**10), which=st.integers(0, 2**10))
    def odd_visit(self, seed: int, which: int) -> None:
        """Somebody says odd things: at the ends of their fields, at the wrong time, very often, very long."""
        self.note("odd_visit")
        visits = visits_of(self.w, seed, ODD_FRONTS, share=ODD_SHARE)
        visit = visits[which % len(visits)]
        kept = [step for step in visit.steps if step.odd is None or step.odd.kind not in PLAIN_KINDS]
        self.let_in(evolve(visit, steps=tuple(kept)))

    @rule(after_ms=st.lists(st.integers(0, 90), min_size=2, max_size=6), is_new=st.booleans(), binary=st.booleans())
    def hang_ups(self, after_ms: list[int], is_new: bool, binary: bool) -> None:
        """Some come and hang up on their way in: into the room, or into new ones."""
        self.note("hang_ups")
        for ms in after_ms:
            code = f"NEW{len(self.strangers)}" if is_new else CODE
            self.let_in(hanging_up("", code, ms / 1000.0, is_binary=binary))

    def let_in(self, visit: Visit) -> None:
        """A visit begins."""
        route = self.w.route_of(visit.role)
        if route is not None and len(self.strangers) < STRANGERS_MAX:
            stranger = Stranger(evolve(visit, name=f"h{len(self.strangers) + 1}"), self.w, route)
            self.strangers.append(stranger)
            self.w.do(stranger.come)

    # ---- faults: few rules with many choices, so that people have most of the steps

    @precondition(has_clients)
    @rule(who=st.integers(0, 7), what=st.sampled_from(SOCKET_FAULTS))
    def bad_socket(self, who: int, what: Fate) -> None:
        """Something happens to a socket."""
        getattr(self, what[0])(who, *what[1])

    @rule(what=st.sampled_from(WEATHERS))
    def bad_weather(self, what: Fate) -> None:
        """The layer loses, doubles or delays, or no longer does."""
        getattr(self, what[0])(*what[1])

    @rule(what=st.sampled_from(DISASTERS), which=st.integers(0, 3), alias=st.sampled_from(ALIASES))
    def disaster(self, what: Fate, which: int, alias: str) -> None:
        """Something breaks."""
        getattr(self, what[0])(which, alias, *what[1])

    # ---- sockets

    def cut(self, who: int) -> None:
        """A socket breaks."""
        self.note("cut")
        self._on_socket(who, "socket_cut", lambda s: s.cut("network"))

    def cut_after(self, who: int, messages: int) -> None:
        """A socket breaks after so many more messages."""
        self.note("cut_after")
        self._on_socket(who, "socket_cut", lambda s: setattr(s, "cut_after", s.delivered + messages))

    def half_open(self, who: int) -> None:
        """A socket is dead and nobody knows."""
        self.note("half_open")
        self._on_socket(who, "half_open", lambda s: setattr(s, "is_half_open", True))

    def slow_reader(self, who: int, rate: float) -> None:
        """A client reads slower than frames come."""
        self.note("slow_reader")
        self._on_socket(who, "slow_reader", lambda s: setattr(s, "read_rate", rate))

    def stopped_reader(self, who: int) -> None:
        """A client reads nothing any more."""
        self.note("stopped_reader")
        self._on_socket(who, "stopped_reader", lambda s: setattr(s, "read_rate", 0.0))

    def swallow(self, who: int, frames: int) -> None:
        """So many frames are lost on the way, as no good network does: the client sees a gap."""
        self.note("swallow")
        self._on_socket(who, "swallowed", lambda _: setattr(self.pick(who), "swallows", frames))

    def _on_socket(self, who: int, fault: str, act: Any) -> None:
        client = self.pick(who)
        if client.socket is not None and not client.socket.is_closed:
            self.w.note_fault(fault, client.name)
            self.w.do(lambda: act(client.socket))

    # ---- the layer

    def loss(self, share: float) -> None:
        """Messages are lost."""
        self.note("loss")
        self.w.set_weather(loss=share)

    def jumble(self, share: float) -> None:
        """Messages are doubled and overtaken, and take long."""
        self.note("jumble")
        self.w.set_weather(duplicates=share, reordered=share, delay_s=(0.0005, 0.003 + share / 5))

    def little_capacity(self, capacity: int) -> None:
        """The layer holds only a few messages."""
        self.note("little_capacity")
        self.w.set_weather(capacity=capacity)

    def layer_restart(self, _which: int, _alias: str, down_s: float) -> None:
        """The layer dies and forgets."""
        self.note("layer_restart")
        self.w.restart_layer(down_s)

    def group_expiry(self, _which: int, alias: str) -> None:
        """Memberships run out."""
        self.note("group_expiry")
        self.w.expire_groups(alias)

    def deaf(self, which: int, alias: str) -> None:
        """A process hears nothing any more."""
        self.note("deaf")
        self.w.deafen(self._process(which).name, alias)

    def disconnect(self, which: int, alias: str, for_s: float) -> None:
        """A process loses its connection for a while."""
        self.note("disconnect")
        self.w.disconnect(self._process(which).name, alias, for_s)

    def _process(self, which: int) -> SimProcess:
        processes: list[SimProcess] = [*self.w.gateways, *self.w.loops]
        return processes[which % len(processes)]

    # ---- processes and clocks

    def kill_gateway(self, which: int, _alias: str) -> None:
        """A gateway is killed."""
        self.note("kill_gateway")
        self.w.kill_gateway(which)

    def kill_loop(self, _which: int, _alias: str) -> None:
        """The loop is killed, and its rooms with it."""
        self.note("kill_loop")
        self.w.kill_loop()

    def stall(self, which: int, _alias: str, for_s: float) -> None:
        """A process stands still."""
        self.note("stall")
        self.w.stall(self._process(which), for_s)

    def clock_step(self, _which: int, _alias: str, by_s: float) -> None:
        """The wall clock jumps."""
        self.note("clock_step")
        self.w.step_wall_clock(by_s)

    def database_down(self, _which: int, _alias: str, for_s: float) -> None:
        """The database answers nobody for a while."""
        self.note("database_down")
        self.w.note_fault("database_down")
        self.w.offices.down_until = self.w.now + for_s


def machine_of(
    subject: Subject,
    ledger: Ledger,
    is_time_up: Callable[[], bool] = _never,
    on_broken: Callable[[PromiseBroken], None] = _unheard,
) -> type[Program]:
    """The state machine of one room."""
    values = {
        "subject": subject,
        "ledger": ledger,
        "bodies": inputs_of(subject.plan.rooms[subject.room].schema),
        "is_time_up": staticmethod(is_time_up),
        "on_broken": staticmethod(on_broken),
    }
    return type(f"Program_{subject.room}", (Program,), values)


def run_programs(
    subject: Subject,
    ledger: Ledger,
    *,
    seed_no: int,
    examples: int,
    is_shrunk: bool = True,
    is_time_up: Callable[[], bool] = _never,
    on_broken: Callable[[PromiseBroken], None] = _unheard,
) -> None:
    """Runs that many programs of a seed, or fewer where the time is up before.

    Raises PromiseBroken for the (shrunk) first one that breaks a promise. Where the time is up while it is shrunk, nothing
    is raised: ``on_broken`` has heard of it, and of each smaller one since.
    """
    phases = [Phase.generate, *([Phase.shrink] if is_shrunk else [])]
    chosen = settings(
        max_examples=examples,
        stateful_step_count=STEPS_MAX,
        deadline=None,
        database=None,
        phases=phases,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    with suppress(TimeUp):
        run_state_machine_as_test(seed(seed_no)(machine_of(subject, ledger, is_time_up, on_broken)), settings=chosen)
