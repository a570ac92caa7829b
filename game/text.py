"""Text from people, cleaned: what names, chat lines, reasons and notices may hold. Pure, and the same in `text.mjs`.

What shows nothing, breaks lines, turns the direction of what stands beside it or drives a terminal is taken out; what
scripts and emoji are written with stays. Characters are judged by the explicit tables below, so that every Python and
every browser judges alike; only NFC and what is a combining mark come from the Unicode version at hand, and there the
server's word counts. Called where text enters. Codes (`game.codes`) are refused, never cleaned.
"""

import re
import unicodedata

NAME_LENGTH_MAX = 24  # code points
NAME_BYTES_MAX = 60  # of UTF-8: with the number of a second slot it fits the roster's 64
RAW_LENGTH_MAX = 1024  # code points that are looked at for a name
MARKS_MAX = 6  # combining marks on one character: pointed and accented Hebrew has 5

ZWNJ, ZWJ, VS16, BLACK_FLAG = "\u200c", "\u200d", "\ufe0f", "\U0001f3f4"

# Hexadecimal code points and ranges, as in text.mjs; tests/vectors/text.json holds the two together.
TABLES = {
    "space": "9-D 20 85 A0 1680 2000-200A 2028-2029 202F 205F 3000",
    # Controls, directions, tags, halves of pairs, noncharacters, and what formats without ever being seen.
    "stripped": "0-1F 7F-9F AD 200B 202A-202E 2060-206F D800-DFFF FDD0-FDEF FEFF FFF0-FFFB FFFE-FFFF 1BCA0-1BCA3 "
    "1D173-1D17A 1FFFE-1FFFF 2FFFE-2FFFF 3FFFE-3FFFF 4FFFE-4FFFF 5FFFE-5FFFF 6FFFE-6FFFF 7FFFE-7FFFF 8FFFE-8FFFF "
    "9FFFE-9FFFF AFFFE-AFFFF BFFFE-BFFFF CFFFE-CFFFF DFFFE-DFFFF E0000-E00FF E01F0-E0FFF EFFFE-EFFFF FFFFE-FFFFF "
    "10FFFE-10FFFF",
    # Unicode's default ignorables, the space, and the empty pattern of Braille, which looks like one.
    "blank": "20 AD 34F 61C 115F-1160 17B4-17B5 180B-180F 200B-200F 202A-202E 2060-206F 2800 3164 FE00-FE0F FEFF FFA0 "
    "FFF0-FFF8 1BCA0-1BCA3 1D173-1D17A E0000-E0FFF",
    # What a joiner may tie together: Extended_Pictographic, rounded up to whole blocks of symbols.
    "emoji": "A9 AE 203C 2049 2122 2139 2190-21FF 2300-23FF 24C2 25A0-27BF 2900-297F 2B00-2BFF 3030 303D 3297 3299 "
    "1F000-1F1E5 1F201-1F3FA 1F400-1FAFF 1FC00-1FFFD",
    "skin": "1F3FB-1F3FF",
    # Arabic, Syriac, N'Ko, Mandaic; the scripts of India and of its neighbours; Mongolian, 'Phags-pa, Adlam and others.
    "joining": "600-77F 7C0-7FF 840-DFF 1000-109F 1700-18AF 1A20-1AAF 1B00-1C4F 1CD0-1CFF A800-A8FF A930-A9FF AA60-AAFF "
    "ABC0-ABFF FB50-FDCF FDF0-FDFF FE70-FEFE 10A00-10A5F 10AC0-10AFF 10B80-10BAF 10D00-10D3F 10EC0-10EFF 10F30-10FDF "
    "11000-11FFF 1E900-1E95F",
    # A joiner may follow these, whatever comes after it (RFC 5892, A.1 and A.2).
    "virama": "94D 9CD A4D ACD B4D BCD C4D CCD D3B-D3C D4D DCA 1039-103A 1714 1734 17D2 1A60 1B44 1BAA-1BAB 1BF2-1BF3 "
    "A806 A8C4 A953 A9C0 AAF6 ABED 10A3F 11046 1107F 110B9 11133-11134 111C0 11235 112EA 1134D 11442 114C2 115BF 1163F "
    "116B6 1172B 11839 1193D-1193E 119E0 11A34 11A47 11A99 11C3F 11D44-11D45 11D97",
}


def _class(table: str) -> str:
    """The inside of a regular expression's [] of a table."""
    ends = ([chr(int(end, 16)) for end in part.split("-")] for part in TABLES[table].split())
    return "".join("-".join(pair) for pair in ends)


