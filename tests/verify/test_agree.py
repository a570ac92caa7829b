"""The Python SDK and the browser's do the same: scripts of frames with faults, inputs, answers and reconnects, told to both.

Two sources of scripts: random worlds of random classes through the real tracker, ring and session, with pipes that lose,
double and reorder; and the simulated server with its faults. All of them go through one Node process.
"""

import json
import subprocess
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from game.codec import body_of
from game.fields import Kind
from game.schema import Message
from game.wire import client as client_module
from game.wire import messages as m
from game.wire.closecodes import Close
from game.wire.frames import Answer, answer_rows
from game.wire.session import Attach, Session, SessionRules, Submit, WantKey
from tests.game.strategies import SEATS, Story
from tests.game.wire.pipes import FRAME_S, Faults, Pipe, Room
from tests.support.programs import find_program
from tests.verify.scribe import Scribe
from tests.verify.stories import begun, newcomer
from tests.verify.subjects import calm

ROOT = Path(__file__).parents[2]
WORLDS = 40
TURNS = 70


class Visit:
    """One person's visits to a room of a random world: the room answers inputs, the network does its worst."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.story = Story(random, random.random() < 0.3)
        self.room = Room(self.story)
        self.room.cut()
        self.seat = random.choice((None, *SEATS))
        self.is_binary = random.random() < 0.6
        rates = (random.choice((0.0, 0.05, 0.3)) for _ in range(3))
        self.down, self.up = Pipe(random, Faults(*rates)), Pipe(random, Faults())
        self.client = Scribe(m.Hello(name="Ada"), self.is_binary, self.story.schema)
        self.now, self.generation, self.applied = 10.0, 0, 0
        self.answers: list[Answer] = []
        self.connect()

    def connect(self) -> None:
        """A new socket: what was on its way is gone."""
        random, story = self.random, self.story
        faults = self.down.faults
        self.down, self.up = Pipe(random, faults), Pipe(random, Faults())
        accepts: dict[str, Any] = {} if self.seat is None else {"input": None, "chat": None, "leave": None}
        rules = SessionRules("test.play", "player" if self.seat else "spectator", story.schema, accepts)
        self.session = Session(rules, self.is_binary, self.now)
        self.client.start(self.now)
        for data in self.client.data_to_send():
            self.session.receive(data, self.now)
        assert [type(c) for c in self.session.commands()] == [Attach]
        self.generation += 1
        incarnation = "inc" if self.client.hello.resume or self.generation == 1 else f"inc{self.generation}"
        if incarnation != "inc":
            self.applied, self.answers = 0, []
        grants = () if self.seat is None else (m.SeatGrant(0, self.seat, self.generation, self.applied),)
        welcome = m.Welcome(
            "R", incarnation, "test.play", "player", "x", 1, story.schema.fingerprint, 60, 20, grants,
            resume=f"token{self.generation}",
        )  # fmt: skip
        self.session.attached(welcome, story.sections_of(self.seat), 0, self.now)
        self.client.receive(self.session.data_to_send()[0], self.now)

    def turn(self) -> None:
        """One frame's time."""
        random = self.random
        self.story.change()
        self.room.cut(is_lost=random.random() < 0.1)
        self._answer()
        self.session.change_sections(self.story.sections_of(self.seat))
        self.session.offer(self.room.ring, self.now)
        if self.seat is not None and random.random() < 0.5:
            self.client.send_input(self._body(random.choice(self.story.schema.inputs)))
        if random.random() < 0.05:
            self.session.send(m.NoticeMessage(random.randint(1, 3), "look"))
        if random.random() < 0.04:
            self.client.resync(self.now)
        for _ in range(2):
            self.now += FRAME_S / 2
            self._move()
        if random.random() < 0.04:
            if random.random() < 0.3:
                self.session.finish(random.choice((Close.OVERLOADED, Close.CANNOT_RESUME)))
                for data in self.session.data_to_send():
                    self.client.receive(data, self.now) if isinstance(data, str) else None
            self.client.closed(1006)
            self.connect()

    def _answer(self) -> None:
        newest = self.room.ring.newest
        if newest is not None and self.answers and self.seat is not None:
            self.room.ring.add_private({self.seat: answer_rows(self.answers, (1, self.generation))}, {}, {})
            self.answers = []

    def _move(self) -> None:
        self.session.poll(self.now)
        self.client.poll(self.now)
        for data in self.client.data_to_send():
            self.up.put(data, self.now)
        for data in self.up.due(self.now):
            self.session.receive(data, self.now)
        for command in self.session.commands():
            if isinstance(command, WantKey):
                self.room.cut(is_key=True)
            elif isinstance(command, Submit) and command.n > self.applied:
                self.applied = command.n
                reason = command.reason or self.random.choice(("", "", "not now"))
                self.answers.append(
                    Answer(0, command.n, self.story.tracker.seq * 3, reason, self.random.randint(-3, 3))
                )
        for data in self.session.data_to_send():
            self.down.put(data, self.now)
        for data in self.down.due(self.now):
            self.client.receive(data, self.now)
        if self.random.random() < 0.7:
            self.client.news()

    def _body(self, message: Message) -> Any:
        values = []
        for wire in message.fields:
            text = "".join(self.random.choices("abc é👋", k=self.random.randint(0, 6)))
            values.append(text if wire.spec.kind is Kind.TEXT else self.random.randint(0, wire.spec.steps))
        return body_of(message, values)


