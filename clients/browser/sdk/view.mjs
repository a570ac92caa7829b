/**
 * What one viewer holds: sections built from received deltas, and the entities that they make together. It knows
 * nothing of frames or order; `client.mjs` decides which deltas are applied.
 */

import { BadBytes } from "./binary.mjs";
import { encodeDelta, masked } from "./codec.mjs";
import { dequantize } from "./quantize.mjs";
import { fullMask } from "./schema.mjs";

/** @typedef {import("./schema.mjs").Schema} Schema */
/** @typedef {import("./schema.mjs").Table} Table */
/** @typedef {import("./schema.mjs").Audience} Audience */
/** @typedef {import("./codec.mjs").Delta} Delta */
/** @typedef {import("./codec.mjs").Group} Group */
/** @typedef {import("./quantize.mjs").Quantized} Quantized */

/**
 * One entity as this viewer sees it: a property per visible field, and `key`, its wire id. Which fields there are is
 * the game's business, hence `any`.
 * @typedef {{key: number | string} & Record<string, any>} Entity
 */

/** A section's name: the seat or team number is part of it where there is one. @param {Audience} audience @param {number} of */
export function sectionName(audience, of) {
  return audience === "public" || audience === "spectators" ? audience : `${audience}:${of}`;
}

/** The rows of one section as they are at `seq`: per table index, wire id → quantized values. */
export class SectionState {
  /** @type {Map<number, Map<number, Quantized[]>>} */
  tables = new Map();
  seq = 0;
  /** The tables whose rows move by a rate. @type {Set<Table>} */
  #moving = new Set();

  /** @param {number} sendHz frames a second, by which fields with a rate move on */
  constructor(sendHz) {
    this.sendHz = sendHz;
  }

  /**
   * Applies a delta that leads to `seq`; a patch that leads no further than what is held has nothing new. Throws
   * BadBytes for a partial row of an unknown entity: the state would diverge.
   * @param {Delta} delta @param {number} seq
   */
  apply(delta, seq) {
    if (!delta.isKey && seq <= this.seq) return;
    if (delta.isKey) {
      this.tables.clear();
      this.seq = seq;
    }
    this.moveOn(seq);
    for (const part of delta.tables) {
      if (part.table.moves.length) this.#moving.add(part.table);
      let rows = this.tables.get(part.table.index);
      if (!rows) this.tables.set(part.table.index, (rows = new Map()));
      for (const id of part.gone) rows.delete(id);
      for (const group of part.groups) setRows(part.table, rows, group);
    }
  }

  /** Takes what moves by a rate to a later seq, at which nothing else has changed. @param {number} seq */
  moveOn(seq) {
    if (seq <= this.seq) return;
    for (const table of this.#moving) {
      for (const row of this.tables.get(table.index)?.values() ?? []) {
        for (const move of table.moves) row[move.place] = moved(table, row, move, this.seq, seq, this.sendHz);
      }
    }
    this.seq = seq;
  }

  /** The KEY that would build this state, in canonical order. @param {Schema} schema @returns {Delta} */
  asKey(schema) {
    /** @type {Delta} */
    const delta = { isKey: true, tables: [], events: [] };
    for (const table of schema.tables) {
      const rows = this.tables.get(table.index);
      if (!rows?.size) continue;
      const ids = [...rows.keys()].sort((a, b) => a - b);
      const columns = table.fields.map((_, place) =>
        ids.map((id) => /** @type {Quantized} */ (/** @type {Quantized[]} */ (rows.get(id))[place])),
      );
      delta.tables.push({ table, gone: [], groups: [{ mask: fullMask(table), ids, columns }] });
    }
    return delta;
  }
}

/** A viewer's sections. */
export class View {
  /** @type {Map<string, SectionState>} */
  sections = new Map();
  /** The own seat's number, or null for spectators. @type {number | null} */
  seat = null;
  /** @type {Map<string, Entity[]>} */
  #cache = new Map();

  /** @param {Schema} schema @param {number} sendHz frames a second, as the welcome says */
  constructor(schema, sendHz) {
    this.schema = schema;
    this.sendHz = sendHz;
  }

  /** The world's own fields as one entity. */
  get world() {
    return this.#only("world");
  }

  /** The room's phase and summary. */
  get room() {
    return this.#only("_room");
  }

  /** Who sits where: number, name, team (255: none), is_bot, is_connected. */
  get roster() {
    return this.all("_seats");
  }

  /** The names of the game's collections, in the schema's order. */
  get collections() {
    return [...new Set(this.schema.tables.map((table) => table.collection))].filter((name) => !name.startsWith("_"));
  }

  /** The visible entities of a collection; an unknown name is an error. @param {string} collection @returns {Entity[]} */
  all(collection) {
    let found = this.#cache.get(collection);
    if (!found) {
      if (!this.schema.tables.some((table) => table.collection === collection)) {
        throw new RangeError(`no collection ${collection}; expected one of ${this.collections.join(", ")}`);
      }
      this.#cache.set(collection, (found = this.#merge(collection)));
    }
    return found;
  }

  /** The entities of a collection that belong to this viewer's seat. @param {string} collection */
  mine(collection) {
    const owner = this.schema.tables.find((table) => table.collection === collection)?.owner;
    if (!owner || this.seat === null) return [];
    return this.all(collection).filter((entity) => entity[owner] === this.seat);
  }

