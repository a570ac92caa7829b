"""Lists, tables and named maps of kinds: the shapes of a spec.

A table's draft is a dict without the keys that were wrong, so that later checks see everything that was right.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from attrs import Factory, field, frozen

from server.routing.kinds import INVALID, JsonSchema, Kind, Text
from server.routing.nodes import Fields, Items, Node, Path, described, path_text
from server.routing.problems import Report, did_you_mean, nearest, quote

REQUIRED: Final = object()
ANYTHING: Final = Kind()
ANY_TEXT: Final = Text()
DEFAULTS: Final = object()  # as a key's default: the table's own defaults


@frozen
class ListOf(Kind):
    """A list of different values of one kind."""

    item: Kind = ANYTHING
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
        names = [key.name for key in self.keys]
        strange = [entry for entry in node if entry.key not in names]
        for entry in strange:
            hint, expected = did_you_mean(entry.key, names), "one of " + ", ".join(names)
            report.problem(entry.place, path_text((*path, entry.key)), expected, quote(entry.key), hint)
        misspelt = {near for entry in strange if (near := nearest(entry.key, names))}
        drafts = ((key.name, self.read_key(key, node, path, report, misspelt)) for key in self.keys)
        return {name: draft for name, draft in drafts if draft is not INVALID}

    def read_key(self, key: Key, node: Fields, path: Path, report: Report, misspelt: set[str]) -> Any:
        """The draft of one key. A required one that stands there misspelt is not reported as missing too."""
        if (entry := node.get(key.name)) is not None:
            return key.kind.read(entry.value, (*path, key.name), report)
        if key.name in misspelt:
            return INVALID
        if key.default is REQUIRED:
            report.problem(node.place, path_text((*path, key.name)), key.kind.expected, "nothing", key.doc)
            return INVALID
        return key.default_draft()

    def default_draft(self) -> Any:
        return {key.name: key.default_draft() for key in self.keys}

    def build(self, draft: Any) -> Any:
        values = {key.attribute: (key.kind, draft[key.name]) for key in self.keys}
        built = {name: None if value is None else kind.build(value) for name, (kind, value) in values.items()}
        return self.makes(**built)

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

    key: Text = ANY_TEXT
    value: Kind = ANYTHING
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
