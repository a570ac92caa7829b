/**
 * Text as the server will have it: the same cleaning as `game/text.py`, so that a page can show at once what others
 * will read. The server judges; characters younger than a browser's Unicode may fare differently there.
 */

export const NAME_LENGTH_MAX = 24; // code points
export const NAME_BYTES_MAX = 60; // of UTF-8
export const CHAT_BYTES_MAX = 2000; // of UTF-8
export const RAW_LENGTH_MAX = 1024; // code points that are looked at for a name
export const MARKS_MAX = 6; // combining marks on one character

const ZWNJ = "\u200c";
const ZWJ = "\u200d";
const VS16 = "\ufe0f";
const BLACK_FLAG = "\u{1f3f4}";

/** Hexadecimal code points and ranges; `game/text.py` says what they are, tests/vectors/text.json holds the two together. */
export const TABLES = {
  space: "9-D 20 85 A0 1680 2000-200A 2028-2029 202F 205F 3000",
  stripped:
    "0-1F 7F-9F AD 200B 202A-202E 2060-206F D800-DFFF FDD0-FDEF FEFF FFF0-FFFB FFFE-FFFF 1BCA0-1BCA3 " +
    "1D173-1D17A 1FFFE-1FFFF 2FFFE-2FFFF 3FFFE-3FFFF 4FFFE-4FFFF 5FFFE-5FFFF 6FFFE-6FFFF 7FFFE-7FFFF " +
    "8FFFE-8FFFF 9FFFE-9FFFF AFFFE-AFFFF BFFFE-BFFFF CFFFE-CFFFF DFFFE-DFFFF E0000-E00FF E01F0-E0FFF " +
    "EFFFE-EFFFF FFFFE-FFFFF 10FFFE-10FFFF",
  blank:
    "20 AD 34F 61C 115F-1160 17B4-17B5 180B-180F 200B-200F 202A-202E 2060-206F 2800 3164 FE00-FE0F FEFF " +
    "FFA0 FFF0-FFF8 1BCA0-1BCA3 1D173-1D17A E0000-E0FFF",
  emoji:
    "A9 AE 203C 2049 2122 2139 2190-21FF 2300-23FF 24C2 25A0-27BF 2900-297F 2B00-2BFF 3030 303D 3297 3299 " +
    "1F000-1F1E5 1F201-1F3FA 1F400-1FAFF 1FC00-1FFFD",
  skin: "1F3FB-1F3FF",
  joining:
    "600-77F 7C0-7FF 840-DFF 1000-109F 1700-18AF 1A20-1AAF 1B00-1C4F 1CD0-1CFF A800-A8FF A930-A9FF " +
    "AA60-AAFF ABC0-ABFF FB50-FDCF FDF0-FDFF FE70-FEFE 10A00-10A5F 10AC0-10AFF 10B80-10BAF 10D00-10D3F " +
    "10EC0-10EFF 10F30-10FDF 11000-11FFF 1E900-1E95F",
  virama:
    "94D 9CD A4D ACD B4D BCD C4D CCD D3B-D3C D4D DCA 1039-103A 1714 1734 17D2 1A60 1B44 1BAA-1BAB " +
    "1BF2-1BF3 A806 A8C4 A953 A9C0 AAF6 ABED 10A3F 11046 1107F 110B9 11133-11134 111C0 11235 112EA 1134D " +
    "11442 114C2 115BF 1163F 116B6 1172B 11839 1193D-1193E 119E0 11A34 11A47 11A99 11C3F 11D44-11D45 " +
    "11D97",
};

/** The inside of a regular expression's [] of a table. @param {keyof typeof TABLES} table */
function inside(table) {
  const ends = TABLES[table].split(" ").map((part) => part.split("-").map((end) => `\\u{${end}}`));
  return ends.map((pair) => pair.join("-")).join("");
}

