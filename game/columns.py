"""One table's rows, column by column: what the last scan found, when it changed, and which rows stand in which section.

A row is a place in all columns. Rows stand by ascending wire id, so that a section's rows are encoded as they stand; the lists
of values are replaced and never changed in place, so that a delta may hold them. `game.tracker` decides which rows there are.
"""

from collections.abc import Iterable, Sequence
from math import floor
from typing import Any

from attrs import define, field, frozen

from game.codec import Group
from game.compiled import OutOfRange, Scan, compile_scan
from game.motion import shift
from game.schema import Table


@define(eq=False)
class Rows:
    """One table's rows in one section: their places in the columns (None: all), and the tombstones of a while.

    ``changed_at`` is the seq of the last change of any kind.
    """

    columns: "TableColumns"
    dead: dict[int, int] = field(factory=dict)
    changed_at: int = 0
    places: list[int] | None = None

    @property
    def table(self) -> Table:
        """The table whose rows these are."""
        return self.columns.table

    @property
    def ids(self) -> Sequence[int]:
        """The wire ids that stand here now."""
        return self.columns.ids if self.places is None else [self.columns.ids[place] for place in self.places]

    @property
    def is_empty(self) -> bool:
        """Whether no row stands here now."""
        return not self.columns.ids if self.places is None else not self.places

    def create(self, wire_id: int, seq: int) -> None:
        """A row comes: it leaves no tombstone."""
        self.dead.pop(wire_id, None)
        self.changed_at = seq

    def remove(self, wire_id: int, seq: int) -> None:
        """A row goes and leaves a tombstone."""
        self.changed_at = seq
        self.dead[wire_id] = seq

    def whole(self) -> Group:
        """All rows with all fields."""
        return self.columns.group(self.table.full_mask, self.places)

    def changed_after(self, base: int) -> Sequence[Group]:
        """The rows that changed after ``base``, grouped by which of their fields did, by ascending mask."""
        return () if self.is_empty else self.columns.changed_after(base, self.places)


@frozen
class NewRow:
    """A row to be: whose it is, under which wire id, in which section."""

    key: Any
    wire_id: int
    rows: Rows


@frozen
class _Pace:
    """What a moving field goes by: each row's steps a frame, and its way from seq 0 to ``seq``."""

    seq: int
    slopes: list[float]
    ways: list[int]


