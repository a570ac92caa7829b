"""Stage 1, load: a file → nodes that know their line and column.

Everything YAML can do that a spec should not is a problem here: tags, duplicate keys, aliases that explode, several
documents, text that is not UTF-8. Knows nothing of what the keys mean. `plan.load_plan` calls it.
"""

import math
import stat
from pathlib import Path as FilePath

import yaml
from attrs import define, field
from yaml.nodes import MappingNode, ScalarNode, SequenceNode
from yaml.nodes import Node as YamlNode

from server.routing.dialect import BOOL, FLOAT, INT, NODES_MAX, NULL, CoreDumper, CoreLoader, TooMuchError
from server.routing.nodes import Atom, Broken, Entry, Fields, Items, Node, Path, Scalar, path_text
from server.routing.problems import Place, Report, quote

SIZE_MAX = 1_048_576
INT_MAX = 2**63 - 1


def load(path: FilePath, report: Report) -> Node | None:
    """The file's one document as nodes; None when there is nothing to go on with. Problems go to `report`.

    The nodes of a file with tags or duplicate keys are still returned, so that later stages can report the rest.
    """
    text = read_text(path, report)
    return None if text is None else parse(text, report)


def dump(data: object) -> str:
    """Plain data as YAML in the dialect that `load` reads; keys keep their order."""
    return yaml.dump(data, Dumper=CoreDumper, sort_keys=False, allow_unicode=True, width=120)


