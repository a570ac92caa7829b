"""Fields that move by another field's rate: every viewer comes to the same value, never far from the rules' own."""

from random import Random
from typing import Any, ClassVar

import pytest
from attrs import define
from hypothesis import given, settings
from hypothesis import strategies as st

from game.codec import decode_delta, encode_delta
from game.contract import Game
from game.fields import PUBLIC, SEAT, TEAM, choice, entities, num, text, whole
from game.motion import Move
from game.quantize import dequantize
from game.schema import RoomRow, SchemaError, schema_from_json, schema_of
from game.tracker import PUBLIC_SECTION, Tracker
from game.view import SectionState

STEP, TOLERANCE, HZ = 1000 / 65535, 0.1, 15.0


@define
class Mover:
    """Flies through a box."""

    x: float = num(0, 1000, step=STEP, audience=PUBLIC, rate="vx", tolerance=TOLERANCE)
    vx: float = num(-300, 300, step=0.01, audience=PUBLIC)
    hp: int = whole(0, 100, audience=PUBLIC, default=100)


@define
class Sky:
    """All movers."""

    movers: dict[int, Mover] = entities(Mover, audience=PUBLIC)


class Flight(Game):
    """Has no rules: the tests move things."""

    World: ClassVar[type] = Sky
    inputs: ClassVar[tuple[type, ...]] = ()


SCHEMA = schema_of(Flight)


@define
class Told:
    """A sky, its tracker, and the bytes of every frame's whole section."""

    random: Random
    sky: Sky
    tracker: Tracker
    keys: int = 10

    def frame(self, is_straight: bool = False) -> None:
        """A fraction of a second passes."""
        random, movers = self.random, self.sky.movers
        for mover in movers.values():
            mover.x += mover.vx / HZ
            if not 0 <= mover.x <= 1000:
                mover.vx, mover.x = -mover.vx, min(max(mover.x, 0.0), 1000.0)
        if not is_straight:
            for _ in range(random.randint(0, 3)):
                self._happens(random.choice([*movers]) if movers else 0)
        sources = {"_room": RoomRow(), "_seats": {}, "world": self.sky, "movers": movers}
        self.tracker.advance(sources, is_forced=random.random() < 0.3)

    def _happens(self, key: int) -> None:
        random, movers = self.random, self.sky.movers
        match random.randint(0, 6):
            case 0:
                self.keys += 1
                movers[self.keys] = Mover(random.uniform(0, 1000), random.uniform(-300, 300))
            case 1 if len(movers) > 1:
                del movers[key]
            case 2 if key:
                movers[key].x = random.choice((random.uniform(-50, 1050), float("nan")))
            case 3 if key:
                movers[key].vx = random.choice((0.0, random.uniform(-400, 400)))
            case 4 if key:
                movers[key].x += random.uniform(-0.3, 0.3)
            case _ if key:
                movers[key].hp = random.randint(0, 100)


def told(seed: int) -> Told:
    """A sky with a few movers."""
    random = Random(seed)
    sky = Sky({n: Mover(random.uniform(0, 1000), random.uniform(-300, 300)) for n in range(1, random.randint(2, 6))})
    return Told(random, sky, Tracker(SCHEMA, send_hz=HZ))


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(5, 60))
def test_any_drops_and_resyncs_lead_to_the_servers_view_which_never_misses_by_more_than_the_tolerance(
    seed: int, frames: int
):
    story = told(seed)
    random = story.random
    viewers = [SectionState(send_hz=HZ) for _ in range(4)]
    for _ in range(frames):
        story.frame()
        tracker = story.tracker
        whole_section = encode_delta(tracker.key(PUBLIC_SECTION))
        for state in viewers:
            if random.random() < 0.3:
                continue  # this frame is lost
            is_key = not state.seq or random.random() < 0.1
            base = random.randint(max(0, state.seq - 5), state.seq)
            cut = tracker.key(PUBLIC_SECTION) if is_key else tracker.patch(PUBLIC_SECTION, base)
            state.apply(decode_delta(SCHEMA, encode_delta(cut), tracker.seq))
            assert encode_delta(state.as_key(SCHEMA)) == whole_section
            for seen, mover in zip(_seen(state), story.sky.movers.values(), strict=True):
                true = min(max(mover.x, 0.0), 1000.0) if mover.x == mover.x else 0.0
                assert abs(seen - true) <= TOLERANCE + STEP / 2 + 1e-9


def _seen(state: SectionState) -> list[float]:
    table = next(table for table in SCHEMA.tables if table.collection == "movers")
    rows = state.tables.get(table.index, {})
    return [dequantize(table.fields[0].spec, rows[wire_id][0]) for wire_id in sorted(rows)]


