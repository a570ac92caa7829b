"""Writes the vectors that hold both implementations of the protocol to one another: `python -m tests.vectors.generate`.

Without ``--write`` it only says which files are stale. Everything is made from `tests.vectors.sample` and is the same
in every run. `tests/vectors/README.md` says what is in the files.
"""

import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from game.binary import put_ids, uvarint
from game.codec import decode_delta, delta_json, encode_delta
from game.contract import Event
from game.fields import NOBODY, PUBLIC, SEAT, TEAM, FieldSpec, spec_of
from game.quantize import dequantize, quantize
from game.schema import RoomRow, SeatRow, WireField, field_json, schema_of
from game.tracker import PUBLIC_SECTION, SPECTATORS_SECTION, Section, Tracker
from game.view import View
from game.wire import messages as m
from game.wire.client import Answered, Applied, Client, GameEvent
from game.wire.frames import (
    AckMessage,
    Answer,
    Blob,
    Frame,
    FrameKind,
    InputMessage,
    Part,
    Position,
    encode_ack,
    encode_frame,
    encode_input,
    frame_json,
    input_json,
)
from game.wire.limits import MARGIN_MAX
from tests.vectors.drift import motion_vectors
from tests.vectors.sample import Boom, Card, Mine, Sample, SampleWorld, Ship, Shout, Steer
from tests.vectors.texts import text_vectors

HERE = Path(__file__).parent
SCHEMA = schema_of(Sample)
SEAT_1, TEAM_0 = Section(SEAT, 1), Section(TEAM, 0)


@frozen
class Story:
    """A short match: a tracker that has seen every frame up to its seq."""

    world: SampleWorld
    tracker: Tracker
    seats: dict[int, SeatRow]

    def advance(self, *events: Event) -> None:
        """Cuts the next frame."""
        sources = {c.name: getattr(self.world, c.name, None) for c in SCHEMA.collections}
        room = RoomRow(phase="playing")
        self.tracker.advance(
            sources | {"_room": room, "_seats": self.seats, "world": self.world}, events, is_forced=True
        )

    def key(self, section: Section) -> Blob:
        """The section whole."""
        return Blob(self.tracker.seq, encode_delta(self.tracker.key(section)))

    def patch(self, section: Section, base: int) -> Blob:
        """What changed after the base; no bytes where nothing did."""
        delta = self.tracker.patch(section, base)
        return Blob(self.tracker.seq, encode_delta(delta) if delta.tables or delta.events else b"")

    def frame(self, base: int | None, sections: Sequence[Section], answers: Sequence[Answer] = ()) -> Frame:
        """A frame as the server would cut it at this seq: a KEY where the base is None."""
        seq = self.tracker.seq
        parts = [Part(s, _chain(self.key(s) if base is None else self.patch(s, base))) for s in sections]
        kind = FrameKind.KEY if base is None else FrameKind.PATCH
        return Frame(kind, 1, seq, seq if base is None else base, 100 + seq * 3, 5_000 + seq * 50, parts, answers)


def _chain(blob: Blob) -> list[Blob]:
    return [blob] if blob.data else []


def story() -> Story:
    """Two seats, two ships, a hidden card and a mine: seq 1."""
    world = SampleWorld(odds=0.25, secret=3)
    world.ships = {1: Ship(1, 0, x=-12.5, name="Ada", ammo=65_536), 2: Ship(2, 1, x=99.9, hp=7, name="Grüße 👋")}
    world.cards = {7: Card(1, 0, NOBODY, "king", "mine")}
    world.mines = {3: Mine(4.0)}
    told = Story(world, Tracker(SCHEMA), {0: SeatRow(1, "Ada", 0), 1: SeatRow(2, "Bot 2", 1, is_bot=True)})
    told.advance()
    return told


def schema_vectors() -> Any:
    """The sample's schema, as the server sends it."""
    return {"fingerprint": SCHEMA.fingerprint, "schema": SCHEMA.as_json()}


