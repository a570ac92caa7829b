/**
 * Frames from bytes and from readable JSON; inputs and acks to both. The layout is in docs/protocol.md, the other end
 * in `game/wire/frames.py`.
 */

import { BadBytes, Reader, Writer, isWireNumber } from "./binary.mjs";
import { bodyOf, decodeDelta, deltaFromJson, putValues } from "./codec.mjs";
import { SECTION_KINDS } from "./schema.mjs";

/** @typedef {import("./schema.mjs").Schema} Schema */
/** @typedef {import("./schema.mjs").Message} Message */
/** @typedef {import("./schema.mjs").Audience} Audience */
/** @typedef {import("./codec.mjs").Delta} Delta */

/** @typedef {{epoch: number, seq: number}} Position a point in a room's one total order */
/** @typedef {{slot: number, n: number, tick: number, margin: number, reason: string}} Answer an empty reason: applied */
/** @typedef {{audience: Audience, of: number, chain: readonly {seq: number, read: () => Delta}[]}} Part */

/**
 * @typedef {object} Frame
 * @property {"key" | "patch" | "head"} kind
 * @property {number} epoch
 * @property {number} seq
 * @property {number} base
 * @property {number} tick
 * @property {number} at_ms
 * @property {readonly Part[]} parts
 * @property {readonly Answer[]} answers
 */

/**
 * @typedef {object} SentInput
 * @property {number} slot
 * @property {number} n
 * @property {Position} seen
 * @property {number} forTick
 * @property {Message} message
 * @property {readonly (number | string)[]} values
 */

const FRAME_KINDS = /** @type {const} */ ({ 1: "key", 2: "patch", 3: "head" });
const INPUT = 0x11;
const ACK = 0x12;
const REASON_MAX_BYTES = 120;

/** Negative where `a` is earlier, 0 where equal. @param {Position} a @param {Position} b */
export function compare(a, b) {
  return a.epoch - b.epoch || a.seq - b.seq;
}

/**
 * The frame of these bytes. Throws BadBytes for anything that a server could not have written.
 * The blobs are decoded only when a part is read, since most stale frames never are.
 * @param {Uint8Array} data
 * @param {Schema} schema
 * @returns {Frame}
 */
export function decodeFrame(data, schema) {
  const reader = new Reader(data);
  const number = reader.u8();
  if (number !== 1 && number !== 2 && number !== 3) {
    throw new BadBytes(`expected a key, patch or head (1 to 3), got ${number}`);
  }
  const kind = FRAME_KINDS[number];
  const epoch = reader.uvarint();
  const seq = reader.uvarint();
  const behind = reader.uvarint();
  const tick = reader.uvarint();
  const at_ms = reader.uvarint();
  if (behind > seq || (behind && kind !== "patch")) {
    throw new BadBytes(`expected a base from 0 to ${seq} in a patch only, got ${behind} behind`);
  }
  const parts = [];
  for (let left = reader.uvarint(); left > 0; left -= 1) parts.push(readPart(reader, seq, schema));
  const answers = [];
  for (let left = reader.uvarint(); left > 0; left -= 1) answers.push(readAnswer(reader));
  reader.end();
  return checked({ kind, epoch, seq, base: seq - behind, tick, at_ms, parts, answers });
}

/**
 * The frame of its readable form. Throws BadBytes for anything else.
 * @param {Schema} schema
 * @param {any} data
 * @returns {Frame}
 */
export function frameFromJson(schema, data) {
  try {
    for (const name of ["epoch", "seq", "base", "tick", "at_ms"]) {
      if (!isWireNumber(data[name])) throw new TypeError(`${name} ${data[name]}`);
    }
    return checked({
      kind: data.type,
      epoch: data.epoch,
      seq: data.seq,
      base: data.base,
      tick: data.tick,
      at_ms: data.at_ms,
      parts: data.sections.map((/** @type {any} */ s) => ({
        audience: s.section,
        of: s.of,
        chain: s.chain.map((/** @type {any} */ b) => ({ seq: b.seq, read: () => deltaFromJson(schema, b) })),
      })),
      answers: data.answers.map((/** @type {any} */ a) => ({
        slot: a.slot,
        n: a.n,
        tick: a.tick,
        margin: a.margin,
        reason: a.refused ?? "",
      })),
    });
  } catch (error) {
    if (error instanceof BadBytes) throw error;
    throw new BadBytes(`expected a frame in JSON, got one that fails at ${error}`);
  }
}

