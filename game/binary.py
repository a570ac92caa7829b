"""Reading and writing the wire's primitive values: unsigned varints (LEB128), id sets and columns of whole numbers.

A :class:`Reader` refuses anything short, long or not canonical with :class:`BadBytes`, so that a decoder above it
never sees half a value. Byte order is little-endian throughout.
"""

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache

from attrs import define

NUMBER_LIMIT = 1 << 53  # what a JavaScript number holds exactly
REMEMBERED_IDS_MAX = 4096  # ids of a set whose bytes are kept for the next frame


class BadBytes(Exception):
    """Bytes that are not what the protocol says; the message tells what was expected."""


def put_uvarint(out: bytearray, value: int) -> None:
    """Appends an unsigned LEB128 number."""
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def uvarint(value: int) -> bytes:
    """One unsigned LEB128 number."""
    out = bytearray()
    put_uvarint(out, value)
    return bytes(out)


def put_text(out: bytearray, value: str) -> None:
    """Appends a length in bytes and the UTF-8 bytes."""
    raw = value.encode("utf-8")
    put_uvarint(out, len(raw))
    out += raw


def put_ids(out: bytearray, ids: Sequence[int]) -> None:
    """Appends an ascending set of ids: ``count << 1 | is_bitmap``, the first id, then a bitmap or the gaps.

    A bitmap stands exactly where it has fewer than ``count - 1`` bytes, so a set has one form only.
    """
    count = len(ids)
    if not count:
        out.append(0)
    elif count == 1 and ids[0] <= 0x7F:
        out.append(2)
        out.append(ids[0])
    elif count <= REMEMBERED_IDS_MAX:
        out += _ids(tuple(ids))
    else:
        _put_ids(out, ids)


@lru_cache(maxsize=1024)
def _ids(ids: tuple[int, ...]) -> bytes:
    """The same rows change frame after frame, so their set is written once."""
    out = bytearray()
    _put_ids(out, ids)
    return bytes(out)


def _put_ids(out: bytearray, ids: Sequence[int]) -> None:
    count, first = len(ids), ids[0]
    bitmap_bytes = (ids[-1] - first + 7) >> 3
    if bitmap_bytes < count - 1:
        put_uvarint(out, count << 1 | 1)
        put_uvarint(out, first)
        put_uvarint(out, bitmap_bytes)
        out += _bitmap(ids, first, ids[-1], bitmap_bytes)
        return
    put_uvarint(out, count << 1)
    put_uvarint(out, first)
    last = first
    for i in ids[1:]:
        put_uvarint(out, i - last - 1)
        last = i


def _bitmap(ids: Sequence[int], first: int, last: int, length: int) -> bytearray:
    """From the fewer: the ids that are there, or the holes between them."""
    holes = last - first + 1 - len(ids)
    if holes * 4 > len(ids):
        bitmap, rest = bytearray(length), ids[1:]
    else:
        bitmap = bytearray(((1 << last - first) - 1).to_bytes(length, "little"))
        rest = sorted(set(range(first, last)).difference(ids)) if holes else []
    for i in rest:
        bitmap[(i - first - 1) >> 3] ^= 1 << (i - first - 1 & 7)
    return bitmap


_COLUMN_CODES = ((0xFF, "B", 1), (0xFFFF, "H", 2), (0xFFFF_FFFF, "I", 4))


def column_code(steps: int) -> tuple[str, int]:
    """The struct code and width in bytes of whole numbers from 0 to ``steps``."""
    for limit, code, width in _COLUMN_CODES:
        if steps <= limit:
            return code, width
    raise ValueError(f"steps {steps} need more than 32 bits")


@lru_cache(maxsize=4096)
def columns_packer(codes: str, count: int) -> Callable[..., bytes]:
    """Packs ``count`` whole numbers of each column, one column after the other."""
    return struct.Struct("<" + "".join(f"{count}{code}" for code in codes)).pack


