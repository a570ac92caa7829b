"""O25: what the server refuses, ignores or closes one connection for changes nothing for anybody else. By three runs.

The first run has hostile clients in it; the second one is without what was refused of them, and their connections are gone when
they were gone in the first: everybody else must be sent the same bytes at the same times. The third is without them
altogether: nobody in a room that they never entered may notice. What they may do (seats taken, inputs that the room was given,
chat, keys asked for within the rate, new rooms) stays in both runs of a pair. Work is counted, too: what the loop has to
handle may not grow out of proportion to what they sent.
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from random import Random

from attrs import define, field

from server.rooms.framing import Framer
from server.rooms.pace import AFTER_BEAT_S, GRID_S
from server.rooms.room import Room
from server.verify import trace as tr
from server.verify.hostile import FRONTS, OPENINGS_AT_S, SAME, VISITS_S, Visit, visits_of
from server.verify.programs import Subject
from server.verify.promises import Violation, faults_of
from server.verify.simclient import SimClient
from server.verify.simlayer import Kind as LayerKind
from server.verify.simloop import SimLivelock, arrive_at
from server.verify.strangers import Account, Stranger
from server.verify.two_runs import any_body
from server.verify.world import CODE, World

APART = "APART"
PHASE_S = (
    0.001  # people act so long after a tick: what the hostile do may put an item off by a flush, never past a tick
)
LATEST_S = 1.2  # after the longest visit has begun
APART_AT_S, LATE_AT_S, CUT_AT_S = 0.9, 1.7, 2.1
FOUND_MAX = 12
WORK_EACH_MAX = 40  # items that the loop and its rooms may have to handle for each hostile connection and message
Sent = list[tuple[float, bytes]]


@define(eq=False)
class BusyFramer:
    """A room's framer that cuts a frame at each send tick: in an idle room any answer, of a refusal too, brings one for all."""

    framer: Framer

    def __getattr__(self, name: str) -> object:
        return getattr(self.framer, name)

    def cut(self, tick_no: int, now: float) -> None:
        """As `Framer.cut`, with a newcomer each time."""
        self.framer.admission.has_newcomers = True
        self.framer.cut(tick_no, now)


@define(eq=False)
class Played:
    """One run: who was sent what, what became of the hostile, and how much there was to do."""

    world: World
    strangers: dict[str, Stranger] = field(factory=dict)
    apart: set[str] = field(factory=set)
    failure: str = ""

    @property
    def accounts(self) -> dict[str, Account]:
        """What became of each visit."""
        return {name: stranger.account for name, stranger in self.strangers.items()}

    @property
    def reached(self) -> Counter[str]:
        """Everything hostile that really came to pass."""
        found: Counter[str] = Counter()
        for stranger in self.strangers.values():
            found.update(stranger.reached)
        return found

    @property
    def handled(self) -> int:
        """Items that the loops and their rooms took."""
        return sum(process.holder.handled for process in self.world.loops)

    def sent(self) -> dict[str, Sent]:
        """What everybody who is not hostile was sent, and when."""
        found: dict[str, Sent] = {name: [] for name in self.world.clients}
        for event in self.world.trace.of(tr.Wrote):
            if event.client in found:
                found[event.client].append((event.t, event.data))
        return found


@define
class Isolation:
    """The experiment. ``share``: each so many-th odd message only, others for other seeds. ``reached`` is filled by `violations`."""

    subject: Subject
    seed: int
    kind: LayerKind = "memory"
    fronts: Sequence[str] = FRONTS
    share: int = 1
    reached: Counter[str] = field(factory=Counter)

    def violations(self) -> list[Violation]:
        """What the hostile changed for others; empty where nothing."""
        first = self.run()
        self.reached = first.reached
        found = faults_of(first.world.trace)
        if first.failure:
            return [*found, Violation("O25", first.world.now, first.failure)]
        spared, without = self.run(first.accounts), self.run({})
        found += _too_much_work(first, without)
        found += differences(spared, first, set(first.world.clients), "what was refused")
        found += differences(without, first, first.apart, "the hostile, who were in other rooms")
        return found[:FOUND_MAX]

    def run(self, spared: dict[str, Account] | None = None) -> Played:
        """One run. ``spared`` is what became of the visits in the first one: who is not in it does not come."""
        world = World(
            self.subject.plan,
            self.subject.room,
            self.seed,
            self.kind,
            keeps_bytes=True,
            is_steady=True,
            on_room=_keep_busy,
        )
        played = Played(world)
        visits = visits_of(world, self.seed, self.fronts, self.share)
        try:
            world.advance(1.3)
            _to_phase(world)
            self._come(played, visits, spared)
            _play(played, Random(self.seed))
        except SimLivelock as error:
            played.failure = str(error)
        finally:
            world.close()
        return played

    def _come(self, played: Played, visits: Sequence[Visit], spared: dict[str, Account] | None) -> None:
        world = played.world
        for visit in visits:
            account = spared.get(visit.name) if spared is not None else None
            route = world.route_of(visit.role)
            if route is None or (spared is not None and (account is None or account.left_nothing)):
                continue
            stranger = played.strangers[visit.name] = Stranger(visit, world, route, account)
            world.do(partial(arrive_at, world.now + SETTLING_S + visit.begins_s, stranger.come))