def quantize_vectors() -> Any:
    """Fields, values, what travels and what the receiver sees."""
    specs = {
        field.name: spec
        for cls in (Ship, Card, SampleWorld, Steer, Shout)
        for field in cls.__attrs_attrs__
        if isinstance(spec := spec_of(field), FieldSpec)
    }
    third = FieldSpec(specs["x"].kind, min=-1.0, step=0.1, steps=20)
    numbers: list[Any] = [
        -100,
        -100.0001,
        -100.25,
        -99.75,
        -0.25,
        -0.2499,
        0,
        0.25,
        0.75,
        99.74,
        99.75,
        100,
        100.2,
        1e300,
    ]
    cases: list[tuple[FieldSpec, Any]] = [(specs["x"], v) for v in (*numbers, -1e300, math.nan, math.inf, -math.inf)]
    cases += [(third, v) for v in (-1, -0.95, -0.05, 0.05, 0.15, 0.25, 0.35, 0.45, 0.95, 1, 1.04, 1.06)]
    cases += [(specs["radius"], v) for v in (0.005, 0.015, 0.025, 1.005, 999.995, 123.456)]
    cases += [(specs["times"], v) for v in (-3, -2, -1, 0, 299, 300, 301, 2**53)]
    cases += [(specs["ammo"], v) for v in (0, 255, 256, 65_535, 65_536, 70_000)]
    cases += [(specs["is_burning"], v) for v in (False, True)]
    cases += [(specs["plan"], v) for v in ("hold", "attack", "flee")]
    cases += [(specs["name"], v) for v in ("", "plain", "twelve bytes", "thirteen byte", "äöüäöüä", "👋👋👋👋")]
    return [
        {
            "field": field_json(WireField("it", spec)),
            "value": value if not isinstance(value, float) or math.isfinite(value) else str(value),
            "q": quantize(spec, value),
            "seen_as": dequantize(spec, quantize(spec, value)),
        }
        for spec, value in cases
    ]


def primitive_vectors() -> Any:
    """Varints and id sets, with bytes that must be refused."""
    numbers = [0, 1, 127, 128, 300, 16_383, 16_384, 2**32 - 1, 2**32, 2**53 - 1]
    sets = [
        [],
        [0],
        [5],
        [1, 2, 3],
        [1, 2],
        [4, 300],
        [*range(1, 60)],
        [1, 3, 5, 7, 9, 11, 13, 15, 17, 19],
        [2**40, 2**40 + 9],
    ]
    return {
        "varints": [{"value": n, "hex": uvarint(n).hex()} for n in numbers],
        "varints_refused": ["", "80", "8000", "ffffffffffffff7f", "ffffffffffffffffff01"],
        "ids": [{"ids": ids, "hex": _ids_hex(ids)} for ids in sets],
        "ids_refused": ["01", "0401", "050101", "07010102", "0701020300", "0501020101", "0604ffffffffffffff0f00"],
    }


def _ids_hex(ids: Sequence[int]) -> str:
    out = bytearray()
    put_ids(out, ids)
    return out.hex()


def _deltas() -> dict[str, bytes]:
    told = story()
    found = {f"key of {s}": told.key(s).data for s in (PUBLIC_SECTION, SEAT_1, TEAM_0, SPECTATORS_SECTION)}
    ships = told.world.ships
    ships[1].x, ships[1].hp, ships[2].x = -13.0, 93, 0.0
    told.advance(Event(Boom(3.5, 2), PUBLIC), Event(Boom(-100), SEAT, 1))
    found["patch: two groups and an event"] = told.patch(PUBLIC_SECTION, 1).data
    found["patch: an event for a seat"] = told.patch(SEAT_1, 1).data
    del ships[2]
    told.world.cards[7].shown_to = PUBLIC
    told.advance()
    found["patch: a ship is gone, a card is shown"] = told.patch(PUBLIC_SECTION, 2).data
    found["patch: the same from further back"] = told.patch(PUBLIC_SECTION, 1).data
    for number in range(20, 60):
        ships[number] = Ship(None, None, x=number / 2, name=f"s{number}")
    told.advance()
    found["key: many ships"] = told.key(PUBLIC_SECTION).data
    for number in range(20, 60, 3):
        ships[number].x = 0.0
    told.advance()
    found["patch: many ships, ids as a bitmap"] = told.patch(PUBLIC_SECTION, 4).data
    return found


def delta_vectors() -> Any:
    """Section deltas in both forms, and bytes that must be refused."""
    deltas = _deltas()
    key = deltas["key of public"]
    refused = {
        "neither key nor patch": b"\x02\x00\x00",
        "cut short": key[:-1],
        "too long": key + b"\x00",
        "an unknown table": b"\x00\x01\x63\x01\x01\x02\x00\x00",
        "a table without a change": b"\x01\x01\x00\x00\x00\x00",
        "a choice out of range": b"\x00\x01\x00\x01\x03\x02\x00\x03\x00\x00",
        "a key with a partial row": b"\x00\x01\x00\x01\x01\x02\x00\x01\x00",
        "text that is not UTF-8": b"\x01\x01\x00\x00\x01\x02\x02\x00\x01\xff\x00",
        "a huge count of tables": b"\x01\xff\xff\xff\xff\x0f",
    }
    return {
        "deltas": [
            {"name": name, "hex": data.hex(), "json": delta_json(decode_delta(SCHEMA, data))}
            for name, data in deltas.items()
        ],
        "refused": [{"name": name, "hex": data.hex()} for name, data in refused.items()],
    }