def _long_uvarint(data: bytes, at: int, value: int) -> tuple[int, int]:
    """The number whose first seven bits are known, and where it ends. Raises IndexError at the end of the data."""
    for shift in range(7, 56, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0:
                raise BadBytes("expected the shortest varint, got a padded one")
            if value >= NUMBER_LIMIT:
                raise BadBytes("expected a varint below 2**53, got a larger one")
            return value, at
    raise BadBytes("expected a varint of at most 8 bytes, got a longer one")


@define
class Reader:
    """A cursor over received bytes. Every method raises BadBytes instead of reading past the end."""

    data: bytes
    at: int = 0

    def u8(self) -> int:
        """One byte."""
        if self.at >= len(self.data):
            raise BadBytes("expected one more byte, got the end")
        self.at += 1
        return self.data[self.at - 1]

    def uvarint(self) -> int:
        """One unsigned number below 2**53, in the fewest bytes."""
        at, data = self.at, self.data
        if at < len(data) and data[at] < 0x80:
            self.at = at + 1
            return data[at]
        return self.uvarints(1)[0]

    def uvarints(self, count: int) -> list[int]:
        """That many unsigned numbers, each below 2**53 and in the fewest bytes."""
        data, at = self.data, self.at
        values = []
        try:
            for _ in range(count):
                value = data[at]
                at += 1
                if value > 0x7F:
                    value, at = _long_uvarint(data, at, value & 0x7F)
                values.append(value)
        except IndexError:
            raise BadBytes("expected one more byte, got the end") from None
        self.at = at
        return values

    def row(self, form: str, length: int) -> tuple[int, ...]:
        """Whole numbers of several widths, as a struct's form says."""
        if length > len(self.data) - self.at:
            raise BadBytes(f"expected {length} more bytes, got {len(self.data) - self.at}")
        self.at += length
        return struct.unpack_from(form, self.data, self.at - length)

    def raw(self, length: int) -> bytes:
        """Exactly ``length`` bytes."""
        if length > len(self.data) - self.at:
            raise BadBytes(f"expected {length} more bytes, got {len(self.data) - self.at}")
        self.at += length
        return self.data[self.at - length : self.at]

    def text(self, max_bytes: int) -> str:
        """A counted UTF-8 string."""
        length = self.uvarint()
        if length > max_bytes:
            raise BadBytes(f"expected at most {max_bytes} bytes of text, got {length}")
        try:
            return self.raw(length).decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadBytes("expected UTF-8 text, got other bytes") from error

    def ids(self) -> list[int]:
        """An ascending set of ids, as `put_ids` wrote it."""
        head = self.uvarint()
        count = head >> 1
        if not count:
            if head:
                raise BadBytes("expected ids in a bitmap, got none")
            return []
        first = self.uvarint()
        ids = self._bitmap_ids(count, first) if head & 1 else self._gap_ids(count, first)
        if ids[-1] >= NUMBER_LIMIT:
            raise BadBytes("expected ids below 2**53, got a larger one")
        if (ids[-1] - first + 7 >> 3 < count - 1) != (head & 1):
            raise BadBytes(f"expected the shorter form of {count} ids, got the other")
        return ids

    def _gap_ids(self, count: int, first: int) -> list[int]:
        if count > len(self.data) - self.at + 1:
            raise BadBytes(f"expected {count} ids, got too few bytes for them")
        ids = [first]
        for _ in range(count - 1):
            ids.append(ids[-1] + 1 + self.uvarint())
        return ids

    def _bitmap_ids(self, count: int, first: int) -> list[int]:
        bitmap = self.raw(self.uvarint())
        if not bitmap or not bitmap[-1]:
            raise BadBytes("expected a bitmap that ends with its last id, got one with empty bytes after it")
        ids = [first]
        for at, byte in enumerate(bitmap):
            if byte:
                ids += [first + 1 + (at << 3) + bit for bit in range(8) if byte >> bit & 1]
        if len(ids) != count:
            raise BadBytes(f"expected a bitmap of {count - 1} ids, got one of {len(ids) - 1}")
        return ids

    def column(self, code: str, width: int, count: int) -> tuple[int, ...]:
        """``count`` whole numbers of one width."""
        if count * width > len(self.data) - self.at:
            raise BadBytes(f"expected {count * width} more bytes, got {len(self.data) - self.at}")
        values = struct.unpack_from(f"<{count}{code}", self.data, self.at)
        self.at += count * width
        return values

    def end(self) -> None:
        """Nothing may be left."""
        if self.at != len(self.data):
            raise BadBytes(f"expected the end, got {len(self.data) - self.at} more bytes")