def scripts_of_worlds() -> list[dict[str, Any]]:
    """Random worlds, random networks."""
    scripts = []
    for seed in range(WORLDS):
        visit = Visit(seed)
        for _ in range(TURNS):
            visit.turn()
        scripts.append(visit.client.script(visit.story.schema))
    return scripts


def scripts_of_the_server(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The whole server in simulation: a layer that loses and restarts, sockets that break, a loop that dies."""
    monkeypatch.setattr(client_module, "Client", Scribe)
    subject = calm()
    schema = subject.plan.rooms[subject.room].schema
    with begun(5, "pubsub") as world:
        people = [newcomer(world, is_binary=n % 2 == 0) for n in range(4)] + [newcomer(world, "spectator")]
        world.advance(1.0)
        random = Random(5)
        for tick in range(160):
            for client in people[:4]:
                if random.random() < 0.4:
                    body = _any_body(random.choice(schema.inputs), random)
                    world.do(lambda c=client, b=body: c.send(b))  # type: ignore[misc]  # bound now
            if tick in (40, 100):
                world.set_weather(loss=0.3 if tick == 40 else 0.0)
            if tick in (60, 120) and people[1].socket is not None:
                world.do(lambda: people[1].socket.cut("network"))  # type: ignore[union-attr]  # looked at just now
            if tick == 80:
                world.do(lambda: people[0].say("hello"))
            if tick == 130:
                world.kill_loop()
            world.advance(0.05)
        world.heal()
        return [client.machine.script(schema) for client in people]  # type: ignore[attr-defined]  # a Scribe


def _any_body(message: Message, random: Random) -> Any:
    return body_of(
        message, ["x" if wire.spec.kind is Kind.TEXT else random.randint(0, wire.spec.steps) for wire in message.fields]
    )


def told_to_the_browsers(scripts: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """What the browser's machine made of them."""
    path = folder / "scripts.json"
    path.write_text(json.dumps(scripts), encoding="utf-8")
    command = [find_program("node", "nodejs"), str(ROOT / "tests" / "js" / "agree.mjs"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


def check_agreement(scripts: list[dict[str, Any]], folder: Path) -> Counter[str]:
    """Step by step, then the end. Counts what happened in them."""
    happened: Counter[str] = Counter()
    for number, (script, theirs) in enumerate(zip(scripts, told_to_the_browsers(scripts, folder), strict=True)):
        for at, (step, gave) in enumerate(zip(script["steps"], theirs["gave"], strict=True)):
            happened[step["do"]] += 1
            if step["do"] == "news":
                happened.update(news[0] if isinstance(news, list) else news["type"] for news in step["gave"])
            if "gave" in step:
                assert gave == json.loads(json.dumps(step["gave"])), f"script {number}, step {at}: {step}"
        assert theirs["end"] == json.loads(json.dumps(script["end"])), f"script {number}"
        happened["gaps"] += script["end"]["gaps"]
    return happened


def test_scripts_of_random_worlds_end_in_the_same_state(tmp_path: Path):
    happened = check_agreement(scripts_of_worlds(), tmp_path)
    print(dict(happened))
    assert all(happened[what] for what in ("closed", "send_input", "applied", "answered", "event", "notice", "gaps"))
    assert happened["applied"] > WORLDS * TURNS / 4


def test_scripts_of_the_simulated_server_end_in_the_same_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    happened = check_agreement(scripts_of_the_server(monkeypatch), tmp_path)
    print(dict(happened))
    assert all(happened[what] for what in ("closed", "send_input", "applied", "answered", "chat", "welcome"))
