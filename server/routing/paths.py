"""The paths of routes: `/ws/race/{room}`. Parsing, matching, and which of two paths hides the other.

A `{parameter}` stands for one whole segment. Only `{room}`, the room's code, means something: it names the groups.
"""

import re

from attrs import frozen

from game.codes import ROOM_CODE

PARAMETERS = ("room",)

_LITERAL = re.compile(r"[A-Za-z0-9_.~-]+")
_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_CODE = re.compile(ROOM_CODE)


@frozen
class Segment:
    """One part between slashes: a literal, or a parameter."""

    text: str
    is_parameter: bool = False

    def accepts(self, value: str) -> bool:
        return _CODE.fullmatch(value) is not None if self.is_parameter else value == self.text

    def covers(self, other: "Segment") -> bool:
        """Whether everything the other accepts is accepted here."""
        return self.is_parameter if other.is_parameter else self.accepts(other.text)

    def meets(self, other: "Segment") -> bool:
        """Whether some value is accepted by both."""
        return self.covers(other) or other.covers(self)


@frozen
class Fault:
    """Why a text is no path."""

    expected: str
    got: str
    hint: str = ""


@frozen
class PathPattern:
    """A parsed path. `str(pattern)` is what the author wrote."""

    segments: tuple[Segment, ...]

    def __str__(self) -> str:
        return "".join("/{" + part.text + "}" if part.is_parameter else "/" + part.text for part in self.segments)

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(part.text for part in self.segments if part.is_parameter)

    @property
    def regex(self) -> str:
        """A regular expression with named groups, without the leading slash, as Django's `re_path` takes it."""
        parts = (
            f"(?P<{part.text}>{ROOM_CODE})" if part.is_parameter else re.escape(part.text) for part in self.segments
        )
        return "^" + "/".join(parts) + r"\Z"

    def match(self, path: str) -> dict[str, str] | None:
        """The parameters of a concrete path, or None when it is not one of ours."""
        if not path.startswith("/"):
            return None
        parts = path[1:].split("/")
        if len(parts) != len(self.segments) or not all(map(Segment.accepts, self.segments, parts)):
            return None
        return {segment.text: part for segment, part in zip(self.segments, parts, strict=True) if segment.is_parameter}

    def covers(self, other: "PathPattern") -> bool:
        """Whether every path of the other is one of this."""
        return self._pairwise(other) and all(map(Segment.covers, self.segments, other.segments))

    def meets(self, other: "PathPattern") -> bool:
        """Whether some path belongs to both."""
        return self._pairwise(other) and all(map(Segment.meets, self.segments, other.segments))

    def _pairwise(self, other: "PathPattern") -> bool:
        return len(self.segments) == len(other.segments)


def parse_path(text: str) -> PathPattern | Fault:
    """A path as authors write it, or what is wrong with it."""
    if not text.startswith("/"):
        return Fault("a path that starts with /", repr(text), f"write /{text}")
    segments: list[Segment] = []
    for part in text[1:].split("/"):
        segment = parse_segment(part)
        if isinstance(segment, Fault):
            return segment
        segments.append(segment)
    return PathPattern(tuple(segments))


def parse_segment(part: str) -> Segment | Fault:
    if parameter := _PARAMETER.fullmatch(part):
        return Segment(parameter[1], is_parameter=True)
    if _LITERAL.fullmatch(part) and part not in (".", ".."):
        return Segment(part)
    if not part:
        return Fault("something between the slashes", "nothing", "no // and no / at the end")
    if "{" in part or "}" in part:
        return Fault("a parameter as a whole segment, like {room}", repr(part))
    return Fault("letters, digits, - _ . ~", repr(part), "a path holds no query, no wildcard, nothing to escape")