/** What both forms of a frame must hold. @param {Frame} frame */
function checked(frame) {
  const { kind, seq, base, parts } = frame;
  if (kind === "patch" ? base > seq : base !== seq) {
    throw new BadBytes(`expected a base up to seq ${seq}, and below it in a patch only, got ${base}`);
  }
  if (kind === "head" && (parts.length || frame.answers.length)) {
    throw new BadBytes("expected a head without sections and answers");
  }
  if (new Set(parts.map((part) => `${part.audience} ${part.of}`)).size !== parts.length) {
    throw new BadBytes("expected each section once, got one twice");
  }
  for (const part of parts) {
    if (!SECTION_KINDS.includes(part.audience)) throw new BadBytes(`expected a section's audience, got ${part.audience}`);
    if (part.of && (part.audience === "public" || part.audience === "spectators")) {
      throw new BadBytes(`expected section ${part.audience} of nobody in particular, got one of ${part.of}`);
    }
    part.chain.forEach((blob, i) => {
      if (blob.seq > seq || blob.seq <= (part.chain[i - 1]?.seq ?? -1)) {
        throw new BadBytes(`expected deltas by growing seq up to ${seq}, got ${blob.seq}`);
      }
    });
  }
  return frame;
}

/** An input's bytes. @param {SentInput} input */
export function encodeInput(input) {
  const out = new Writer();
  out.u8(INPUT);
  for (const value of [input.slot, input.n, input.seen.epoch, input.seen.seq, input.forTick, input.message.index]) {
    out.uvarint(value);
  }
  putValues(out, input.message.fields, input.values);
  return out.done();
}

/** The readable form of an input. @param {SentInput} input */
export function inputJson(input) {
  return {
    type: "input",
    slot: input.slot,
    n: input.n,
    seen: [input.seen.epoch, input.seen.seq],
    for_tick: input.forTick,
    body: { type: input.message.name, ...bodyOf(input.message, input.values) },
  };
}

/** An ack's bytes. @param {Position} position */
export function encodeAck(position) {
  const out = new Writer();
  out.u8(ACK);
  out.uvarint(position.epoch);
  out.uvarint(position.seq);
  return out.done();
}

/** @param {Reader} reader @param {number} frameSeq @param {Schema} schema @returns {Part} */
function readPart(reader, frameSeq, schema) {
  const number = reader.u8();
  const of = reader.uvarint();
  const audience = SECTION_KINDS[number];
  if (audience === undefined) throw new BadBytes(`expected a section 0 to ${SECTION_KINDS.length - 1}, got ${number}`);
  const chain = [];
  for (let left = reader.uvarint(); left > 0; left -= 1) {
    const behind = reader.uvarint();
    const blob = reader.raw(reader.uvarint());
    if (!blob.length) throw new BadBytes("expected a delta of at least one byte, got none");
    if (behind > frameSeq) throw new BadBytes(`expected a blob at most ${frameSeq} behind, got ${behind}`);
    chain.push({ seq: frameSeq - behind, read: () => decodeDelta(schema, blob) });
  }
  return { audience, of, chain };
}

/** @param {Reader} reader @returns {Answer} */
function readAnswer(reader) {
  const slot = reader.uvarint();
  const n = reader.uvarint();
  const tick = reader.uvarint();
  const zigzag = reader.uvarint();
  const margin = zigzag % 2 ? -(zigzag + 1) / 2 : zigzag / 2;
  return { slot, n, tick, margin, reason: reader.text(REASON_MAX_BYTES) };
}
