"""What is wrong with a spec: places, problems, and the report that collects all of them.

Every stage adds to one `Report`; nobody raises. Printing is `str(problems)`.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from attrs import define, field, frozen

QUOTE_MAX = 60


@frozen(order=True)
class Place:
    """A position in the file, both counted from 1."""

    line: int
    column: int


@frozen
class Problem:
    """One mistake: where it stands, what was expected there, what came, and what to do about it."""

    place: Place | None
    path: str
    expected: str
    got: str
    hint: str = ""

    def text(self, source: str) -> str:
        """`file:line:column  path  expected …, got …  (hint)`; the parts that do not apply are left out."""
        where = source if self.place is None else f"{source}:{self.place.line}:{self.place.column}"
        parts = [where, self.path, f"expected {self.expected}, got {self.got}", f"({self.hint})" if self.hint else ""]
        return "  ".join(part for part in parts if part)


@frozen
class Problems:
    """All problems of one file, in the order of the file. What a stage returns instead of its result."""

    source: str
    items: tuple[Problem, ...]

    def __str__(self) -> str:
        lines = [problem.text(self.source) for problem in self.items]
        count = len(self.items)
        return "\n".join([*lines, f"{count} problem{'' if count == 1 else 's'} in {self.source}"])

    def __len__(self) -> int:
        return len(self.items)


@define
class Report:
    """Collects problems and warnings of one file while the stages run."""

    source: str
    problems: list[Problem] = field(factory=list)
    warnings: list[Problem] = field(factory=list)

    def problem(self, place: Place | None, path: str, expected: str, got: str, hint: str = "") -> None:
        found = Problem(place, path, expected, got, hint)
        if found not in self.problems:  # an alias repeats its anchor's mistakes
            self.problems.append(found)

    def warning(self, place: Place | None, path: str, expected: str, got: str, hint: str = "") -> None:
        self.warnings.append(Problem(place, path, expected, got, hint))

    def result(self) -> Problems:
        return Problems(self.source, in_file_order(self.problems))


def in_file_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems of the file as a whole first, then by line and column; otherwise as they were found."""
    return tuple(sorted(problems, key=lambda problem: problem.place or Place(0, 0)))


def quote(value: object) -> str:
    """A value as a message shows it: on one line, printable, and never longer than a line."""
    shown = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return shown if len(shown) <= QUOTE_MAX else shown[: QUOTE_MAX - 1] + "…"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like this one, if any is."""
    near = get_close_matches(word[:100], list(known), n=1, cutoff=0.6)
    return near[0] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean x?` for the nearest known word, or an empty string."""
    near = nearest(word, known)
    return f"did you mean {near}?" if near else ""
