"""The YAML we read and write: PyYAML's composer with the core schema of YAML 1.2.

`no`, `on` and `12:30` are text here, as their authors meant. Constructors are never called, so a tag can do nothing
but be reported. Reader and writer share one table of types, so that what is written reads back the same.
"""

import re
from typing import Any

import yaml
from attrs import frozen
from yaml.events import CollectionStartEvent, ScalarEvent
from yaml.nodes import Node as YamlNode

from server.routing.problems import quote

DEPTH_MAX = 32
NODES_MAX = 20_000

FOLDED = re.compile("[\r\x85\u2028\u2029]")
INT, FLOAT, BOOL, NULL, TEXT = (f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null", "str"))
CORE_TYPES: tuple[tuple[str, str, str], ...] = (
    (BOOL, r"true|True|TRUE|false|False|FALSE", "tTfF"),
    (INT, r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (FLOAT, r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+0123456789."),
    (NULL, r"~|null|Null|NULL|", "~nN\0"),
)


@frozen
class Finding:
    """Something the composer met that the spec may not hold. Lines and columns count from 1."""

    line: int
    column: int
    expected: str
    got: str
    hint: str


class TooMuchError(Exception):
    """The file is nested too deep or has too many values; composing stops."""

    def __init__(self, mark: yaml.Mark, expected: str, got: str) -> None:
        super().__init__(got)
        self.mark, self.expected, self.got = mark, expected, got


class CoreLoader(yaml.SafeLoader):
    """SafeLoader's composer with core types, bounded depth and size, and a note of every tag."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  PyYAML reads it from the class

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0
        self.composed = 0
        self.tags: list[Finding] = []

    def compose_node(self, parent: YamlNode | None, index: Any) -> YamlNode | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # types-PyYAML leaves the parser untyped
        self.depth += 1
        self.composed += 1
        if self.depth > DEPTH_MAX:
            raise TooMuchError(event.start_mark, f"at most {DEPTH_MAX} levels", "deeper nesting")
        if self.composed > NODES_MAX:
            raise TooMuchError(event.start_mark, f"at most {NODES_MAX} values", "more")
        if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag:
            self.note_tag(event)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def note_tag(self, event: Any) -> None:
        mark = event.start_mark
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        hint = "a spec holds plain values only; take the tag away"
        self.tags.append(Finding(mark.line + 1, mark.column + 1, "no tag", f"the tag {quote(tag)}", hint))


class CoreDumper(yaml.SafeDumper):
    """SafeDumper that quotes by the core schema and never writes anchors."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  PyYAML reads it from the class

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, data: str) -> Any:
        """Line breaks other than a newline only come back from double quotes: PyYAML folds them in other styles."""
        return self.represent_scalar(TEXT, data, style='"' if FOLDED.search(data) else None)


CoreDumper.add_representer(str, CoreDumper.represent_text)


for _tag, _pattern, _first in CORE_TYPES:
    for _dialect in (CoreLoader, CoreDumper):
        _dialect.add_implicit_resolver(
            _tag, re.compile(rf"^(?:{_pattern})\Z"), ["" if c == "\0" else c for c in _first]
        )
