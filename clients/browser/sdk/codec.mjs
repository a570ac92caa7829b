/**
 * Deltas of one section from bytes or from readable JSON, and inputs to both. `game/codec.py` is the other end.
 *
 * A delta is a KEY (the whole section) or a PATCH (absolute values of what changed after a base). Rows with the same
 * mask of fields travel as one group: an id set, then one column per field.
 */

import { BadBytes, Reader, Writer, columnWidth, isWireNumber } from "./binary.mjs";
import { dequantize, quantize } from "./quantize.mjs";
import { fullMask } from "./schema.mjs";

/** @typedef {import("./schema.mjs").Schema} Schema */
/** @typedef {import("./schema.mjs").Table} Table */
/** @typedef {import("./schema.mjs").Message} Message */
/** @typedef {import("./schema.mjs").WireField} WireField */
/** @typedef {import("./quantize.mjs").Quantized} Quantized */
/** @typedef {Record<string, number | string | boolean>} Body values by field name */

/** @typedef {{mask: number, ids: readonly number[], columns: readonly (readonly Quantized[])[]}} Group */
/** @typedef {{table: Table, gone: readonly number[], groups: readonly Group[]}} TableDelta */
/** @typedef {{message: Message, age: number, values: readonly Quantized[]}} EventRow `age` counts frames back */
/** @typedef {{isKey: boolean, tables: TableDelta[], events: EventRow[]}} Delta */

const MAX_ROWS = 2 ** 20;

/**
 * The delta of a blob. Throws BadBytes for anything that an encoder could not have written.
 * @param {Schema} schema
 * @param {Uint8Array} blob
 * @returns {Delta}
 */
export function decodeDelta(schema, blob) {
  const reader = new Reader(blob);
  const kind = reader.u8();
  if (kind > 1) throw new BadBytes(`expected a key (0) or patch (1), got ${kind}`);
  const isKey = kind === 0;
  /** @type {Delta} */
  const delta = { isKey, tables: [], events: [] };
  let last = -1;
  for (let left = reader.uvarint(); left > 0; left -= 1) {
    const table = indexed(schema.tables, reader.uvarint(), "table");
    if (table.index <= last) throw new BadBytes("expected tables in ascending order");
    last = table.index;
    const gone = isKey ? [] : reader.ids();
    const groups = [];
    for (let groupsLeft = reader.uvarint(); groupsLeft > 0; groupsLeft -= 1) groups.push(readGroup(reader, table));
    const part = { table, gone, groups };
    checkPart(part, isKey);
    delta.tables.push(part);
  }
  for (let left = reader.uvarint(); left > 0; left -= 1) {
    const message = indexed(schema.events, reader.uvarint(), "event");
    const age = reader.uvarint();
    delta.events.push({ message, age, values: readValues(reader, message.fields) });
  }
  reader.end();
  return delta;
}

/**
 * The blob of a delta.
 * @param {Delta} delta
 */
export function encodeDelta(delta) {
  const out = new Writer();
  out.u8(delta.isKey ? 0 : 1);
  out.uvarint(delta.tables.length);
  for (const part of delta.tables) {
    out.uvarint(part.table.index);
    if (!delta.isKey) out.ids(part.gone);
    out.uvarint(part.groups.length);
    for (const group of part.groups) putGroup(out, part.table, group);
  }
  out.uvarint(delta.events.length);
  for (const event of delta.events) {
    out.uvarint(event.message.index);
    out.uvarint(event.age);
    putValues(out, event.message.fields, event.values);
  }
  return out.done();
}

/**
 * The delta of its readable form. Throws BadBytes for anything else.
 * @param {Schema} schema
 * @param {any} data
 * @returns {Delta}
 */
export function deltaFromJson(schema, data) {
  try {
    if (data.kind !== "key" && data.kind !== "patch") throw new TypeError(`kind ${data.kind}`);
    const isKey = data.kind === "key";
    return {
      isKey,
      tables: data.tables.map((/** @type {any} */ part) => partFromJson(schema, part, isKey)),
      events: data.events.map((/** @type {any} */ event) => {
        const { age, type, ...body } = event;
        if (!isWireNumber(age)) throw new TypeError(`age ${age}`);
        const message = named(schema.events, type);
        return { message, age, values: quantizeAll(message, body) };
      }),
    };
  } catch (error) {
    if (error instanceof BadBytes) throw error;
    throw new BadBytes(`expected a section delta in JSON, got one that fails at ${error}`);
  }
}

/** Appends one quantized value per field. @param {Writer} out @param {readonly WireField[]} fields @param {readonly Quantized[]} values */
export function putValues(out, fields, values) {
  fields.forEach((field, i) => putValue(out, field, /** @type {Quantized} */ (values[i])));
}

/** One quantized value per field, each within its range. @param {Reader} reader @param {readonly WireField[]} fields @returns {Quantized[]} */
export function readValues(reader, fields) {
  return fields.map((field) => /** @type {Quantized} */ (readColumn(reader, field, 1)[0]));
}

/** The quantized values of a body; throws TypeError where a field is missing or of another type. @param {Message} message @param {Record<string, unknown>} body */
export function quantizeAll(message, body) {
  return message.fields.map((field) => {
    if (body[field.name] === undefined) throw new TypeError(`${message.name}.${field.name} is missing`);
    return quantize(field, body[field.name]);
  });
}

