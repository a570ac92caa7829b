"""A small map in text: dots of a terminal's braille cells (2 x 4 to a cell), and letters for what should be found.

Pure: points in, rows of (character, style) out. The watch view colours them.
"""

from attrs import define, field

BLANK = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


@define
class Canvas:
    """``columns`` x ``rows`` cells that show the rectangle from (left, bottom) to (right, top)."""

    columns: int
    rows: int
    left: float
    right: float
    top: float
    bottom: float
    _bits: dict[tuple[int, int], int] = field(factory=dict)
    _letters: dict[tuple[int, int], str] = field(factory=dict)
    _styles: dict[tuple[int, int], str] = field(factory=dict)

    def dot(self, x: float, y: float, style: str = "") -> None:
        """One dot; outside the rectangle it is left out."""
        place = self._place(x, y)
        if place is None:
            return
        column, row = place
        cell = column // 2, row // 4
        self._bits[cell] = self._bits.get(cell, 0) | DOTS[row % 4][column % 2]
        self._styles[cell] = style

    def letter(self, x: float, y: float, letter: str, style: str = "") -> None:
        """One letter, over any dots of its cell."""
        place = self._place(x, y)
        if place is not None:
            cell = place[0] // 2, place[1] // 4
            self._letters[cell] = letter
            self._styles[cell] = style

    def cells(self) -> list[list[tuple[str, str]]]:
        """The rows from the top, each of ``columns`` pairs of a character and its style."""
        return [[self._cell(column, row) for column in range(self.columns)] for row in range(self.rows)]

    def _cell(self, column: int, row: int) -> tuple[str, str]:
        cell = column, row
        drawn = self._letters.get(cell) or (chr(BLANK + self._bits[cell]) if cell in self._bits else " ")
        return drawn, self._styles.get(cell, "")

    def _place(self, x: float, y: float) -> tuple[int, int] | None:
        across = (x - self.left) / (self.right - self.left)
        down = (y - self.top) / (self.bottom - self.top)
        if not (0.0 <= across <= 1.0 and 0.0 <= down <= 1.0):
            return None
        return min(self.columns * 2 - 1, int(across * self.columns * 2)), min(
            self.rows * 4 - 1, int(down * self.rows * 4)
        )