def test_what_moves_straight_is_not_sent_and_moves_all_the_same():
    story = told(3)
    story.sky.movers = {1: Mover(500.0, 20.0), 2: Mover(500.0, -0.5)}
    state = SectionState(send_hz=HZ)
    story.frame(is_straight=True)
    state.apply(story.tracker.key(PUBLIC_SECTION))
    for _ in range(200):
        story.frame(is_straight=True)
    patch = story.tracker.patch(PUBLIC_SECTION, story.tracker.seq - 128)
    assert story.tracker.seq == 201
    assert patch.tables == []
    state.move_on(story.tracker.seq)
    assert _seen(state) == pytest.approx([500 + 201 * 20 / HZ, 500 - 201 * 0.5 / HZ], abs=TOLERANCE)


def test_the_protocols_example():
    move = Move(0, 1, 0.5, 400, 0.0, 1.0, 1)
    assert move.slope(33, 20) == 3.3000000000000003
    assert move.moved([100, 33], 7, 10, 20) == 110


def test_what_stands_still_spends_no_seq():
    story = told(3)
    story.random.random = lambda: 1.0  # type: ignore[method-assign]
    story.sky.movers = {1: Mover(500.0, 0.0)}
    for _ in range(5):
        story.frame(is_straight=True)
    assert story.tracker.seq == 1


def _game(**fields: Any) -> type[Game]:
    thing = define(type("Thing", (), {"__annotations__": dict.fromkeys(fields, Any), "seat": None, **fields}))
    world = type("World", (), {"__annotations__": {"things": dict}, "things": entities(thing, audience=PUBLIC)})
    return type("Some", (Flight,), {"World": define(world)})


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"x": {"rate": "vx"}}, r"Thing.x: rate='vx' is no wire field of Thing: expected one of \['y'\]"),
        ({"x": {"rate": "vx"}, "vx": num(0, 1, step=0.1)}, "things.x moves by 'vx', which its viewers do not see.*same audience"),
        ({"x": {"rate": "x"}}, "expected a rate that is num.. or whole.. and has no rate itself, got 'x'"),
        ({"x": {"rate": "vx"}, "vx": text(5, audience=PUBLIC)}, "expected a rate that is num.. or whole"),
        ({"x": {"rate": "vx"}, "vx": choice(("a", "b"), audience=PUBLIC)}, "expected a rate that is num.. or whole"),
        ({"x": {"rate": "vx"}, "vx": num(0, 1e9, step=1, audience=PUBLIC)}, "at most 4194304: choose a larger step"),
    ],
)  # fmt: skip
def test_a_rate_that_cannot_be_one_is_told_by_name(fields: dict[str, Any], why: str):
    made = {
        n: num(0, 10, step=0.1, audience=PUBLIC, tolerance=0.2, **f) if isinstance(f, dict) else f
        for n, f in fields.items()
    }
    with pytest.raises(SchemaError, match=why):
        schema_of(_game(**made, y=num(0, 1, step=0.1, audience=PUBLIC)))


@pytest.mark.parametrize(("audience", "other"), [(PUBLIC, SEAT), (SEAT, TEAM)])
def test_a_rate_of_another_audience_is_refused(audience: Any, other: Any):
    x = num(0, 10, step=0.1, audience=audience, rate="vx", tolerance=0.2)
    thing = define(type("Thing", (), {"__annotations__": dict.fromkeys(("x", "vx", "seat"), Any), "x": x,
                                      "vx": num(0, 1, step=0.1, audience=other), "seat": None}))  # fmt: skip
    things = entities(thing, audience=PUBLIC, owner="seat", team="seat")
    world = define(type("World", (), {"__annotations__": {"things": dict}, "things": things}))
    with pytest.raises(SchemaError, match="give both fields the same audience"):
        schema_of(type("Some", (Flight,), {"World": world}))


@pytest.mark.parametrize(
    ("given_", "why"),
    [
        ({"rate": "vx"}, "rate= and tolerance= together"),
        ({"tolerance": 1.0}, "rate= and tolerance= together"),
        ({"rate": "vx", "tolerance": 0.05}, "tolerance of at least a step"),
        ({"rate": "vx", "tolerance": float("nan")}, "finite tolerance"),
        ({"rate": "vx", "tolerance": float("inf")}, "finite tolerance"),
    ],
)
def test_a_tolerance_that_cannot_be_kept_is_refused_where_it_is_written(given_: dict[str, Any], why: str):
    with pytest.raises(ValueError, match=why):
        num(0, 10, step=0.1, **given_)


def test_an_input_does_not_move():
    steer = define(type("Steer", (), {"__annotations__": {"x": float, "v": float},
                                      "x": num(0, 1, step=0.1, rate="v", tolerance=0.1), "v": num(0, 1, step=0.1)}))  # fmt: skip
    with pytest.raises(SchemaError, match=r"input Steer\.x has a rate"):
        schema_of(type("Some", (Flight,), {"inputs": (steer,)}))


def test_a_schema_on_the_wire_names_the_rate_and_is_read_again():
    data = SCHEMA.as_json()
    assert schema_from_json(data).fingerprint == SCHEMA.fingerprint
    data["tables"][-1]["fields"][1]["name"] = "speed"
    with pytest.raises(SchemaError, match="moves by 'vx'"):
        schema_from_json(data)
