"""What a check works with: drafts, and one file's nodes and report."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from server.routing.nodes import Fields, Node, Path, locate, locate_key, path_text
from server.routing.problems import Report

Draft = Mapping[str, Any]


@frozen
class Context:
    """One file being checked: its nodes for places, its report for problems."""

    root: Node
    report: Report

    def problem(self, path: Path, expected: str, got: str, hint: str = "") -> None:
        """A problem with the value at `path`."""
        self.report.problem(locate(self.root, path), path_text(path), expected, got, hint)

    def key_problem(self, path: Path, expected: str, got: str, hint: str = "") -> None:
        """A problem with there being such a key at all."""
        self.report.problem(locate_key(self.root, path), path_text(path), expected, got, hint)

    def warning(self, path: Path, expected: str, got: str, hint: str = "") -> None:
        self.report.warning(locate_key(self.root, path), path_text(path), expected, got, hint)

    def line(self, path: Path) -> int:
        return locate_key(self.root, path).line

    def is_written(self, room: str) -> bool:
        """Whether such a room stands in the file, though its own mistakes may have kept it out of the drafts."""
        rooms = self.root.get("rooms") if isinstance(self.root, Fields) else None
        return rooms is not None and isinstance(rooms.value, Fields) and rooms.value.get(room) is not None


def drafts_of(draft: Draft, key: str) -> dict[str, Draft]:
    found = draft.get(key)
    return {name: value for name, value in found.items() if isinstance(value, dict)} if isinstance(found, dict) else {}