@define(eq=False)
class TableColumns:
    """``keys`` are the entities' keys in the world. ``is_whole``: they are all of the collection's, in its order."""

    table: Table
    is_one_row: bool
    out_of_range: OutOfRange
    send_hz: float
    keys: list[Any] = field(factory=list)
    ids: list[int] = field(factory=list)
    homes: list[Rows] = field(factory=list)
    born: list[int] = field(factory=list)
    rows: list[tuple[Any, ...]] | None = None
    raw: list[tuple[Any, ...] | None] = field(init=False)
    q: list[list[Any]] = field(init=False)
    at: list[list[int]] = field(init=False)
    newest: list[int] = field(init=False)
    goals: list[list[int]] = field(init=False)
    _paces: list[_Pace | None] = field(init=False)
    sections: list[Rows] = field(factory=list)
    is_whole: bool = False
    _scan: Scan = field(init=False)

    def __attrs_post_init__(self) -> None:
        fields = self.table.fields
        self.raw = [() for _ in fields]
        self.q, self.at = [[] for _ in fields], [[] for _ in fields]
        self.newest = [0] * len(fields)
        self.goals = [[] for _ in self.table.moves]
        self._paces = [None for _ in self.table.moves]
        self._scan = compile_scan(self.table, self.is_one_row)

    def add_section(self, is_shared: bool) -> Rows:
        """Rows of one more section; ``is_shared``: it is the only one, and all rows stand in it."""
        rows = Rows(self, places=None if is_shared else [])
        self.sections.append(rows)
        return rows

    def scan(self, entities: Sequence[Any], seq: int) -> bool:
        """Looks at the entities of ``keys``, in that order; whether anything changed."""
        if not entities or not self._scan(self, entities, seq, self.out_of_range):
            return False
        first = self.sections[0]
        if first.places is None:
            if seq in self.newest:
                first.changed_at = seq
            return True
        for newest, at in zip(self.newest, self.at, strict=True):
            if newest == seq:
                for home, changed_at in zip(self.homes, at, strict=True):
                    if changed_at == seq:
                        home.changed_at = seq
        return True

    def moved(self, n: int, seq: int) -> list[int]:
        """Where receivers take the table's ``n``-th moving field to be at ``seq``, if nothing is sent."""
        move, q = self.table.moves[n], self.q[self.table.moves[n].place]
        if q[0] is None:
            return [0] * len(q)  # rows to be: their values are sent
        pace = self._paces[n]
        if pace is None or self.newest[move.rate] == seq:
            slopes = [move.slope(rate, self.send_hz) for rate in self.q[move.rate]]
            then = [shift(slope, seq - 1) for slope in slopes]
        else:
            slopes = pace.slopes
            then = pace.ways if pace.seq == seq - 1 else [shift(slope, seq - 1) for slope in slopes]
        now = [floor(slope * seq + 0.5) for slope in slopes]  # shift(), written out
        self._paces[n] = _Pace(seq, slopes, now)
        moved = [place + way - before for place, way, before in zip(q, now, then, strict=True)]
        if min(moved) >= 0 and max(moved) <= move.steps:
            return moved
        return [0 if place < 0 else min(place, move.steps) for place in moved]

    def remove(self, gone: set[Any], seq: int) -> None:
        """Takes the rows of these keys out, which leave tombstones."""
        for place, key in enumerate(self.keys):
            if key in gone:
                self.homes[place].remove(self.ids[place], seq)
        self._arrange([place for place, key in enumerate(self.keys) if key not in gone])

    def replace(self, new: Sequence[NewRow]) -> list[NewRow]:
        """A seat that has things of two teams may see one id twice: the row that came last is the one that stands."""
        last = {(row.rows, row.wire_id): row for row in new}
        marks = enumerate(zip(self.homes, self.ids, strict=True))
        self._arrange([place for place, mark in marks if mark not in last])
        return list(last.values())

    def add(self, new: Sequence[NewRow], entities: Sequence[Any], seq: int) -> None:
        """Appends rows, with these entities' values, all of which count as changed at ``seq``."""
        fresh = TableColumns(self.table, self.is_one_row, self.out_of_range, self.send_hz)
        count = len(new)
        fresh.q, fresh.at = [[None] * count for _ in fresh.q], [[seq] * count for _ in fresh.at]
        fresh._scan(fresh, entities, seq, self.out_of_range)
        for row in new:
            row.rows.create(row.wire_id, seq)
        self.keys = [*self.keys, *(row.key for row in new)]
        self.ids = [*self.ids, *(row.wire_id for row in new)]
        self.homes = [*self.homes, *(row.rows for row in new)]
        self.born = [*self.born, *([seq] * count)]
        self.rows = None
        for i in range(len(self.newest)):
            held, came = self.raw[i], fresh.raw[i]
            self.raw[i] = None if held is None or came is None else held + came
            self.q[i], self.at[i], self.newest[i] = self.q[i] + fresh.q[i], self.at[i] + fresh.at[i], seq
        self.goals = [goal + came for goal, came in zip(self.goals, fresh.goals, strict=True)]
        self._paces = [None for _ in self.goals]
        if any(a >= b for a, b in zip(self.ids, self.ids[1:], strict=False)):
            self._arrange(sorted(range(len(self.ids)), key=self.ids.__getitem__))

    def settle(self, keys: list[Any]) -> None:
        """Notes which rows stand where, once rows came or went. ``keys`` are those of the collection."""
        self.is_whole = self.keys == keys
        if self.sections and self.sections[0].places is not None:
            for rows in self.sections:
                rows.places = []
            for place, home in enumerate(self.homes):
                home.places.append(place)  # type: ignore[union-attr]  # just set

    def changed_after(self, base: int, places: list[int] | None) -> Sequence[Group]:
        """Groups by ascending mask, from at least one place (None: all)."""
        if not self.at:
            return self._born_after(base, places)
        if places is not None and len(places) == 1:
            return self._changed_row(base, places)
        common, mixed = 0, []
        for i, newest in enumerate(self.newest):
            if newest > base:
                at = self.at[i] if places is None else [self.at[i][place] for place in places]
                if min(at) > base:
                    common |= 1 << i
                else:
                    mixed.append((1 << i, at))
        if not mixed:
            return (self.group(common, places),) if common else ()
        return self._grouped(common, mixed, places, base)

    def _changed_row(self, base: int, places: list[int]) -> Sequence[Group]:
        """A seat's section is one row most of the time."""
        (place,) = places
        mask, bit = 0, 1
        columns = []
        for q, at in zip(self.q, self.at, strict=True):
            if at[place] > base:
                mask |= bit
                columns.append([q[place]])
            bit <<= 1
        return (Group(mask, [self.ids[place]], columns),) if mask else ()

    def _grouped(
        self, common: int, mixed: Iterable[tuple[int, list[int]]], places: list[int] | None, base: int
    ) -> list[Group]:
        """``common`` is every row's; the fields of ``mixed`` changed in some rows only."""
        everywhere: Sequence[int] = range(len(self.ids)) if places is None else places
        masks = [common] * len(everywhere)
        for bit, at in mixed:
            masks = [mask | bit if seq > base else mask for mask, seq in zip(masks, at, strict=True)]
        groups: dict[int, list[int]] = {}
        for place, mask in zip(everywhere, masks, strict=True):
            if mask:
                groups.setdefault(mask, []).append(place)
        return [self.group(mask, groups[mask]) for mask in sorted(groups)]

    def _born_after(self, base: int, places: list[int] | None) -> Sequence[Group]:
        """A table without fields changes by its rows' coming only."""
        born = self.born
        came = [place for place in (range(len(born)) if places is None else places) if born[place] > base]
        return (self.group(0, came),) if came else ()

    def group(self, mask: int, places: Sequence[int] | None) -> Group:
        """These rows (None: all) with these fields."""
        chosen = [self.q[i] for i in self.table.masked(mask).places]
        if places is None:
            return Group(mask, self.ids, chosen)
        ids = self.ids
        return Group(mask, [ids[place] for place in places], [[column[place] for place in places] for column in chosen])

    def _arrange(self, places: Sequence[int]) -> None:
        """The rows of these places, in this order."""
        self.rows = None
        self.keys, self.ids = [self.keys[p] for p in places], [self.ids[p] for p in places]
        self.homes, self.born = [self.homes[p] for p in places], [self.born[p] for p in places]
        for i in range(len(self.newest)):
            raw, q, at = self.raw[i], self.q[i], self.at[i]
            self.raw[i] = None if raw is None else tuple([raw[p] for p in places])
            self.q[i], self.at[i] = [q[p] for p in places], [at[p] for p in places]
        self.goals = [[goal[p] for p in places] for goal in self.goals]
        self._paces = [None for _ in self.goals]