  /**
   * Applies a frame's sections together or, where one of them does not fit what is held, none: false then.
   * @param {readonly {name: string, deltas: readonly {seq: number, delta: Delta}[]}[]} parts each delta with the seq that it leads to
   * @param {number} seq the frame's
   */
  applyAll(parts, seq) {
    const fit = parts.every(({ name, deltas }) => fits(this.sections.get(name), deltas.map(({ delta }) => delta)));
    if (!fit) return false;
    this.#cache.clear();
    for (const { name, deltas } of parts) {
      const state = this.sections.get(name) ?? new SectionState(this.sendHz);
      this.sections.set(name, state);
      for (const { seq: to, delta } of deltas) state.apply(delta, to);
      state.moveOn(seq);
    }
    return true;
  }

  /** Drops every section that is not listed. @param {readonly string[]} names */
  keepOnly(names) {
    for (const name of this.sections.keys()) {
      if (names.includes(name)) continue;
      this.#cache.clear();
      this.sections.delete(name);
    }
  }

  /** All sections as their canonical KEYs: equal on both ends exactly when nothing diverged. @returns {Record<string, Uint8Array>} */
  canonical() {
    const names = [...this.sections.keys()].sort();
    return Object.fromEntries(
      names.map((name) => [name, encodeDelta(/** @type {SectionState} */ (this.sections.get(name)).asKey(this.schema))]),
    );
  }

  /** Everything as plain JSON: collections by name. */
  asJson() {
    const names = [...new Set(this.schema.tables.map((table) => table.collection))];
    return { seat: this.seat, ...Object.fromEntries(names.map((name) => [name, this.all(name).map((e) => ({ ...e }))])) };
  }

  /** @param {string} collection @returns {Entity} */
  #only(collection) {
    return this.all(collection)[0] ?? { key: 0 };
  }

  /** @param {string} collection @returns {Entity[]} */
  #merge(collection) {
    /** @type {Map<number | string, Entity>} */
    const merged = new Map();
    const names = [...this.sections.keys()].sort((a, b) => Number(a !== "public") - Number(b !== "public") || (a < b ? -1 : 1));
    for (const name of names) {
      const tables = /** @type {SectionState} */ (this.sections.get(name)).tables;
      for (const table of this.schema.tables) {
        if (table.collection !== collection) continue;
        for (const [id, row] of tables.get(table.index) ?? []) {
          const key = table.exists === "public" ? id : `${table.exists}/${id}`;
          let entity = merged.get(key);
          if (!entity) merged.set(key, (entity = { key }));
          for (let i = 0; i < table.fields.length; i += 1) {
            const field = /** @type {import("./schema.mjs").WireField} */ (table.fields[i]);
            entity[field.name] = dequantize(field, /** @type {Quantized} */ (row[i]));
          }
        }
      }
    }
    return [...merged.values()];
  }
}

/**
 * A row's moving field, taken from one seq to a later one: whole steps, the same ones as on the server, whatever
 * frames were seen on the way (docs/protocol.md, "Fields that move").
 * @param {Table} table @param {Quantized[]} row @param {import("./schema.mjs").Move} move @param {number} since @param {number} to @param {number} sendHz
 */
function moved(table, row, { place, rate }, since, to, sendHz) {
  const { step, steps } = /** @type {import("./schema.mjs").WireField} */ (table.fields[place]);
  const speed = Number(dequantize(/** @type {import("./schema.mjs").WireField} */ (table.fields[rate]), row[rate] ?? 0));
  const slope = speed * (1 / (step * sendHz));
  const q = Number(row[place]) + Math.floor(slope * to + 0.5) - Math.floor(slope * since + 0.5);
  return Math.min(Math.max(q, 0), steps);
}

/** Whether deltas find every row that they change only in part. @param {SectionState | undefined} state @param {readonly Delta[]} deltas */
function fits(state, deltas) {
  if (!state && deltas.length && !deltas[0]?.isKey) return false;
  /** Rows that came or went in an earlier delta of this chain. @type {Map<string, boolean>} */
  const since = new Map();
  let isReset = false;
  for (const delta of deltas) {
    if (delta.isKey) {
      isReset = true;
      since.clear();
    }
    for (const { table, gone, groups } of delta.tables) {
      for (const id of gone) since.set(`${table.index} ${id}`, false);
      for (const group of groups) {
        const isPartial = group.mask !== fullMask(table);
        for (const id of group.ids) {
          const name = `${table.index} ${id}`;
          const isHeld = since.get(name) ?? (!isReset && state?.tables.get(table.index)?.has(id) === true);
          if (isPartial && !isHeld) return false;
          since.set(name, true);
        }
      }
    }
  }
  return true;
}

/** @param {Table} table @param {Map<number, Quantized[]>} rows @param {Group} group */
function setRows(table, rows, group) {
  const places = masked(table, group.mask).map(({ place }) => place);
  const isFull = group.mask === fullMask(table);
  group.ids.forEach((id, n) => {
    let row = rows.get(id);
    if (!row) {
      if (!isFull) throw new BadBytes(`expected all fields of the new ${table.collection} ${id}, got mask ${group.mask}`);
      rows.set(id, (row = new Array(table.fields.length)));
    }
    for (let i = 0; i < places.length; i += 1) {
      row[/** @type {number} */ (places[i])] = /** @type {Quantized} */ (group.columns[i]?.[n]);
    }
  });
}
