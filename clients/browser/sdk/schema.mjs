/**
 * The schema a server sends: which tables and fields each audience's section holds. Pure data; `codec.mjs` and
 * `view.mjs` read it. A client that asks for it in its hello can decode any game.
 */

import { BadBytes } from "./binary.mjs";

/** @typedef {"num" | "whole" | "flag" | "choice" | "text"} Kind */
/** @typedef {"public" | "team" | "seat" | "spectators"} Audience */

/**
 * @typedef {object} WireField One field. 0…steps travel, and `value = min + q * step`.
 * @property {string} name
 * @property {Kind} kind
 * @property {number} min
 * @property {number} step
 * @property {number} steps
 * @property {readonly string[]} choices
 * @property {number} maxBytes
 * @property {string | null} rate the field that this one moves by
 */

/** @typedef {{place: number, rate: number}} Move the field at `place` of a row moves by the field at `rate` */

/**
 * @typedef {object} Table One collection's part of one section.
 * @property {number} index
 * @property {Audience} section
 * @property {string} collection
 * @property {Audience} exists the audience that knows of the entities' existence
 * @property {string | null} owner the field that holds the owning seat
 * @property {readonly WireField[]} fields
 * @property {readonly Move[]} moves
 */

/**
 * @typedef {object} Message An input or event class.
 * @property {number} index
 * @property {string} name
 * @property {readonly WireField[]} fields
 */

/**
 * @typedef {object} Schema
 * @property {string} fingerprint
 * @property {readonly Table[]} tables
 * @property {readonly Message[]} inputs
 * @property {readonly Message[]} events
 * @property {boolean} seesEverything
 */

/** The order of sections is their number on the wire. @type {readonly Audience[]} */
export const SECTION_KINDS = ["public", "team", "seat", "spectators"];

const KINDS = ["num", "whole", "flag", "choice", "text"];

/** The mask with every field's bit set. @param {Table} table */
export function fullMask(table) {
  return 2 ** table.fields.length - 1;
}

/**
 * The schema of its JSON. Throws BadBytes for anything that is not one.
 * @param {any} data
 * @param {string} fingerprint
 * @returns {Schema}
 */
export function schemaFromJson(data, fingerprint) {
  try {
    return {
      fingerprint,
      tables: data.tables.map(table),
      inputs: data.inputs.map(message),
      events: data.events.map(message),
      seesEverything: Boolean(data.sees_everything),
    };
  } catch (error) {
    throw new BadBytes(`expected a schema as docs/protocol.md describes it, got one that fails at ${error}`);
  }
}

/** @param {any} t @param {number} index @returns {Table} */
function table(t, index) {
  const fields = t.fields.map(wireField);
  return {
    index,
    section: audience(t.section),
    collection: String(t.collection),
    exists: audience(t.exists),
    owner: t.owner ?? null,
    fields,
    moves: moves(fields),
  };
}

/** The fields that move by another one. @param {readonly WireField[]} fields @returns {Move[]} */
function moves(fields) {
  return fields.flatMap((field, place) => {
    if (field.rate === null) return [];
    const rate = fields.findIndex(({ name }) => name === field.rate);
    const found = fields[rate];
    if (field.kind !== "num" || !found || !(found.kind === "num" || found.kind === "whole") || found.rate !== null) {
      throw new TypeError(`the rate ${field.rate} of ${field.name}`);
    }
    return [{ place, rate }];
  });
}

/** @param {any} m @param {number} index @returns {Message} */
function message(m, index) {
  return { index, name: String(m.name), fields: m.fields.map(wireField) };
}

/** @param {any} name @returns {Audience} */
function audience(name) {
  if (!SECTION_KINDS.includes(name)) throw new TypeError(`audience ${name}`);
  return name;
}

/** @param {any} f @returns {WireField} */
function wireField(f) {
  if (!KINDS.includes(f.kind)) throw new TypeError(`kind ${f.kind}`);
  return {
    name: String(f.name),
    kind: f.kind,
    min: f.min ?? 0,
    step: f.step ?? 1,
    steps: f.steps ?? 0,
    choices: f.choices ?? [],
    maxBytes: f.max_bytes ?? 0,
    rate: f.rate ?? null,
  };
}