/** Values by field name. @param {Message} message @param {readonly Quantized[]} values @returns {Body} */
export function bodyOf(message, values) {
  return Object.fromEntries(
    message.fields.map((field, i) => [field.name, dequantize(field, /** @type {Quantized} */ (values[i]))]),
  );
}

/** The message class of that name; throws TypeError. @param {readonly Message[]} messages @param {unknown} name */
export function named(messages, name) {
  const found = messages.find((message) => message.name === name);
  if (!found) throw new TypeError(`expected one of ${messages.map((m) => m.name).join(", ")}, got ${name}`);
  return found;
}

/** The fields that a mask names, with their places in the row. @param {Table} table @param {number} mask */
export function masked(table, mask) {
  return table.fields.flatMap((field, place) => ((mask >>> place) & 1 ? [{ field, place }] : []));
}

/** @param {Reader} reader @param {Table} table @returns {Group} */
function readGroup(reader, table) {
  const mask = reader.uvarint();
  if (mask > fullMask(table)) throw new BadBytes(`expected a mask of ${table.fields.length} fields, got ${mask}`);
  const ids = reader.ids();
  if (!ids.length || ids.length > MAX_ROWS) throw new BadBytes(`expected 1 to ${MAX_ROWS} rows, got ${ids.length}`);
  return { mask, ids, columns: masked(table, mask).map(({ field }) => readColumn(reader, field, ids.length)) };
}

/** @param {Writer} out @param {Table} table @param {Group} group */
function putGroup(out, table, group) {
  out.uvarint(group.mask);
  out.ids(group.ids);
  masked(table, group.mask).forEach(({ field }, i) => {
    for (const value of group.columns[i] ?? []) putValue(out, field, value);
  });
}

/** @param {Writer} out @param {WireField} field @param {Quantized} value */
function putValue(out, field, value) {
  if (field.kind === "text") out.text(String(value));
  else out.whole(Number(value), columnWidth(field.steps));
}

/** @param {Reader} reader @param {WireField} field @param {number} count @returns {Quantized[]} */
function readColumn(reader, field, count) {
  if (field.kind === "text") {
    const texts = [];
    for (let i = 0; i < count; i += 1) texts.push(reader.text(field.maxBytes));
    return texts;
  }
  const values = reader.column(columnWidth(field.steps), count);
  for (const value of values) {
    if (value > field.steps) throw new BadBytes(`${field.name}: expected at most ${field.steps}, got ${value}`);
  }
  return values;
}

/** @param {Schema} schema @param {any} data @param {boolean} isKey @returns {TableDelta} */
function partFromJson(schema, data, isKey) {
  const table = indexed(schema.tables, data.table, "table");
  /** @type {Map<number, {id: number, row: Record<string, unknown>}[]>} */
  const byMask = new Map();
  for (const [id, row] of [...data.set].sort((a, b) => a[0] - b[0])) {
    const mask = maskOf(table, row);
    byMask.set(mask, [...(byMask.get(mask) ?? []), { id, row }]);
  }
  const groups = [...byMask].sort(([a], [b]) => a - b).map(([mask, rows]) => ({
    mask,
    ids: rows.map(({ id }) => id),
    columns: masked(table, mask).map(({ field }) => rows.map(({ row }) => quantize(field, row[field.name]))),
  }));
  const gone = [...data.gone].sort((a, b) => a - b);
  if (isKey && gone.length) throw new BadBytes(`expected nothing gone in a key, got ids ${gone}`);
  const part = { table, gone, groups };
  checkPart(part, isKey);
  return part;
}

/** @param {Table} table @param {Record<string, unknown>} row */
function maskOf(table, row) {
  let mask = 0;
  let count = 0;
  table.fields.forEach((field, place) => {
    if (!(field.name in row)) return;
    mask += 2 ** place;
    count += 1;
  });
  if (count !== Object.keys(row).length) throw new TypeError(`fields ${Object.keys(row)} of ${table.collection}`);
  return mask;
}

/** One form only: groups by ascending mask, each id once, whole rows in a KEY, and no table without a change. @param {TableDelta} part @param {boolean} isKey */
function checkPart({ table, gone, groups }, isKey) {
  if (!gone.length && !groups.length) throw new BadBytes(`expected a change of table ${table.index}, got none`);
  groups.forEach((group, i) => {
    if (i && group.mask <= /** @type {Group} */ (groups[i - 1]).mask) throw new BadBytes("expected groups by ascending mask");
    if (isKey && (i || group.mask !== fullMask(table))) throw new BadBytes("expected one group of whole rows in a key");
  });
  const ids = [...gone, ...groups.flatMap((group) => group.ids)];
  if (new Set(ids).size !== ids.length) throw new BadBytes(`expected each id of table ${table.index} once, got one twice`);
}

/** @template T @param {readonly T[]} items @param {number} index @param {string} what @returns {T} */
function indexed(items, index, what) {
  const found = items[index];
  if (found === undefined) throw new BadBytes(`expected ${what} 0 to ${items.length - 1}, got ${index}`);
  return found;
}