_SPACES = re.compile(f"[{_class('space')}]+")
# A flag of a region's part keeps its tags: two letters of a country, up to four more letters or digits, the end.
_FLAG = f"{BLACK_FLAG}[\U000e0061-\U000e007a]{{2}}[\U000e0030-\U000e0039\U000e0061-\U000e007a]{{1,4}}\U000e007f"
_FLAGS = re.compile(_FLAG)
_STRIPPED = re.compile(f"({_FLAG})|[{_class('stripped')}]")
_BLANK = re.compile(f"[{_class('blank')}]*")
_EMOJI, _JOINING, _VIRAMA = (re.compile(f"[{_class(name)}]") for name in ("emoji", "joining", "virama"))
_TIED = re.compile(f"[{_class('emoji')}{_class('skin')}]")
_JOINERS = re.compile(f"([{ZWNJ}{ZWJ}])[{ZWNJ}{ZWJ}]+")
_EXTENDING = re.compile(f"[{_class('skin')}{ZWNJ}{ZWJ}\U000e0020-\U000e007f]")
_UNSHOWABLE = re.compile(f"[{_class('stripped')}\u061c\u200e\u200f\u2028\u2029]")


def clean_line(text: str) -> str:
    """The text as one line: NFC, nothing invisible, single spaces; "" where nothing would be seen.

    Cleaning it again changes nothing, and the outcome can be written as UTF-8 and kept in any database.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    before = None
    while before != text:  # what is taken out may leave two spaces, or a joiner alone; each round only shortens it
        before, text = text, _cleaned_once(text)
    return "" if _BLANK.fullmatch(text) else text


def clean_name(text: str) -> str:
    """A name fit to show: a clean line of at most NAME_LENGTH_MAX code points and NAME_BYTES_MAX bytes, or ""."""
    return cut(clean_line(text[:RAW_LENGTH_MAX]), NAME_LENGTH_MAX, NAME_BYTES_MAX)


def cut(text: str, length_max: int, bytes_max: int) -> str:
    """The beginning of a clean line, within both bounds; where it can be, no emoji and no accented letter is cut apart."""
    end = fitting = min(len(text), length_max, len(text.encode()[:bytes_max].decode(errors="ignore")))
    if end == len(text):
        return text
    while end and (_extends(text[end]) or text[end - 1] == ZWJ):
        end -= 1
    return clean_line(text[: end or fitting])


def escaped(text: str, kept: str = "") -> str:
    r"""The text as a terminal or a log may show it: what is not seen, and what would be obeyed, is written as ``\x1b``.

    ``kept`` names characters that stay as they are, such as line feeds. Emoji and joined scripts stay whole.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if character in kept or not _must_escape(text, at) else _escape(character)
        for at, character in enumerate(text)
    )


def _cleaned_once(text: str) -> str:
    text = _SPACES.sub(" ", text)
    text = _STRIPPED.sub(r"\1", text)
    text = _JOINERS.sub(r"\1", _without_floods(text))
    text = "".join(c for at, c in enumerate(text) if c not in (ZWNJ, ZWJ) or _may_join(text, at))
    return re.sub(" +", " ", unicodedata.normalize("NFC", text)).strip(" ")


def _without_floods(text: str) -> str:
    """At most MARKS_MAX combining marks on one character, and none on nothing. What is not seen is no character here."""
    kept, marks = [], MARKS_MAX
    for character in text:
        category = unicodedata.category(character)
        if category[0] == "M":
            marks += 1
        elif category != "Cf":
            marks = MARKS_MAX if character == " " else 0
        if marks <= MARKS_MAX or category[0] != "M":
            kept.append(character)
    return "".join(kept)


def _may_join(text: str, at: int) -> bool:
    """Whether the joiner there stands in an emoji, between letters of a joining script, or behind a virama."""
    before, after = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    if _VIRAMA.match(before) or (_JOINING.match(before) and _JOINING.match(after)):
        return True
    if text[at] != ZWJ or not _EMOJI.match(after):
        return False
    if before == VS16 and at > 1:
        return _EMOJI.match(text[at - 2]) is not None
    return _TIED.match(before) is not None


def _extends(character: str) -> bool:
    """Whether it belongs to what stands before it."""
    return unicodedata.category(character)[0] == "M" or _EXTENDING.match(character) is not None


def _must_escape(text: str, at: int) -> bool:
    character = text[at]
    if character in (ZWNJ, ZWJ):
        return not _may_join(text, at)
    if character == " " or unicodedata.category(character)[0] == "M":
        return False
    if "\U000e0020" <= character <= "\U000e007f":
        return _in_flag(text, at)
    return _UNSHOWABLE.match(character) is not None


def _in_flag(text: str, at: int) -> bool:
    start = text.rfind(BLACK_FLAG, max(0, at - 8), at)
    flag = _FLAGS.match(text, start) if start >= 0 else None
    return flag is None or not flag.start() <= at < flag.end()


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
