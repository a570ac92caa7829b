"""A client machine that writes down what it is told and what it does, so that the browser's machine can be told the same.

A step is a call of the machine (`tests/js/agree.mjs` makes the same one) with what it gave back, where that is to agree.
"""

import json
from typing import Any

import attrs
from attrs import define, field

from game.binary import BadBytes
from game.schema import Schema
from game.view import View
from game.wire import messages as m
from game.wire.client import Answered, Applied, Client, ClientError, GameEvent, News
from game.wire.closecodes import Retry


@define
class Scribe(Client):
    """`script` is what there is to tell, `steps` what was told so far."""

    steps: list[dict[str, Any]] = field(factory=list)
    raised: int = 0

    def start(self, now: float) -> None:
        """Written down."""
        super().start(now)
        self.steps.append({"do": "start", "at_s": now})

    def receive(self, data: bytes | str, now: float) -> None:
        """Written down, with whether it could be read."""
        step = {"do": "receive", "at_s": now, "hex" if isinstance(data, bytes) else "text": _plain(data), "gave": ""}
        self.steps.append(step)
        try:
            super().receive(data, now)
        except (BadBytes, m.BadMessage):
            self.raised += 1
            step["gave"] = "raised"
            raise

    def poll(self, now: float) -> None:
        """Written down."""
        super().poll(now)
        self.steps.append({"do": "poll", "at_s": now})

    def send_input(self, body: Any, slot: int = 0, for_tick: int = 0) -> int:
        """Written down, with its number."""
        step: dict[str, Any] = {"do": "send_input", "name": type(body).__name__, "body": attrs.asdict(body)}
        step |= {"slot": slot, "for_tick": for_tick, "gave": "raised"}
        self.steps.append(step)
        try:
            step["gave"] = super().send_input(body, slot, for_tick)
        except ClientError:
            self.raised += 1
            raise
        return int(step["gave"])

    def say(self, text: str) -> None:
        """Written down."""
        super().say(text)
        self.steps.append({"do": "say", "text": text})

    def resync(self, now: float) -> None:
        """Written down."""
        super().resync(now)
        self.steps.append({"do": "resync", "at_s": now})

    def leave(self) -> None:
        """Written down."""
        super().leave()
        self.steps.append({"do": "leave"})

    def closed(self, code: int) -> Retry:
        """Written down, with what it tells to do."""
        retry = super().closed(code)
        self.steps.append({"do": "closed", "code": code, "gave": retry.name.lower()})
        return retry

    def data_to_send(self) -> list[bytes | str]:
        """Written down, where there is something; a hello tells of its SDK and is left out."""
        data = super().data_to_send()
        if data:
            self.steps.append({"do": "data_to_send", "gave": [_sent(each) for each in data]})
        return data

    def news(self) -> list[News]:
        """Written down, where there is something."""
        news = super().news()
        if news:
            self.steps.append({"do": "news", "gave": [_news(each) for each in news]})
        return news

    def script(self, schema: Schema) -> dict[str, Any]:
        """The whole script, and the state that it ends in."""
        self.data_to_send()
        self.news()
        return {
            "schema": schema.as_json(),
            "fingerprint": schema.fingerprint,
            "is_binary": self.is_binary,
            "hello": {"token": self.hello.token, "name": self.hello.name},
            "steps": self.steps,
            "end": self.end(),
        }

    def end(self) -> dict[str, Any]:
        """What both must end in."""
        return {
            "state": self.state.value,
            "head": [self.head.epoch, self.head.seq],
            "tick": self.tick,
            "gaps": self.gaps,
            "resyncs": self.resyncs,
            "divergences": self.divergences,
            "resume": self.hello.resume,
            "chat": [line.n for line in self.chat],
            "unanswered": sorted([slot, n] for slot, n in self.unanswered),
            "view": None if self.view is None else view_json(self.view),
        }


def view_json(view: View) -> dict[str, Any]:
    """As the browser's `View.asJson` says it."""
    names = dict.fromkeys(table.collection for table in view.schema.tables)
    return {"seat": view.seat, **{name: [vars(entity) for entity in view.all(name)] for name in names}}


def _plain(data: bytes | str) -> str:
    return data.hex() if isinstance(data, bytes) else data


def _sent(data: bytes | str) -> Any:
    if isinstance(data, bytes):
        return data.hex()
    message = json.loads(data)
    return "hello" if message["type"] == "hello" else message


def _news(news: News) -> Any:
    match news:
        case Applied(frame):
            return ["applied", frame.epoch, frame.seq, frame.tick]
        case Answered(a):
            return ["answered", a.slot, a.n, a.tick, a.margin, a.reason]
        case GameEvent(name, body):
            return ["event", name, body if isinstance(body, dict) else attrs.asdict(body)]
    return json.loads(m.encode(news))