def read_text(path: FilePath, report: Report) -> str | None:
    """The file's text, or None and a problem: missing, not a regular file, too large, not UTF-8."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a directory" if stat.S_ISDIR(mode) else "a pipe or device"
            report.problem(None, "", "a file", kind, "name the YAML file itself")
            return None
        with path.open("rb") as file:
            data = file.read(SIZE_MAX + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        hint = "name another one with --routing PATH or ROOMWRIGHT_ROUTING"
        report.problem(None, "", "a file that can be read", str(reason).lower(), hint)
        return None
    if len(data) > SIZE_MAX:
        report.problem(None, "", f"at most {SIZE_MAX} bytes", "a larger file", "is this really the spec?")
        return None
    return decode(data, report)


def decode(data: bytes, report: Report) -> str | None:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        place = Place(before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        report.problem(place, "", "UTF-8 text", f"the byte 0x{data[error.start]:02x}", "save the file as UTF-8")
        return None


def parse(text: str, report: Report) -> Node | None:
    """Text → nodes, or None and a problem when it is not one YAML document."""
    composed = compose(text, report)
    if composed is None:
        return None
    converter = Converter(report)
    node = converter.convert(composed, ())
    return None if converter.converted > NODES_MAX else node


def compose(text: str, report: Report) -> YamlNode | None:
    try:
        loader = CoreLoader(text)
    except yaml.reader.ReaderError as error:
        place = place_at(text, error.position)
        what = "a NUL character" if text[error.position] == "\0" else f"the character {quote(text[error.position])}"
        report.problem(place, "", "printable text", what, "take it out, or write it as an escape in quotes")
        return None
    try:
        return compose_one(loader, report)
    except TooMuchError as error:
        report.problem(mark_place(error.mark), "", error.expected, error.got, "split or simplify the spec")
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        got = " ".join(part for part in (error.context, error.problem) if part)
        report.problem(mark_place(mark), "", "YAML", f"a syntax error: {got}", syntax_hint(got))
        return None
    except (ValueError, OverflowError):  # PyYAML on escapes and versions beyond any range
        report.problem(
            mark_place(loader.get_mark()), "", "YAML", "a syntax error: a number or an escape beyond any range"
        )
        return None
    finally:
        for tag in loader.tags:
            report.problem(Place(tag.line, tag.column), "", tag.expected, tag.got, tag.hint)
        loader.dispose()


def compose_one(loader: CoreLoader, report: Report) -> YamlNode | None:
    """The only document of a stream. An empty stream, or a second document, is a problem."""
    loader.get_event()  # type: ignore[no-untyped-call]  # the start of the stream
    if loader.check_event(yaml.StreamEndEvent):
        report.problem(Place(1, 1), "", "a spec", "an empty file", "start with `roomwright: 1`")
        return None
    node = loader.compose_document()
    if not loader.check_event(yaml.StreamEndEvent):
        mark = loader.peek_event().start_mark  # type: ignore[no-untyped-call]
        report.problem(mark_place(mark), "", "one document", "a second one", "take out the line `---`")
        return None
    return node


def mark_place(mark: yaml.Mark | None) -> Place | None:
    return None if mark is None else Place(mark.line + 1, mark.column + 1)


def place_at(text: str, index: int) -> Place:
    return Place(text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))


def syntax_hint(got: str) -> str:
    if "'\\t'" in got:
        return "indent with spaces, not tabs"
    if "mapping values are not allowed" in got:
        return "check the indentation, or quote a value that holds a colon"
    return "define it with & before it is used" if "undefined alias" in got else ""


@define
class Converter:
    """PyYAML's nodes → ours. Aliases are followed, as long as the whole stays within NODES_MAX."""

    report: Report
    inside: list[YamlNode] = field(factory=list)
    converted: int = 0

    def convert(self, node: YamlNode, path: Path) -> Node | None:
        """None: the node cannot be read; the problem is in the report."""
        place = mark_place(node.start_mark) or Place(1, 1)
        self.converted += 1
        if any(node is outer for outer in self.inside):
            self.refuse(place, path, "a plain value", "an alias of what it stands in")
            return None
        if self.converted > NODES_MAX:
            self.refuse(None, (), f"at most {NODES_MAX} values", "more", "its aliases multiply each other")
            return None
        if isinstance(node, ScalarNode):
            return self.scalar(node, place, path)
        self.inside.append(node)
        try:
            if isinstance(node, MappingNode):
                return self.fields(node, place, path)
            return self.items(node, place, path) if isinstance(node, SequenceNode) else None
        finally:
            self.inside.pop()

    def items(self, node: SequenceNode, place: Place, path: Path) -> Items:
        found = []
        for index, item in enumerate(node.value):
            if self.converted > NODES_MAX:
                break
            found.append(self.convert(item, (*path, index)) or Broken(place))
        return Items(place, tuple(found))

    def fields(self, node: MappingNode, place: Place, path: Path) -> Fields:
        entries: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            if self.converted > NODES_MAX:
                break
            key = self.key(key_node, path)
            if key is None:
                continue
            at = mark_place(key_node.start_mark) or place
            if key in entries:
                first = f"line {entries[key].place.line}"
                self.refuse(at, (*path, key), "each key once", "it a second time", f"the first is on {first}")
                continue
            value = self.convert(value_node, (*path, key))
            entries[key] = Entry(at, key, value or Broken(at))
        return Fields(place, tuple(entries.values()))

    def key(self, node: YamlNode, path: Path) -> str | None:
        place = mark_place(node.start_mark)
        if not isinstance(node, ScalarNode):
            self.refuse(place, path, "a name as a key", "a list or mapping")
            return None
        if node.value == "<<" and node.style is None:
            self.refuse(place, path, "plain keys", "the merge key <<", "write the keys out")
            return None
        if has_surrogate(node.value):
            self.refuse(place, path, "a name as a key", "half of a surrogate pair")
            return None
        return str(node.value)

    def scalar(self, node: ScalarNode, place: Place, path: Path) -> Scalar | None:
        value = atom(node)
        if isinstance(value, str) and has_surrogate(value):
            self.refuse(place, path, "text", "half of a surrogate pair", "write the character itself")
            return None
        if (isinstance(value, int) and abs(value) > INT_MAX) or (isinstance(value, float) and not math.isfinite(value)):
            self.refuse(place, path, "a number of at most 64 bits", quote(node.value))
            return None
        return Scalar(place, value)

    def refuse(self, place: Place | None, path: Path, expected: str, got: str, hint: str = "") -> None:
        self.report.problem(place, path_text(path), expected, got, hint)


def atom(node: ScalarNode) -> Atom:
    """A scalar by the core schema. Numbers too long to be meant come back as infinity, which is refused."""
    text = str(node.value)
    if node.tag == BOOL:
        return text.lower() == "true"
    if node.tag == INT:
        base = {"0x": 16, "0o": 8}.get(text[:2], 10)
        return int(text, base) if len(text) < 40 else math.inf
    if node.tag == FLOAT:
        return float(text)
    return None if node.tag == NULL else text


def has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