def _frames() -> dict[str, Frame]:
    told = story()
    sections = (PUBLIC_SECTION, TEAM_0, SEAT_1)
    found = {
        "key for a player": told.frame(None, sections),
        "key for a spectator": told.frame(None, (PUBLIC_SECTION, SPECTATORS_SECTION)),
        "head": Frame(FrameKind.HEAD, 1, 1, 1, 160, 9_000),
    }
    told.world.ships[1].ammo -= 1
    told.advance(Event(Boom(0), PUBLIC))
    answers = (Answer(0, 1, 103, "", 2), Answer(0, 2, 103, "illegal: no fuel", -300), Answer(3, 128, 106, "rate", -1))
    found["patch with answers"] = told.frame(1, sections, answers)
    told.advance()
    found["patch without any change"] = told.frame(2, sections)
    chain = [told.key(PUBLIC_SECTION)]
    told.world.radius = 1.0
    told.advance()
    chain.append(told.patch(PUBLIC_SECTION, 3))
    found["key and a patch in one chain"] = Frame(FrameKind.KEY, 1, 4, 4, 112, 5_200, [Part(PUBLIC_SECTION, chain)])
    found["big numbers"] = Frame(
        FrameKind.PATCH, 2**31, 2**52, 2**52 - 200, 2**40, 2**41, [Part(Section(SEAT, 200), [])]
    )
    widest = [Answer(0, 2**53 - 2, 2**40, "", MARGIN_MAX), Answer(0, 2**53 - 1, 2**40, "late", -MARGIN_MAX)]
    found["answers to a client whose clock is far off"] = Frame(FrameKind.KEY, 1, 4, 4, 2**40, 2**41, [], widest)
    return found


def frame_vectors() -> Any:
    """Frames in both forms, and bytes that must be refused."""
    frames = _frames()
    refused = {
        "nothing": b"",
        "an unknown kind": b"\x04" + encode_frame(frames["head"])[1:],
        "a head with a section": b"\x03\x01\x01\x00\x00\x00\x01\x00\x00\x00\x00",
        "a base in a key": b"\x01\x01\x02\x01\x00\x00\x00\x00",
        "a base before the beginning": b"\x02\x01\x02\x03\x00\x00\x00\x00",
        "an unknown section": b"\x02\x01\x02\x01\x00\x00\x01\x04\x00\x00\x00",
        "a section twice": b"\x02\x01\x02\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00",
        "the public section of somebody": b"\x02\x01\x02\x01\x00\x00\x01\x00\x01\x00\x00",
        "an empty delta": b"\x02\x01\x02\x01\x00\x00\x01\x00\x00\x01\x00\x00\x00",
        "more after the end": encode_frame(frames["head"]) + b"\x00",
    }
    return {
        "frames": [
            {"name": name, "hex": encode_frame(frame).hex(), "json": frame_json(SCHEMA, frame)}
            for name, frame in frames.items()
        ],
        "refused": [{"name": name, "hex": data.hex()} for name, data in refused.items()],
    }


def client_vectors() -> Any:
    """Inputs and acks in both forms."""
    steer, shout = SCHEMA.inputs
    inputs = [
        InputMessage(0, 1, Position(0, 0), 0, steer, [100, 0]),
        InputMessage(0, 2, Position(1, 300), 1_000, steer, [150, 1]),
        InputMessage(1, 128, Position(7, 2**40), 2**33, shout, ["Grüße", 1, 302]),
        InputMessage(3, 9, Position(1, 1), 0, shout, ["", 0, 0]),
    ]
    bodies: list[Any] = [Steer(), Steer(0.5, True), Shout("Grüße", "angry", 300), Shout("", "calm", -2)]
    acks = [Position(0, 0), Position(1, 127), Position(2, 2**53 - 1)]
    refused = ["", "10", "11", "13000000", "1100010000000200", "11000100000000ff00", "120101ff", "1201"]
    return {
        "inputs": [
            {"hex": encode_input(i).hex(), "json": input_json(i), "sent_as": {"type": i.message.name} | asdict(body)}
            for i, body in zip(inputs, bodies, strict=True)
        ],
        "acks": [
            {"hex": encode_ack(AckMessage(p)).hex(), "json": {"type": "ack", "epoch": p.epoch, "seq": p.seq}}
            for p in acks
        ],
        "refused": refused,
    }


