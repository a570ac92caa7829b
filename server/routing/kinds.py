"""Kinds of values a spec may hold. One object reads a value, builds it, writes it back, and describes it as JSON Schema.

`read` makes a draft, a plain value; only a draft without problems is built. `shapes` puts kinds together to lists and
tables, `tables` to routing.yaml; nothing here knows a key of it.
"""

import re
from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from attrs import Factory, field, frozen

from server.routing import units
from server.routing.nodes import Broken, Fields, Node, Path, Scalar, described, is_whole, path_text, plain
from server.routing.problems import Report, did_you_mean

INVALID: Final = object()

JsonSchema = dict[str, Any]


@frozen
class Kind:
    """What every kind can do. `expected` completes the sentence "expected …"."""

    expected: str = ""

    def read(self, node: Node, path: Path, report: Report) -> Any:
        """The draft, or INVALID with the problem in the report."""
        value = INVALID if isinstance(node, Broken) else self.accept(node)
        if value is INVALID and not isinstance(node, Broken):
            report.problem(node.place, path_text(path), self.expected, described(node), self.hint(node))
        return value

    def accept(self, node: Node) -> Any:
        """The draft of one value, or INVALID."""
        return INVALID

    def hint(self, node: Node) -> str:
        return ""

    def build(self, draft: Any) -> Any:
        """A draft without problems → the spec's value."""
        return draft

    def write(self, value: Any) -> Any:
        """The spec's value → plain data that reads back equal."""
        return value

    def schema(self) -> JsonSchema:
        return {}


@frozen
class Whole(Kind):
    """An integer within bounds."""

    low: int = 0
    high: int = 2**31 - 1
    expected: str = field(default=Factory(lambda self: f"a whole number from {self.low} to {self.high}", True))

    def accept(self, node: Node) -> Any:
        value = node.value if isinstance(node, Scalar) else None
        return value if type(value) is int and self.low <= value <= self.high else INVALID

    def schema(self) -> JsonSchema:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@frozen
class Text(Kind):
    """Text of a fixed shape; `pattern` must match all of it."""

    pattern: str = ".+"

    def accept(self, node: Node) -> Any:
        value = node.value if isinstance(node, Scalar) else None
        return value if isinstance(value, str) and re.fullmatch(self.pattern, value) else INVALID

    def schema(self) -> JsonSchema:
        return {"type": "string", "pattern": f"^(?:{self.pattern})$"}


@frozen
class Word(Kind):
    """One word of an Enum."""

    words: type[Enum] = Enum
    expected: str = field(default=Factory(lambda self: "one of " + ", ".join(self.known()), True))

    def known(self) -> list[str]:
        return [word.value for word in self.words]

    def accept(self, node: Node) -> Any:
        value = node.value if isinstance(node, Scalar) else None
        return self.words(value) if isinstance(value, str) and value in self.known() else INVALID

    def hint(self, node: Node) -> str:
        return did_you_mean(str(node.value), self.known()) if isinstance(node, Scalar) else ""

    def write(self, value: Any) -> Any:
        return value.value

    def schema(self) -> JsonSchema:
        return {"enum": self.known()}


@frozen
class Amount(Kind):
    """Text with a unit: a duration, a rate, a size."""

    parse: Callable[[str], Any] = str
    text: Callable[[Any], str] = str
    pattern: str = ""
    low: Any = None
    high: Any = None

    def accept(self, node: Node) -> Any:
        value = self.parse(node.value) if isinstance(node, Scalar) and isinstance(node.value, str) else None
        return INVALID if value is None or not self.is_within(value) else value

    def is_within(self, value: Any) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def hint(self, node: Node) -> str:
        is_number = isinstance(node, Scalar) and type(node.value) in (int, float)
        return "write the unit too" if is_number else ""

    def write(self, value: Any) -> Any:
        return self.text(value)

    def schema(self) -> JsonSchema:
        return {"type": "string", "pattern": self.pattern}


def duration(low: str, high: str) -> Amount:
    return Amount(
        f"a duration from {low} to {high} (500ms, 30s, 2m, 1h)",
        parse=units.parse_duration,
        text=units.duration_text,
        pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h)$",
        low=units.parse_duration(low),
        high=units.parse_duration(high),
    )


def rate() -> Amount:
    pattern = r"^[0-9]{1,6}/([0-9]{1,6}(\.[0-9]{1,3})?)?(ms|s|m|h)$"
    return Amount("a rate (40/s, 5/10s)", parse=units.parse_rate, text=units.rate_text, pattern=pattern)


def size(low: str, high: str) -> Amount:
    return Amount(
        f"a size from {low} to {high} (512B, 4KiB)",
        parse=units.parse_size,
        text=units.size_text,
        pattern="^[0-9]{1,9}(B|KiB|MiB)$",
        low=units.parse_size(low),
        high=units.parse_size(high),
    )


@frozen
class Plain(Kind):
    """A mapping whose keys somebody else checks."""

    expected: str = "a mapping"

    def accept(self, node: Node) -> Any:
        return plain(node) if isinstance(node, Fields) else INVALID

    def read(self, node: Node, path: Path, report: Report) -> Any:
        return super().read(node, path, report) if is_whole(node) else INVALID

    def schema(self) -> JsonSchema:
        return {"type": "object"}
