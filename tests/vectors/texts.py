"""Text from people and what becomes of it, for `tests/vectors/text.json`: both languages clean alike."""

from typing import Any

from game.text import MARKS_MAX, NAME_BYTES_MAX, NAME_LENGTH_MAX, TABLES, clean_line, clean_name

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"

GIVEN: dict[str, str] = {
    "plain": "Ada Lovelace",
    "spaces of every kind": "\t Ada \u00a0\u2003\u3000 Lovelace\r\n",
    "line and paragraph separators": "one\u2028two\u2029three\u0085four\vfive\ffive",
    "C0": "a\x00b\x07c\x1b[31md\x7fe\x1cf",
    "C1": "a\x80b\x9b31mc\x9d",
    "embeddings and overrides": "a\u202ab\u202bc\u202cd\u202de\u202ef",
    "isolates": "a\u2066b\u2067c\u2068d\u2069e",
    "tags": "Ada\U000e0041\U000e0064\U000e0061\U000e007f",
    "a flag made of tags": f"{ENGLAND} goal",
    "a flag without its end": ENGLAND[:-1],
    "a flag with a secret": "\U0001f3f4" + "".join(chr(0xE0000 + ord(c)) for c in "meetmeatnoon") + "\U000e007f",
    "the high half of a pair": "a\ud83db",
    "the low half of a pair": "\ude00a",
    "noncharacters": "a\ufdd0b\uffffc\U0001fffed\U0010ffff",
    "byte order mark, soft hyphen, zero-width space, word joiner": "\ufeffa\u00adb\u200bc\u2060d",
    "interlinear annotation": "a\ufff9b\ufffac\ufffb",
    "composed": "Rene\u0301e Zu\u0308rich",
    "a joiner between a letter and its accent": "e\u200d\u0301",
    "composition exclusions": "\u0958\ufb2c",
    "Persian": PERSIAN,
    "a joiner after Persian": f"{PERSIAN}\u200c",
    "two joiners at once": "\u0645\u06cc\u200c\u200c\u062e",
    "Sinhala": "\u0d9a\u0dca\u200d\u0dc2",
    "Malayalam with a chillu of old": "\u0d05\u0d35\u0d28\u0d4d\u200d",
    "a family": FAMILY,
    "professions, skins, flags": "\U0001f469\U0001f3fd\u200d\U0001f4bb \U0001f3f3\ufe0f\u200d\U0001f308 "
    "\U0001f3f4\u200d\u2620\ufe0f \u2764\ufe0f\u200d\U0001f525 \U0001f1ee\U0001f1f7 1\ufe0f\u20e3",
    "a joiner in Latin": "a\u200db a\u200cb",
    "a joiner behind an emoji": "\U0001f468\u200d",
    "a non-joiner in an emoji": "\U0001f468\u200c\U0001f469",
    "a flood of marks": "Z" + "\u0301\u0302\u0316" * 20 + "algo",
    "a flood between what is not seen": "Z" + ("\u0316" * 5 + "\u200e") * 9,
    "a flood that decomposes": "a" + "\u0344" * 9,
    "marks on nothing": "\u0301\u0302Ada \u0316 x",
    "Hebrew, pointed and accented": "\u05e9\u05c1\u05bc\u05b8\u05bd\u0599",
    "Tibetan": "\u0f62\u0fa1\u0fbc\u0fb9",
    "Hebrew with marks of direction": "\u05d0\u200f, a\u200e",
    "nothing": "",
    "only spaces": " \u3000\u2028",
    "only Hangul fillers": "\u3164\uffa0\u115f",
    "only Braille's empty pattern": "\u2800 \u2800",
    "only what is ignored": "\u200b\u200d\u2060\u180e\ufe0f\u034f\U000e0100",
    "too long": "abcdefghij" * 5,
    "too long in bytes": "\u6f22" * 30,
    "too long, with a space at the cut": "x" * (NAME_LENGTH_MAX - 1) + " y",
    "too long, with a family at the cut": "x" * (NAME_LENGTH_MAX - 2) + FAMILY,
    "too long, with an accent at the cut": "x" * (NAME_LENGTH_MAX - 1) + "q\u0308",
    "one family too long": "\U0001f468\u200d" * 30 + "\U0001f467",
}


def text_vectors() -> Any:
    """What was given, as one line of chat and as a name; and the tables and bounds that they are judged by."""
    bounds = {"NAME_LENGTH_MAX": NAME_LENGTH_MAX, "NAME_BYTES_MAX": NAME_BYTES_MAX, "MARKS_MAX": MARKS_MAX}
    texts = [
        {"name": name, "given": given, "line": clean_line(given), "shown": clean_name(given)}
        for name, given in GIVEN.items()
    ]
    return {"bounds": bounds, "tables": TABLES, "texts": texts}
