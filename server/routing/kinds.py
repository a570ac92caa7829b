"""Kinds of values a spec may hold. One object reads a value, builds it, writes it back, and describes it as JSON Schema.

`read` makes a draft: plain values, a dict for a table, without the keys that were wrong. Only a draft without
problems is built. `tables` puts the kinds together; nothing here knows a key of routing.yaml.
"""

import re
from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from attrs import Factory, field, frozen

from server.routing import units
from server.routing.nodes import Broken, Entry, Fields, Items, Node, Path, Scalar, described, is_whole, path_text, plain
from server.routing.problems import Report, did_you_mean, quote

INVALID: Final = object()
REQUIRED: Final = object()
DEFAULTS: Final = object()  # as a key's default: the table's own defaults

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


@frozen
class ListOf(Kind):
    """A list of different values of one kind."""

    item: Kind = Kind()
    high: int = 64
    expected: str = field(default=Factory(lambda self: f"a list of at most {self.high}", True))

    def read(self, node: Node, path: Path, report: Report) -> Any:
        if not isinstance(node, Items) or len(node.items) > self.high:
            return super().read(node, path, report)
        drafts = [self.item.read(item, (*path, index), report) for index, item in enumerate(node.items)]
        for index, draft in enumerate(drafts):
            if draft is not INVALID and draft in drafts[:index]:
                place, where = node.items[index].place, path_text((*path, index))
                report.problem(place, where, "each value once", f"{described(node.items[index])} a second time")
        return INVALID if any(draft is INVALID for draft in drafts) else tuple(drafts)

    def build(self, draft: Any) -> Any:
        return tuple(map(self.item.build, draft))

    def write(self, value: Any) -> Any:
        return list(map(self.item.write, value))

    def schema(self) -> JsonSchema:
        return {"type": "array", "items": self.item.schema(), "maxItems": self.high, "uniqueItems": True}


@frozen
class Key:
    """A key of a table. `attribute` is its name in the spec where that differs (a unit at the end)."""

    name: str
    kind: Kind
    doc: str
    default: Any = REQUIRED
    attribute: str = field(default=Factory(lambda self: self.name, True))

    def default_draft(self) -> Any:
        return self.kind.default_draft() if self.default is DEFAULTS and isinstance(self.kind, Table) else self.default

    def schema(self) -> JsonSchema:
        schema = {**self.kind.schema(), "description": self.doc}
        if self.default not in (REQUIRED, DEFAULTS, None):
            schema["default"] = self.kind.write(self.default)
        return schema


@frozen
class Table(Kind):
    """A mapping with known keys; any other key is a problem. Builds an instance of `makes`."""

    expected: str = "a mapping"
    makes: Callable[..., Any] = dict
    keys: tuple[Key, ...] = ()

    def read(self, node: Node, path: Path, report: Report) -> Any:
        if not isinstance(node, Fields):
            return super().read(node, path, report)
        known = {key.name: key for key in self.keys}
        for entry in node:
            if entry.key not in known:
                self.unknown(entry, path, report)
        drafts = ((key.name, self.read_key(key, node, path, report)) for key in self.keys)
        return {name: draft for name, draft in drafts if draft is not INVALID}

    def unknown(self, entry: Entry, path: Path, report: Report) -> None:
        names = [key.name for key in self.keys]
        hint = did_you_mean(entry.key, names)
        report.problem(entry.place, path_text((*path, entry.key)), "one of " + ", ".join(names), quote(entry.key), hint)

    def read_key(self, key: Key, node: Fields, path: Path, report: Report) -> Any:
        if (entry := node.get(key.name)) is not None:
            return key.kind.read(entry.value, (*path, key.name), report)
        if key.default is REQUIRED:
            report.problem(node.place, path_text((*path, key.name)), key.kind.expected, "nothing", key.doc)
            return INVALID
        return key.default_draft()

    def default_draft(self) -> Any:
        return {key.name: key.default_draft() for key in self.keys}

    def build(self, draft: Any) -> Any:
        values = {key.attribute: (key.kind, draft[key.name]) for key in self.keys}
        return self.makes(**{name: None if value is None else kind.build(value) for name, (kind, value) in values.items()})

    def write(self, value: Any) -> Any:
        found = {key.name: (key.kind, getattr(value, key.attribute)) for key in self.keys}
        return {name: kind.write(item) for name, (kind, item) in found.items() if item is not None}

    def schema(self) -> JsonSchema:
        required = [key.name for key in self.keys if key.default is REQUIRED]
        properties = {key.name: key.schema() for key in self.keys}
        schema = {"type": "object", "additionalProperties": False, "properties": properties}
        return {**schema, "required": required} if required else schema


@frozen
class MapOf(Kind):
    """A mapping whose keys the author chooses."""

    key: Text = Text()
    value: Kind = Kind()
    may_be_empty: bool = False
    expected: str = "a mapping"

    def read(self, node: Node, path: Path, report: Report) -> Any:
        if not isinstance(node, Fields):
            return super().read(node, path, report)
        drafts = {}
        for entry in node:
            if re.fullmatch(self.key.pattern, entry.key) is None:
                report.problem(entry.place, path_text((*path, entry.key)), self.key.expected, quote(entry.key))
            draft = self.value.read(entry.value, (*path, entry.key), report)
            if draft is not INVALID:
                drafts[entry.key] = draft
        if not node.entries and not self.may_be_empty:
            report.problem(node.place, path_text(path), "at least one", "none")
        return drafts

    def build(self, draft: Any) -> Any:
        return {name: self.value.build(value) for name, value in draft.items()}

    def write(self, value: Any) -> Any:
        return {name: self.value.write(item) for name, item in value.items()}

    def schema(self) -> JsonSchema:
        names = {"pattern": f"^(?:{self.key.pattern})$"}
        schema = {"type": "object", "propertyNames": names, "additionalProperties": self.value.schema()}
        return schema if self.may_be_empty else {**schema, "minProperties": 1}