class Scribe:
    """Drives a real client and writes down what went in and what came of it."""

    def __init__(self, name: str, is_binary: bool = True) -> None:
        self.client = Client(m.Hello(name="Ada", fingerprint=SCHEMA.fingerprint), is_binary, SCHEMA)
        self.client.start(0.0)
        self.script: dict[str, Any] = {
            "name": name,
            "subprotocol": m.BIN if is_binary else m.JSON,
            "hello": json.loads(m.encode(self.client.hello)),
            "steps": [],
        }
        self.now = 0.0
        self._step({"start": True})
        self.receive(welcome())

    def receive(self, message: Frame | m.ServerMessage) -> "Scribe":
        """The server's message arrives."""
        data: bytes | str
        if isinstance(message, Frame):
            data = encode_frame(message) if self.client.is_binary else m.encode(frame_json(SCHEMA, message))
        else:
            data = m.encode(message)
        self.client.receive(data, self.now)
        return self._step({"receive": {"hex": data.hex()} if isinstance(data, bytes) else {"text": data}})

    def wait(self, seconds: float) -> "Scribe":
        """Time passes, and the client is polled at the end of it."""
        self.now = round(self.now + seconds, 3)
        self.client.poll(self.now)
        return self._step({"poll": True})

    def send(self, body: Any, for_tick: int = 0) -> "Scribe":
        """The player acts."""
        self.client.send_input(body, 0, for_tick)
        fields = {"type": type(body).__name__} | asdict(body)
        return self._step({"send_input": {"slot": 0, "for_tick": for_tick, "body": fields}})

    def reconnect(self) -> "Scribe":
        """The socket broke and a new one is open."""
        self.client.closed(1006)
        self.client.start(self.now)
        return self._step({"closed": 1006, "start": True})

    def _step(self, what: dict[str, Any]) -> "Scribe":
        client = self.client
        self.script["steps"].append(
            {
                "at_s": self.now,
                **what,
                "expect": {
                    "state": client.state.value,
                    "head": [client.head.epoch, client.head.seq],
                    "sections": sections_json(client.view),
                    "gaps": client.gaps,
                    "sent": [
                        {"hex": s.hex()} if isinstance(s, bytes) else json.loads(s) for s in client.data_to_send()
                    ],
                    "news": [_news_json(n) for n in client.news()],
                    "unanswered": sorted(n for _, n in client.unanswered),
                },
            }
        )
        return self


def sections_json(view: View | None) -> dict[str, Any]:
    """Quantized rows: section → table index → wire id → values in field order. Tables without rows are left out."""
    if view is None:
        return {}
    return {
        str(section): {
            str(i): {str(k): list(row) for k, row in sorted(rows.items())}
            for i, rows in sorted(state.tables.items())
            if rows
        }
        for section, state in sorted(view.sections.items())
    }


def _news_json(news: Any) -> dict[str, Any]:
    match news:
        case Applied(frame):
            return {"news": "applied", "seq": frame.seq, "tick": frame.tick}
        case Answered(a):
            return {
                "news": "answered",
                "slot": a.slot,
                "n": a.n,
                "tick": a.tick,
                "margin": a.margin,
                "refused": a.reason,
            }
        case GameEvent(name, body):
            return {"news": "event", "name": name, "body": asdict(body)}
    return {"news": "message", "message": json.loads(m.encode(news))}


def welcome(answered_through: int = 0, resume: str = "token-1", generation: int = 1) -> m.Welcome:
    """A welcome for seat 1 of the sample's room."""
    grant = m.SeatGrant(0, 1, generation, answered_through)
    return m.Welcome(
        "K7",
        "inc-1",
        "sample.play",
        "player",
        "Ada",
        1,
        SCHEMA.fingerprint,
        60,
        20,
        (grant,),
        ("red", "blue"),
        resume,
        30.0,
    )


SECTIONS = (PUBLIC_SECTION, TEAM_0, SEAT_1)


