"""A loaded file as nodes that know their place. What `load` makes and `validate` reads; no YAML in here."""

from collections.abc import Iterator

from attrs import frozen

from server.routing.problems import Place, quote

Atom = None | bool | int | float | str
Step = str | int
Path = tuple[Step, ...]


@frozen
class Scalar:
    """A single value, already of its Python type."""

    place: Place
    value: Atom


@frozen
class Items:
    """A list."""

    place: Place
    items: tuple["Node", ...]


@frozen
class Entry:
    """One `key: value` of a mapping."""

    place: Place
    key: str
    value: "Node"


@frozen
class Fields:
    """A mapping. Keys are text and stand once; `load` has seen to that."""

    place: Place
    entries: tuple[Entry, ...]

    def get(self, key: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.key == key), None)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)


@frozen
class Broken:
    """Something `load` could not read and has reported; later stages pass over it in silence."""

    place: Place


Node = Scalar | Items | Fields | Broken


def path_text(path: Path) -> str:
    """`rooms.race.teams[1]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def locate(root: Node, path: Path) -> Place:
    """The place of what stands at `path`, or of the nearest thing around it that exists. Lists and values are
    found at their value, everything below a missing key at the key that holds it."""
    node, place = root, root.place
    for step in path:
        if isinstance(node, Fields) and isinstance(step, str) and (entry := node.get(step)) is not None:
            node = entry.value
            place = entry.place if isinstance(node, Fields) else node.place
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            place = node.place
        else:
            break
    return place


def locate_key(root: Node, path: Path) -> Place:
    """The place of the key at `path` itself (not of its value)."""
    node = root
    for depth, step in enumerate(path):
        if not isinstance(node, Fields) or not isinstance(step, str) or (entry := node.get(step)) is None:
            break
        if depth == len(path) - 1:
            return entry.place
        node = entry.value
    return locate(root, path)


def is_whole(node: Node) -> bool:
    """Whether nothing in here is broken."""
    match node:
        case Items(items=items):
            return all(map(is_whole, items))
        case Fields(entries=entries):
            return all(is_whole(entry.value) for entry in entries)
    return not isinstance(node, Broken)


def plain(node: Node) -> object:
    """The node as plain dicts, lists and values; what is broken is None."""
    match node:
        case Scalar(value=value):
            return value
        case Items(items=items):
            return [plain(item) for item in items]
        case Fields(entries=entries):
            return {entry.key: plain(entry.value) for entry in entries}
        case Broken():
            return None


def described(node: Node) -> str:
    """What a message says came, when it is not the value that matters but its type."""
    match node:
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=value):
            return quote(value)
        case Items(items=items):
            return f"a list of {len(items)}"
        case Fields(entries=entries):
            return f"a mapping of {len(entries)}"
        case Broken():
            return "something unreadable"
