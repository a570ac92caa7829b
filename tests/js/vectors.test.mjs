/** The browser's codec against tests/vectors: the same files that hold the Python one. */

import assert from "node:assert/strict";
import test from "node:test";
import { BadBytes, Reader, Writer } from "../../clients/browser/sdk/binary.mjs";
import { decodeDelta, deltaFromJson, encodeDelta, named, quantizeAll } from "../../clients/browser/sdk/codec.mjs";
import { decodeFrame, encodeAck, encodeInput, frameFromJson, inputJson } from "../../clients/browser/sdk/frames.mjs";
import { dequantize, quantize } from "../../clients/browser/sdk/quantize.mjs";
import { schemaFromJson } from "../../clients/browser/sdk/schema.mjs";
import * as text from "../../clients/browser/sdk/text.mjs";
import { SectionState } from "../../clients/browser/sdk/view.mjs";
import { SCHEMA, bytes, fieldOf, hex, tablesOf, vectors } from "./vectors.mjs";

/** @typedef {import("../../clients/browser/sdk/frames.mjs").Frame} Frame */

/** A frame with its blobs read, so that both forms can be compared. @param {Frame} frame */
function read(frame) {
  const parts = frame.parts.map((part) => ({ ...part, chain: part.chain.map((b) => ({ seq: b.seq, delta: b.read() })) }));
  return { ...frame, parts };
}

test("varints", () => {
  const { varints, varints_refused: refused } = vectors("primitives");
  assert.ok(varints.length && refused.length);
  for (const { value, hex: expected } of varints) {
    const out = new Writer();
    out.uvarint(value);
    assert.equal(hex(out.done()), expected);
    const reader = new Reader(bytes(expected));
    assert.equal(reader.uvarint(), value);
    reader.end();
  }
  for (const bad of refused) assert.throws(() => new Reader(bytes(bad)).uvarint(), BadBytes, bad);
});

test("id sets", () => {
  const { ids, ids_refused: refused } = vectors("primitives");
  assert.ok(ids.length && refused.length);
  for (const { ids: set, hex: expected } of ids) {
    const out = new Writer();
    out.ids(set);
    assert.equal(hex(out.done()), expected);
    assert.deepEqual(new Reader(bytes(expected)).ids(), set);
  }
  for (const bad of refused) {
    assert.throws(() => {
      const reader = new Reader(bytes(bad));
      reader.ids();
      reader.end();
    }, BadBytes, bad);
  }
});

test("quantizing", () => {
  const special = /** @type {Record<string, number>} */ ({ nan: NaN, inf: Infinity, "-inf": -Infinity });
  for (const { field, value, q, seen_as: seen } of vectors("quantize")) {
    const wire = fieldOf(field);
    const given = wire.kind === "num" || wire.kind === "whole" ? (special[value] ?? value) : value;
    assert.equal(quantize(wire, given), q, `${JSON.stringify(field)} ${value}`);
    assert.equal(dequantize(wire, q), seen, `${JSON.stringify(field)} ${q}`);
  }
});

test("deltas in both forms", () => {
  const { deltas, refused } = vectors("deltas");
  assert.ok(deltas.length && refused.length);
  for (const { name, hex: data, json } of deltas) {
    const delta = decodeDelta(SCHEMA, bytes(data));
    assert.equal(hex(encodeDelta(delta)), data, name);
    assert.equal(hex(encodeDelta(deltaFromJson(SCHEMA, json))), data, name);
  }
  for (const { name, hex: data } of refused) assert.throws(() => decodeDelta(SCHEMA, bytes(data)), BadBytes, name);
});

test("frames in both forms", () => {
  const { frames, refused } = vectors("frames");
  assert.ok(frames.length && refused.length);
  for (const { name, hex: data, json } of frames) {
    assert.deepEqual(read(decodeFrame(bytes(data), SCHEMA)), read(frameFromJson(SCHEMA, json)), name);
    for (const key of ["epoch", "seq", "base", "tick", "at_ms"]) {
      assert.equal(/** @type {any} */ (decodeFrame(bytes(data), SCHEMA))[key], json[key], `${name}: ${key}`);
    }
  }
  for (const { name, hex: data } of refused) assert.throws(() => decodeFrame(bytes(data), SCHEMA), BadBytes, name);
});

test("inputs and acks", () => {
  const { inputs, acks } = vectors("client");
  assert.ok(inputs.length && acks.length);
  for (const { hex: data, json, sent_as: body } of inputs) {
    const message = named(SCHEMA.inputs, body.type);
    const [epoch, seq] = json.seen;
    const { slot, n, for_tick: forTick } = json;
    const sent = { slot, n, seen: { epoch, seq }, forTick, message, values: quantizeAll(message, body) };
    assert.equal(hex(encodeInput(sent)), data);
    assert.deepEqual(inputJson(sent), json);
  }
  for (const { hex: data, json } of acks) assert.equal(hex(encodeAck(json)), data);
});

test("what moves by a rate is where the server takes it to be", () => {
  const { schema: json, fingerprint, send_hz: sendHz, steps } = vectors("motion");
  const schema = schemaFromJson(json, fingerprint);
  /** @type {Map<string, SectionState>} */
  const states = new Map();
  for (const { seq, sections } of steps) {
    for (const [name, { delta, held }] of Object.entries(sections)) {
      const state = states.get(name) ?? new SectionState(sendHz);
      states.set(name, state);
      if (delta !== null) state.apply(decodeDelta(schema, bytes(delta)), seq);
      state.moveOn(seq);
      assert.equal(hex(encodeDelta(state.asKey(schema))), held, `${name} at ${seq}`);
    }
  }
});

test("views have one canonical form", () => {
  for (const { sections, canonical } of vectors("views")) {
    assert.ok(Object.keys(sections).length);
    for (const [name, data] of Object.entries(canonical)) {
      const state = new SectionState(20);
      state.apply(decodeDelta(SCHEMA, bytes(data)), 1);
      assert.deepEqual(tablesOf(state), sections[name], name);
      assert.equal(hex(encodeDelta(state.asKey(SCHEMA))), data, name);
    }
  }
});

test("text from people", () => {
  const { bounds, tables, texts } = vectors("text");
  assert.deepEqual(text.TABLES, tables);
  for (const [name, value] of Object.entries(bounds)) assert.equal(/** @type {any} */ (text)[name], value, name);
  assert.ok(texts.length);
  for (const { name, given, line, shown } of texts) {
    assert.equal(text.cleanLine(given), line, name);
    assert.equal(text.cleanName(given), shown, `${name}, as a name`);
  }
});