const SPACES = new RegExp(`[${inside("space")}]+`, "gu");
const FLAG = `${BLACK_FLAG}[\\u{e0061}-\\u{e007a}]{2}[\\u{e0030}-\\u{e0039}\\u{e0061}-\\u{e007a}]{1,4}\\u{e007f}`;
const STRIPPED = new RegExp(`(${FLAG})|[${inside("stripped")}]`, "gu");
const BLANK = new RegExp(`^[${inside("blank")}]*$`, "u");
const EMOJI = new RegExp(`[${inside("emoji")}]`, "u");
const TIED = new RegExp(`[${inside("emoji")}${inside("skin")}]`, "u");
const JOINING = new RegExp(`[${inside("joining")}]`, "u");
const VIRAMA = new RegExp(`[${inside("virama")}]`, "u");
const JOINERS = /([\u200c\u200d])[\u200c\u200d]+/gu;
const EXTENDING = new RegExp(`[${inside("skin")}${ZWNJ}${ZWJ}\\u{e0020}-\\u{e007f}]|\\p{M}`, "u");
const UTF8 = new TextEncoder();

/** The text as one line: NFC, nothing invisible, single spaces; "" where nothing would be seen. @param {string} text */
export function cleanLine(text) {
  let before;
  do {
    before = text;
    text = cleanedOnce(text);
  } while (before !== text);
  return BLANK.test(text) ? "" : text;
}

/** A name fit to show, or "", for which the server takes the one it knows. @param {string} text */
export function cleanName(text) {
  return cut(cleanLine([...text].slice(0, RAW_LENGTH_MAX).join("")), NAME_LENGTH_MAX, NAME_BYTES_MAX);
}

/**
 * The beginning of a clean line, within both bounds; where it can be, no emoji and no accented letter is cut apart.
 * @param {string} text
 * @param {number} lengthMax in code points
 * @param {number} bytesMax of UTF-8
 */
export function cut(text, lengthMax, bytesMax) {
  const characters = [...text];
  let fitting = 0;
  let bytes = 0;
  while (fitting < Math.min(characters.length, lengthMax)) {
    bytes += UTF8.encode(characters[fitting]).length;
    if (bytes > bytesMax) break;
    fitting += 1;
  }
  if (fitting === characters.length) return text;
  let end = fitting;
  while (end && (EXTENDING.test(characters[end] ?? "") || characters[end - 1] === ZWJ)) end -= 1;
  return cleanLine(characters.slice(0, end || fitting).join(""));
}

/** Whether a clean line is one that may be said: not blank, and within both bounds. @param {string} text @param {number} lengthMax */
export function maySay(text, lengthMax) {
  return text !== "" && [...text].length <= lengthMax && UTF8.encode(text).length <= CHAT_BYTES_MAX;
}

/** @param {string} text */
function cleanedOnce(text) {
  const plain = withoutFloods(text.replace(SPACES, " ").replace(STRIPPED, "$1")).replace(JOINERS, "$1");
  const characters = [...plain];
  const joined = characters.filter((c, at) => (c !== ZWNJ && c !== ZWJ) || mayJoin(characters, at)).join("");
  return joined.normalize("NFC").replace(/ +/g, " ").replace(/^ | $/g, "");
}

/** At most MARKS_MAX combining marks on one character, and none on nothing. What is not seen is no character here. @param {string} text */
function withoutFloods(text) {
  let kept = "";
  let marks = MARKS_MAX;
  for (const character of text) {
    const isMark = /\p{M}/u.test(character);
    if (isMark) marks += 1;
    else if (!/\p{Cf}/u.test(character)) marks = character === " " ? MARKS_MAX : 0;
    if (!isMark || marks <= MARKS_MAX) kept += character;
  }
  return kept;
}

/** Whether the joiner there stands in an emoji, between letters of a joining script, or behind a virama. @param {string[]} characters @param {number} at */
function mayJoin(characters, at) {
  const before = characters[at - 1] ?? "";
  const after = characters[at + 1] ?? "";
  if (VIRAMA.test(before) || (JOINING.test(before) && JOINING.test(after))) return true;
  if (characters[at] !== ZWJ || !EMOJI.test(after)) return false;
  return before === VS16 ? EMOJI.test(characters[at - 2] ?? "") : TIED.test(before);
}