def _plain(scribe: Scribe) -> None:
    told = story()
    scribe.receive(told.frame(None, SECTIONS))
    told.world.ships[1].x = 5.0
    told.advance(Event(Boom(5.0, 3), PUBLIC))
    scribe.wait(0.05).receive(told.frame(1, SECTIONS))
    scribe.receive(told.frame(1, SECTIONS))
    del told.world.ships[2]
    told.advance()
    scribe.wait(0.05).receive(told.frame(1, SECTIONS)).wait(0.25)


def _gap(scribe: Scribe) -> None:
    told = story()
    scribe.receive(told.frame(None, SECTIONS))
    for x in (1.0, 2.0, 3.0):
        told.world.ships[1].x = x
        told.advance()
    scribe.receive(told.frame(3, SECTIONS)).wait(0.1).receive(told.frame(2, SECTIONS)).wait(0.5)
    scribe.receive(Frame(FrameKind.HEAD, 1, 4, 4, 130, 6_000)).wait(1.0)
    scribe.receive(told.frame(None, SECTIONS)).receive(told.frame(None, SECTIONS))
    scribe.receive(Frame(FrameKind.HEAD, 1, 4, 4, 140, 6_500)).receive(Frame(FrameKind.HEAD, 1, 5, 5, 140, 6_600))
    told.advance()
    scribe.receive(told.frame(4, SECTIONS))


def _first_frame_is_no_key(scribe: Scribe) -> None:
    told = story()
    told.advance()
    scribe.receive(told.frame(1, SECTIONS)).receive(told.frame(None, SECTIONS))


def _audience_changes(scribe: Scribe) -> None:
    told = story()
    scribe.receive(told.frame(None, SECTIONS))
    told.world.ships[1].team = 1
    told.advance()
    entered = Section(TEAM, 1)
    frame = told.frame(1, (PUBLIC_SECTION, SEAT_1))
    parts = [*frame.parts, Part(entered, [told.key(entered)])]
    scribe.receive(Frame(frame.kind, frame.epoch, frame.seq, frame.base, frame.tick, frame.at_ms, parts))
    told.advance()
    scribe.receive(told.frame(2, (PUBLIC_SECTION, Section(TEAM, 0), SEAT_1)))


def _epochs(scribe: Scribe) -> None:
    told = story()
    scribe.receive(told.frame(None, SECTIONS))
    told.advance(Event(Boom(1.0), PUBLIC))
    newer = told.frame(1, SECTIONS)
    scribe.receive(Frame(newer.kind, 2, newer.seq, newer.base, newer.tick, newer.at_ms, newer.parts))
    key = told.frame(None, SECTIONS)
    scribe.receive(
        Frame(key.kind, 2, 1, 1, key.tick, key.at_ms, [Part(p.section, [Blob(1, p.chain[0].data)]) for p in key.parts])
    )
    told.advance()
    scribe.receive(told.frame(2, SECTIONS)).receive(told.frame(None, SECTIONS))


def _inputs(scribe: Scribe) -> None:
    told = story()
    scribe.send(Steer(0.25, True)).receive(told.frame(None, SECTIONS)).send(Shout("hi", "angry", 2), 200)
    told.advance()
    scribe.receive(told.frame(1, SECTIONS, [Answer(0, 1, 103, "", 0)]))
    told.advance()
    answers = [Answer(0, 1, 103, "", 0), Answer(0, 2, 106, "illegal", -4)]
    scribe.receive(told.frame(2, SECTIONS, answers))
    scribe.send(Steer(1.0)).receive(m.Refused("input", "not_accepted", "", 0, 3))


def _resume(scribe: Scribe) -> None:
    told = story()
    scribe.receive(told.frame(None, SECTIONS))
    for turn in (0.1, 0.2, 0.3):
        scribe.send(Steer(turn))
    scribe.reconnect()
    told.advance()
    scribe.wait(1.0).receive(welcome(1, "token-2", 2))
    scribe.receive(told.frame(None, SECTIONS, [Answer(0, 1, 103), Answer(0, 2, 106)]))
    scribe.send(Steer(0.4))


def _resume_with_many(scribe: Scribe) -> None:
    """64 go at once, then 32 a second; what is sent meanwhile waits behind them."""
    told = story()
    scribe.receive(told.frame(None, SECTIONS))
    for n in range(67):
        scribe.send(Steer(n / 100))
    scribe.reconnect()
    scribe.wait(1.0).receive(welcome(1, "token-2", 2))
    scribe.send(Steer(0.9)).wait(0.0625).wait(1.0)
    scribe.send(Steer(1.0))


