"""What stands around the text: files that are none, that are too large, that are fine in an odd way."""

import os
from pathlib import Path

from server.routing.load import SIZE_MAX, dump, load, parse
from server.routing.nodes import Fields, Node, locate, locate_key, plain
from server.routing.problems import Place, Report


def loaded(path: Path) -> tuple[Node | None, str]:
    report = Report(path.name)
    node = load(path, report)
    return node, str(report.result())


def parsed(text: str) -> Node:
    report = Report("spec")
    node = parse(text, report)
    assert node is not None
    assert not report.problems
    return node


def test_missing_file(tmp_path: Path) -> None:
    _, text = loaded(tmp_path / "spec.yaml")
    assert text.startswith("spec.yaml  expected a file that can be read, got no such file or directory")
    assert "--routing PATH or ROOMWRIGHT_ROUTING" in text


def test_directory(tmp_path: Path) -> None:
    assert "expected a file, got a directory  (name the YAML file itself)" in loaded(tmp_path)[1]


def test_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "expected a file, got a pipe or device" in loaded(tmp_path / "pipe")[1]


def test_path_with_a_nul(tmp_path: Path) -> None:
    assert "expected a file that can be read, got embedded null" in loaded(tmp_path / "a\0b")[1]


def test_ten_megabytes(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_bytes(b"a: 1\n" * 2_000_000)
    node, text = loaded(file)
    assert node is None
    assert f"expected at most {SIZE_MAX} bytes, got a larger file" in text


def test_many_values_below_the_size_limit(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_bytes(b"[" + b"1," * 400_000 + b"]")
    assert "expected at most 20000 values, got more" in loaded(file)[1]


def test_byte_order_mark_and_windows_lines_are_fine(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: [x, y]\r\n")
    node, _ = loaded(file)
    assert node is not None
    assert plain(node) == {"a": 1, "b": ["x", "y"]}


def test_core_types_and_nothing_older() -> None:
    text = "{a: no, b: on, c: 12:30, d: 2026-11-22, e: 0x1f, f: 0o17, g: 017, h: 1_000, i: 1e3, j: ~, k: true, l: .5}"
    assert plain(parsed(text)) == {
        "a": "no", "b": "on", "c": "12:30", "d": "2026-11-22", "e": 31, "f": 15, "g": 17, "h": "1_000", "i": 1000.0,
        "j": None, "k": True, "l": 0.5,
    }  # fmt: skip


def test_what_dump_writes_reads_back() -> None:
    data = {"a": ["1", "1e3", "no", "", "~", "0x1f", "é\n", "- x"], "b": {"c": 1e20, "d": None, "e": True}}
    assert plain(parsed(dump(data))) == data


def test_aliases_that_do_not_explode_are_followed() -> None:
    assert plain(parsed("a: &x {n: 1}\nb: *x\n")) == {"a": {"n": 1}, "b": {"n": 1}}


def test_places() -> None:
    node = parsed("rooms:\n  demo: {seats: 4, teams: [red,\n     blue]}\n")
    assert isinstance(node, Fields)
    assert locate(node, ("rooms", "demo", "seats")) == Place(2, 17)
    assert locate_key(node, ("rooms", "demo", "seats")) == Place(2, 10)
    assert locate(node, ("rooms", "demo", "teams", 1)) == Place(3, 6)
    assert locate(node, ("rooms", "demo", "absent", "deeper")) == Place(2, 3)