SETTLING_S = 0.8  # people are in before the hostile come


def _keep_busy(room: Room) -> None:
    room.framer = BusyFramer(room.framer)  # type: ignore[assignment]  # the same methods


def _to_phase(world: World) -> None:
    """On to just behind a tick."""
    since = (world.now - AFTER_BEAT_S - PHASE_S) % GRID_S
    world.advance(GRID_S - since)


def _play(played: Played, random: Random) -> None:
    """People play, talk, break off and come back in one room; others open a newer one; a newcomer comes late."""
    world = played.world
    player, watcher = world.route_of("player"), world.route_of("spectator")
    seats = world.plan.rooms[world.room].seats
    people: list[SimClient] = []

    def come(code: str, gateway: str, *, is_binary: bool = True, is_watching: bool = False) -> None:
        route = watcher if is_watching else player
        if route is not None:
            people.append(world.client(route, gateway=gateway, is_binary=is_binary, code=code))

    for n in range(min(3, seats)):
        come(CODE, f"gw{1 + n % 2}", is_binary=n != 2)
    ticks = round((SETTLING_S + VISITS_S + LATEST_S) / GRID_S)
    for tick in range(ticks):
        at_s = tick * GRID_S
        if _is_at(at_s, SETTLING_S + OPENINGS_AT_S):
            come(SAME, "gw1")
        if _is_at(at_s, SETTLING_S / 2):
            come(CODE, "gw1", is_watching=True)
        if _is_at(at_s, SETTLING_S + APART_AT_S):
            come(APART, "gw1")
        if _is_at(at_s, SETTLING_S + APART_AT_S + 2 * GRID_S):  # who comes at once comes in any order
            come(APART, "gw2", is_binary=False)
        if _is_at(at_s, SETTLING_S + LATE_AT_S):
            come(APART, "gw1", is_watching=True)
            come(CODE, "gw2", is_watching=True)
        _act(world, people, tick, random)
        world.advance(GRID_S)
    played.apart = {client.name for client in people if client.room_code == APART}
    world.finish_trace()


def _is_at(at_s: float, when_s: float) -> bool:
    return abs(at_s - when_s) < GRID_S / 2


def _act(world: World, people: Sequence[SimClient], tick: int, random: Random) -> None:
    bodies = [any_body(world, random) for _ in people]
    for n, client in enumerate(people):
        if (n < 2 or (tick + n) % 3 == 0) and "input" in client.route.accepts:
            world.do(partial(client.send, bodies[n]))
        if (tick + 5 * n) % 40 == 7 and "chat" in client.route.accepts:
            world.do(partial(client.say, f"{client.name} says {tick}"))
    if _is_at(tick * GRID_S, SETTLING_S + CUT_AT_S):
        people[0].wants_in = False
        world.do(lambda: people[0].socket.cut("network"))  # type: ignore[union-attr]  # it came first
    if _is_at(tick * GRID_S, SETTLING_S + CUT_AT_S + 0.3):
        world.do(people[0].come_back)


def differences(before: Played, after: Played, names: set[str], what: str) -> list[Violation]:
    """How what these people were sent in the run with the hostile (``after``) differs from the run without ``what``."""
    found = []
    calm, tried = before.sent(), after.sent()
    for name in sorted(names):
        text = _difference(calm.get(name, []), tried.get(name, []))
        if text is not None:
            found.append(Violation("O25", text[0], f"{name}, because of {what}: {text[1]}"))
    return found


def _difference(calm: Sent, tried: Sent) -> tuple[float, str] | None:
    for n, ((t, data), (t_tried, data_tried)) in enumerate(zip(calm, tried, strict=False)):
        if data != data_tried:
            at = next(
                (k for k, (a, b) in enumerate(zip(data, data_tried, strict=False)) if a != b),
                min(len(data), len(data_tried)),
            )
            text = f"its message {n} is another from byte {at} on: {data[at : at + 24]!r} without, {data_tried[at : at + 24]!r} with"
            return t_tried, text
        if abs(t - t_tried) > 1e-6:
            return t_tried, f"its message {n} came {(t_tried - t) * 1000:+.1f} ms later"
    if len(calm) != len(tried):
        last = tried[-1][0] if tried else 0.0
        return last, f"it was sent {len(tried)} messages, {len(calm)} without; none after {last:.2f} s"
    return None


def _too_much_work(first: Played, without: Played) -> list[Violation]:
    """What the loop had to do more, against what the hostile did."""
    did = len(first.strangers) + sum(len(account.made) for account in first.accounts.values())
    more = first.handled - without.handled
    if more <= WORK_EACH_MAX * did:
        return []
    text = f"{did} hostile connections and messages made the loop handle {more} items, more than {WORK_EACH_MAX} each"
    return [Violation("O25", first.world.now, text)]
