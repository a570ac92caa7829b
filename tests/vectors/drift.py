"""A small game whose things move by themselves, and the vectors made from it."""

from random import Random
from typing import Any, ClassVar

from attrs import define

from game.codec import encode_delta
from game.contract import Game
from game.fields import PUBLIC, SEAT, entities, num, whole
from game.schema import RoomRow, schema_of
from game.tracker import PUBLIC_SECTION, Section, Tracker
from game.view import SectionState

SEND_HZ = 15
FRAMES = 60


@define
class Boat:
    """Drifts; only its skipper sees how far."""

    seat: int = 1
    x: float = num(0, 1000, step=1000 / 65535, audience=PUBLIC, rate="vx", tolerance=0.1)
    vx: float = num(-200, 200, step=0.05, audience=PUBLIC)
    y: float = num(-40, 40, step=0.25, audience=PUBLIC, rate="vy", tolerance=0.5)
    vy: int = whole(-30, 30, audience=PUBLIC)
    fuel: float = num(0, 10, step=0.001, audience=SEAT, rate="burn", tolerance=0.002)
    burn: float = num(-1, 0, step=0.001, audience=SEAT)


@define
class Lake:
    """The boats."""

    boats: dict[int, Boat] = entities(Boat, audience=PUBLIC, owner="seat")


class Drift(Game):
    """Boats, and nobody steers."""

    World: ClassVar[type] = Lake
    inputs: ClassVar[tuple[type, ...]] = ()


SCHEMA = schema_of(Drift)
SECTIONS = (PUBLIC_SECTION, Section(SEAT, 1))


def motion_vectors() -> Any:
    """Deltas of a drifting lake, as a viewer got them who missed some frames, and the canonical bytes at each seq it held."""
    random = Random(4)
    lake = Lake({n: Boat(n % 2, 300.0 * n, 71.3 * (2 - n), 0, 7 * n - 12, 9.0, -0.01 * n) for n in range(4)})
    tracker = Tracker(SCHEMA, send_hz=SEND_HZ)
    held = {section: SectionState(send_hz=SEND_HZ) for section in SECTIONS}
    steps: list[dict[str, Any]] = []
    for frame in range(FRAMES):
        _drift(lake, random, frame)
        tracker.advance({"_room": RoomRow(), "_seats": {}, "world": lake, "boats": lake.boats}, is_forced=True)
        if frame and random.random() < 0.4:
            continue
        is_key = not frame or frame == FRAMES // 2
        step: dict[str, Any] = {"seq": tracker.seq, "sections": {}}
        for section, state in held.items():
            base = max(0, state.seq - random.randint(0, 3))
            delta = tracker.key(section) if is_key else tracker.patch(section, base)
            state.apply(delta)
            sent = encode_delta(delta).hex() if delta.is_key or delta.tables else None
            step["sections"][str(section)] = {"delta": sent, "held": encode_delta(state.as_key(SCHEMA)).hex()}
        steps.append(step)
    return {"schema": SCHEMA.as_json(), "fingerprint": SCHEMA.fingerprint, "send_hz": SEND_HZ, "steps": steps}


def _drift(lake: Lake, random: Random, frame: int) -> None:
    for boat in lake.boats.values():
        boat.x, boat.y, boat.fuel = (
            boat.x + boat.vx / SEND_HZ,
            boat.y + boat.vy / SEND_HZ,
            boat.fuel + boat.burn / SEND_HZ,
        )
    boat = random.choice(list(lake.boats.values()))
    if frame % 7 == 3:
        boat.vx = random.uniform(-220, 220)
    if frame % 11 == 5:
        boat.vy, boat.y = random.randint(-30, 30), random.uniform(-45, 45)
    if frame == 20:
        lake.boats[9] = Boat(1, 999.0, 100.0, 39.0, 12, 0.5, -1.0)
    if frame == 40:
        del lake.boats[0]