def _lines(first: int, last: int, after: int) -> m.Chat:
    return m.Chat(tuple(m.ChatLine(n, "Ada", "player", f"line {n}", 1, n) for n in range(first, last + 1)), after)


def _messages(scribe: Scribe) -> None:
    scribe.receive(story().frame(None, SECTIONS))
    scribe.receive(_lines(1, 2, 0)).receive(_lines(2, 3, 1)).receive(_lines(5, 5, 4)).receive(_lines(6, 6, 5))
    scribe.receive(_lines(4, 6, 3)).receive(_lines(60, 61, 6))
    scribe.receive(m.NoticeMessage(9, "maintenance at noon")).receive(m.NoticeMessage(9, "maintenance at noon"))
    scribe.receive(m.Rebase(900, 1_200)).wait(2.0).receive(m.Pong(2_000.0, 7_000, 210))
    scribe.receive(m.Goodbye(4504, "moving", "deploy", 1.5))


def _acks(scribe: Scribe) -> None:
    """Quickly at first, then seldom; quickly again once a frame came late; an input's `seen` counts."""
    told = story()
    scribe.receive(told.frame(None, SECTIONS))
    for gap_s in (*[0.05] * 58, 0.1, *[0.05] * 8, 0.075, *[0.05] * 8):
        told.advance()
        scribe.wait(gap_s).receive(told.frame(told.tracker.seq - 1, SECTIONS))
    scribe.send(Steer(0.5)).wait(0.3).wait(0.3)
    for _ in range(40):
        told.advance()
        scribe.wait(0.01).receive(told.frame(told.tracker.seq - 1, SECTIONS))


SCRIPTS: dict[str, Callable[[Scribe], None]] = {
    "key, patch, duplicate, a ship is gone": _plain,
    "a gap asks for one resync, then again with patience; a fitting patch heals it": _gap,
    "the first frame must be a key": _first_frame_is_no_key,
    "a team switch: one section goes, another comes as a key; a patch for an unknown section is a gap": _audience_changes,
    "older epochs are ignored, newer ones need a key": _epochs,
    "inputs are numbered and answered once": _inputs,
    "a resumed seat sends again what was not answered": _resume,
    "a resumed seat sends again a few at a time, in order": _resume_with_many,
    "chat, notices, rebase, pong, goodbye": _messages,
    "frames are acknowledged seldom, and quickly where one came late": _acks,
}


def script_vectors() -> Any:
    """What a client does with a list of server messages, step by step, in both subprotocols."""
    scripts = []
    for is_binary in (True, False):
        for name, tell in SCRIPTS.items():
            scribe = Scribe(name, is_binary)
            tell(scribe)
            scripts.append(scribe.script)
    return scripts


def view_vectors() -> Any:
    """Views with their canonical bytes and digests."""
    told = story()
    vectors = []
    for sections in ((PUBLIC_SECTION,), SECTIONS, (PUBLIC_SECTION, SPECTATORS_SECTION)):
        view = View(SCHEMA)
        for section in sections:
            view.apply(section, told.tracker.key(section))
        canonical = {str(s): encode_delta(state.as_key(SCHEMA)).hex() for s, state in sorted(view.sections.items())}
        vectors.append({"sections": sections_json(view), "canonical": canonical, "digest": view.digest()})
    return vectors


FILES: dict[str, Callable[[], Any]] = {
    "schema.json": schema_vectors,
    "primitives.json": primitive_vectors,
    "quantize.json": quantize_vectors,
    "deltas.json": delta_vectors,
    "frames.json": frame_vectors,
    "client.json": client_vectors,
    "scripts.json": script_vectors,
    "views.json": view_vectors,
    "motion.json": motion_vectors,
    "text.json": text_vectors,
}


def text_of(name: str) -> str:
    """The text of one vector file. What is unseen, or half a pair, is written as an escape."""
    is_ascii = name == "text.json"
    return json.dumps(FILES[name](), indent=1, ensure_ascii=is_ascii, allow_nan=False) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Writes the files, or names the stale ones and returns 1."""
    stale = [n for n in FILES if not (HERE / n).exists() or (HERE / n).read_text("utf-8") != text_of(n)]
    for name in stale:
        if "--write" in arguments:
            (HERE / name).write_text(text_of(name), "utf-8")
        print(f"{'wrote' if '--write' in arguments else 'stale'} tests/vectors/{name}")
    return 1 if stale and "--write" not in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
