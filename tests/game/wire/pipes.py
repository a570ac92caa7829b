"""In-memory pairs: a room's ring, a session and a client joined by pipes that lose, repeat and reorder. Time is a number."""

from random import Random
from typing import Any

from attrs import define, field

from game.codec import encode_delta
from game.tracker import Section
from game.wire import messages as m
from game.wire.client import Applied, Client
from game.wire.ring import Ring, RingFrame
from game.wire.session import Attach, Command, Session, SessionRules, WantKey
from tests.game.strategies import Story

FRAME_S = 0.05


@define
class Faults:
    """How often a message is lost, doubled or late; (0, 0, 0): a healthy pipe."""

    loss: float = 0.0
    doubled: float = 0.0
    late: float = 0.0


@define
class Pipe:
    """One direction. Messages come out in order, but for the faults."""

    random: Random
    faults: Faults
    _wire: list[tuple[float, int, Any]] = field(factory=list)
    _count: int = 0

    def put(self, data: Any, now: float, *, is_safe: bool = False) -> None:
        """A message enters; a safe one suffers nothing."""
        faults = Faults() if is_safe else self.faults
        if self.random.random() < faults.loss:
            return
        for _ in range(1 + (self.random.random() < faults.doubled)):
            delay = self.random.uniform(0, 4 * FRAME_S) if self.random.random() < faults.late else 0.0
            self._count += 1
            self._wire.append((now + 0.01 + delay, self._count, data))

    def due(self, now: float) -> list[Any]:
        """What comes out by now."""
        out = sorted(item for item in self._wire if item[0] <= now)
        self._wire = [item for item in self._wire if item[0] > now]
        return [data for _, _, data in out]


@define
class Room:
    """A story's frames in a ring, as a gateway has them; ``hole`` is how often a frame does not reach the gateway."""

    story: Story
    ring: Ring = field(factory=lambda: Ring(epoch=1))
    keyframe_every: int = 12
    window: int = 3

    def cut(self, *, is_lost: bool = False, is_key: bool = False) -> None:
        """Advances the story by one frame."""
        story = self.story
        story.advance()
        seq = story.tracker.seq
        if is_lost:
            return
        base = max(0, seq - (32 if seq % 8 == 0 else self.window))
        blobs, keys = {}, {}
        for section in story.sections:
            delta = story.tracker.patch(section, base)
            blobs[section] = (False, encode_delta(delta) if delta.tables or delta.events else b"")
            if is_key or seq % self.keyframe_every == 1:
                keys[section] = encode_delta(story.tracker.key(section))
        self.ring.add(RingFrame(seq, base, seq * 3, seq * 50), blobs, keys)


@define
class Pair:
    """One viewer: its session at the gateway, its client, the pipes between them."""

    room: Room
    seat: int | None
    random: Random
    faults: Faults
    is_binary: bool = True
    now: float = 0.0
    session: Session = field(init=False)
    client: Client = field(init=False)
    down: Pipe = field(init=False)
    up: Pipe = field(init=False)
    applied: int = 0
    commands: list[Command] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        story = self.room.story
        accepts: dict[str, Any] = {} if self.seat is None else {"input": None, "chat": None, "leave": None}
        rules = SessionRules("test.play", "player" if self.seat else "spectator", story.schema, accepts)
        self.session = Session(rules, self.is_binary, self.now)
        self.client = Client(m.Hello(), self.is_binary, story.schema)
        self.down, self.up = Pipe(self.random, self.faults), Pipe(self.random, self.faults)
        self.client.start(self.now)
        for data in self.client.data_to_send():
            self.session.receive(data, self.now)
        assert [type(c) for c in self.session.commands()] == [Attach]
        grants = () if self.seat is None else (m.SeatGrant(0, self.seat, 1),)
        welcome = m.Welcome("R", "inc", "test.play", "player", "x", 1, story.schema.fingerprint, 60, 20, grants)
        self.session.attached(welcome, story.sections_of(self.seat), 0, self.now)
        for data in self.session.data_to_send():
            self.client.receive(data, self.now)

    def turn(self) -> None:
        """One frame's time: offers the newest frame, moves what is due, checks every frame that was applied."""
        self.session.change_sections(self.room.story.sections_of(self.seat))
        self.session.offer(self.room.ring, self.now)
        for _ in range(2):
            self.now += FRAME_S / 2
            self._move()

    def _move(self) -> None:
        self.session.poll(self.now)
        self.client.poll(self.now)
        for data in self.client.data_to_send():
            self.up.put(data, self.now)
        for data in self.up.due(self.now):
            self.session.receive(data, self.now)
            self.session.offer(self.room.ring, self.now)
        for command in self.session.commands():
            if isinstance(command, WantKey) and self.random.random() < 0.5:
                self.room.cut(is_key=True)
                self.session.offer(self.room.ring, self.now)
        for data in self.session.data_to_send():
            self.down.put(data, self.now)
        for data in self.down.due(self.now):
            self.client.receive(data, self.now)
            for news in self.client.news():
                if isinstance(news, Applied):
                    self.check()
        assert self.client.divergences == 0

    def idle_head(self) -> None:
        """The room has nothing new to say."""
        newest = self.room.ring.newest
        assert newest is not None
        self.session.offer_head(1, newest.seq, newest.tick, newest.at_ms)

    def check(self) -> None:
        """The client's view is the server's at that seq, byte for byte."""
        self.applied += 1
        client, story = self.client, self.room.story
        assert client.view is not None
        held = {s: encode_delta(state.as_key(story.schema)) for s, state in client.view.sections.items()}
        expected = story.held_at[client.head.seq]
        assert held == {s: expected[s] for s in held}

    def has_caught_up(self) -> bool:
        """Whether the client shows the newest frame and has exactly the sections that are its own."""
        newest = self.room.ring.newest
        view = self.client.view
        assert newest is not None
        assert view is not None
        wanted: list[Section] = self.room.story.sections_of(self.seat)
        return self.client.head.seq == newest.seq and set(view.sections) == set(wanted)
