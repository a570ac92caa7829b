/**
 * Reading and writing the wire's primitive values: unsigned varints, id sets and columns of whole numbers.
 *
 * The same rules as `game/binary.py`: little-endian throughout, and whatever is short, long or not canonical is refused
 * with BadBytes, so that a decoder above never sees half a value.
 */

/** Bytes or JSON that are not what the protocol says; the message tells what was expected. */
export class BadBytes extends Error {}

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Whether a value of JSON is one of the protocol's numbers: whole, and from 0 to below 2**53. @param {unknown} value @returns {value is number} */
export function isWireNumber(value) {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** A growing list of bytes. */
export class Writer {
  /** @type {number[]} */
  #bytes = [];

  /** @param {number} byte */
  u8(byte) {
    this.#bytes.push(byte & 0xff);
  }

  /** Appends an unsigned LEB128 number below 2**53. @param {number} value */
  uvarint(value) {
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes.push((rest % 128) | 0x80);
      rest = Math.floor(rest / 128);
    }
    this.#bytes.push(rest);
  }

  /** Appends a whole number in `width` bytes, little-endian. @param {number} value @param {number} width */
  whole(value, width) {
    for (let i = 0, rest = value; i < width; i += 1, rest = Math.floor(rest / 256)) this.#bytes.push(rest % 256);
  }

  /** Appends bytes as they are. @param {Iterable<number>} bytes */
  raw(bytes) {
    for (const byte of bytes) this.#bytes.push(byte);
  }

  /** Appends a length in bytes and the UTF-8 bytes. @param {string} value */
  text(value) {
    const raw = utf8.encode(value);
    this.uvarint(raw.length);
    this.raw(raw);
  }

  /**
   * Appends an ascending set of ids: `count << 1 | is_bitmap`, the first id, then a bitmap or the gaps. A bitmap stands
   * exactly where it has fewer than `count - 1` bytes, so a set has one form only.
   * @param {readonly number[]} ids
   */
  ids(ids) {
    const first = ids[0];
    if (first === undefined) {
      this.u8(0);
      return;
    }
    const last = /** @type {number} */ (ids[ids.length - 1]);
    const bitmapBytes = Math.floor((last - first + 7) / 8);
    if (bitmapBytes < ids.length - 1) {
      this.uvarint(ids.length * 2 + 1);
      this.uvarint(first);
      const bits = new Uint8Array(bitmapBytes);
      for (const id of ids.slice(1)) {
        const at = id - first - 1;
        bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7));
      }
      this.uvarint(bitmapBytes);
      this.raw(bits);
      return;
    }
    this.uvarint(ids.length * 2);
    this.uvarint(first);
    let before = first;
    for (const id of ids.slice(1)) {
      this.uvarint(id - before - 1);
      before = id;
    }
  }

  /** All bytes so far. */
  done() {
    return Uint8Array.from(this.#bytes);
  }
}

/** The width in bytes of whole numbers from 0 to `steps`. @param {number} steps @returns {1 | 2 | 4} */
export function columnWidth(steps) {
  if (steps <= 0xff) return 1;
  if (steps <= 0xffff) return 2;
  if (steps <= 0xffff_ffff) return 4;
  throw new RangeError(`steps ${steps} need more than 32 bits`);
}

/** A cursor over received bytes. Every method throws BadBytes instead of reading past the end. */
export class Reader {
  /** @param {Uint8Array} data */
  constructor(data) {
    this.data = data;
    this.at = 0;
    this.bytes = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  /** How many bytes are left. */
  get left() {
    return this.data.length - this.at;
  }

  /** One byte. */
  u8() {
    const byte = this.data[this.at];
    if (byte === undefined) throw new BadBytes("expected one more byte, got the end");
    this.at += 1;
    return byte;
  }

  /** One unsigned number below 2**53, in the fewest bytes. */
  uvarint() {
    let value = 0;
    let scale = 1;
    for (let count = 1; ; count += 1) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && count > 1) throw new BadBytes("expected the shortest varint, got a padded one");
        if (value > Number.MAX_SAFE_INTEGER) throw new BadBytes("expected a varint below 2**53, got a larger one");
        return value;
      }
      if (count === 8) throw new BadBytes("expected a varint of at most 8 bytes, got a longer one");
      scale *= 128;
    }
  }

  /** Exactly `length` bytes, not copied. @param {number} length */
  raw(length) {
    if (length > this.left) throw new BadBytes(`expected ${length} more bytes, got ${this.left}`);
    this.at += length;
    return this.data.subarray(this.at - length, this.at);
  }

  /** A counted UTF-8 string. @param {number} maxBytes */
  text(maxBytes) {
    const length = this.uvarint();
    if (length > maxBytes) throw new BadBytes(`expected at most ${maxBytes} bytes of text, got ${length}`);
    const raw = this.raw(length);
    try {
      return strictUtf8.decode(raw);
    } catch {
      throw new BadBytes("expected UTF-8 text, got other bytes");
    }
  }

  /** An ascending set of ids. @returns {number[]} */
  ids() {
    const head = this.uvarint();
    const count = Math.floor(head / 2);
    if (count === 0) {
      if (head) throw new BadBytes("expected ids in a bitmap, got none");
      return [];
    }
    const first = this.uvarint();
    const ids = head % 2 ? this.#bitmapIds(count, first) : this.#gapIds(count, first);
    const last = /** @type {number} */ (ids[ids.length - 1]);
    if (last > Number.MAX_SAFE_INTEGER) throw new BadBytes("expected ids below 2**53, got a larger one");
    if (Math.floor((last - first + 7) / 8) < count - 1 !== (head % 2 === 1)) {
      throw new BadBytes(`expected the shorter form of ${count} ids, got the other`);
    }
    return ids;
  }

  /** @param {number} count @param {number} first */
  #gapIds(count, first) {
    if (count > this.left + 1) throw new BadBytes(`expected ${count} ids, got too few bytes for them`);
    const ids = [first];
    for (let last = first, i = 1; i < count; i += 1) {
      last += 1 + this.uvarint();
      ids.push(last);
    }
    return ids;
  }

  /** @param {number} count @param {number} first */
  #bitmapIds(count, first) {
    const bits = this.raw(this.uvarint());
    if (!bits[bits.length - 1]) throw new BadBytes("expected a bitmap that ends with its last id, got empty bytes after it");
    const ids = [first];
    bits.forEach((byte, place) => {
      for (let bit = 0; bit < 8; bit += 1) if ((byte >> bit) & 1) ids.push(first + 1 + place * 8 + bit);
    });
    if (ids.length !== count) throw new BadBytes(`expected a bitmap of ${count - 1} ids, got one of ${ids.length - 1}`);
    return ids;
  }

  /** `count` whole numbers of one width. @param {1 | 2 | 4} width @param {number} count @returns {number[]} */
  column(width, count) {
    if (count * width > this.left) throw new BadBytes(`expected ${count * width} more bytes, got ${this.left}`);
    const values = new Array(count);
    for (let i = 0, at = this.at; i < count; i += 1, at += width) {
      values[i] =
        width === 1 ? this.bytes.getUint8(at) : width === 2 ? this.bytes.getUint16(at, true) : this.bytes.getUint32(at, true);
    }
    this.at += count * width;
    return values;
  }

  /** Nothing may be left. */
  end() {
    if (this.left) throw new BadBytes(`expected the end, got ${this.left} more bytes`);
  }
}
