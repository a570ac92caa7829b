/** Reading tests/vectors, and what their bytes and tables look like. The tests beside this file use it. */

import { readFileSync } from "node:fs";
import { schemaFromJson } from "../../clients/browser/sdk/schema.mjs";

/** @param {string} name @returns {any} */
export function vectors(name) {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf-8"));
}

/** @param {string} text */
export function bytes(text) {
  return Uint8Array.from(Buffer.from(text, "hex"));
}

/** @param {Uint8Array} data */
export function hex(data) {
  return Buffer.from(data).toString("hex");
}

const sample = vectors("schema");

export const SCHEMA = schemaFromJson(sample.schema, sample.fingerprint);

/** One field of a schema's JSON as the codec knows it. @param {unknown} field */
export function fieldOf(field) {
  const table = { section: "public", collection: "it", exists: "public", owner: null, fields: [field] };
  const made = schemaFromJson({ tables: [table], inputs: [], events: [] }, "").tables[0]?.fields[0];
  if (!made) throw new Error("a schema of one field lost it");
  return made;
}

/** A section's quantized rows as the vectors spell them. @param {import("../../clients/browser/sdk/view.mjs").SectionState} state */
export function tablesOf(state) {
  /** @type {Record<string, Record<string, unknown>>} */
  const tables = {};
  for (const [index, rows] of state.tables) if (rows.size) tables[index] = Object.fromEntries(rows);
  return tables;
}
