"""Path patterns: matching by hand and by regex agree, and covering means what it says."""

import re

from hypothesis import given
from hypothesis import strategies as st

from server.routing.paths import Fault, PathPattern, parse_path

segments = st.sampled_from(["ws", "arena", "watch", "v1.0", "{room}", "~x"])
patterns = st.lists(segments, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
concrete = st.lists(st.sampled_from(["ws", "arena", "watch", "K7", "v1.0", "a%b", "", "x" * 41, "é"]), max_size=4)


def pattern_of(text: str) -> PathPattern:
    pattern = parse_path(text)
    assert isinstance(pattern, PathPattern)
    return pattern


def test_a_match_has_its_parameters() -> None:
    pattern = pattern_of("/ws/arena/{room}/watch")
    assert pattern.match("/ws/arena/K7/watch") == {"room": "K7"}
    for other in (
        "/ws/arena/K7",
        "ws/arena/K7/watch",
        "/ws/arena//watch",
        "/ws/arena/K7/watch/",
        "/ws/arena/a.b/watch",
    ):
        assert pattern.match(other) is None


def test_a_parameter_is_not_matched_beyond_a_line() -> None:
    assert pattern_of("/ws/{room}").match("/ws/K7\n") is None
    assert re.match(pattern_of("/ws/{room}").regex, "ws/K7\n") is None


@given(patterns.filter(lambda text: text.count("{") <= 1), concrete)
def test_regex_and_match_agree(text: str, parts: list[str]) -> None:
    pattern, path = pattern_of(text), "/" + "/".join(parts)
    found = re.match(pattern.regex, path[1:])
    assert (found.groupdict() if found else None) == pattern.match(path)


@given(patterns, patterns, concrete)
def test_covering_and_meeting(one: str, other: str, parts: list[str]) -> None:
    a, b, path = pattern_of(one), pattern_of(other), "/" + "/".join(parts)
    if b.match(path) is not None and a.covers(b):
        assert a.match(path) is not None
    if a.match(path) is not None and b.match(path) is not None:
        assert a.meets(b)


@given(st.text(max_size=20))
def test_any_text_is_a_path_or_a_fault(text: str) -> None:
    pattern = parse_path(text)
    assert isinstance(pattern, Fault) or str(pattern) == text
