/** The browser's client lives through tests/vectors/scripts.json, step by step, and must do what the Python one did. */

import assert from "node:assert/strict";
import test from "node:test";
import { Client } from "../../clients/browser/sdk/client.mjs";
import { SCHEMA, bytes, hex, tablesOf, vectors } from "./vectors.mjs";

/** @param {import("../../clients/browser/sdk/client.mjs").News} news */
function newsJson(news) {
  switch (news.type) {
    case "applied":
      return { news: "applied", seq: news.frame.seq, tick: news.frame.tick };
    case "answered": {
      const { slot, n, tick, margin, reason } = news.answer;
      return { news: "answered", slot, n, tick, margin, refused: reason };
    }
    case "event":
      return { news: "event", name: news.name, body: news.body };
    default:
      return { news: "message", message: news };
  }
}

/** @param {Client} client */
function sectionsOf(client) {
  return Object.fromEntries([...(client.view?.sections ?? [])].map(([name, state]) => [name, tablesOf(state)]));
}

/** @param {Client} client @param {any} step */
function take(client, step) {
  if (step.closed) client.closed(step.closed);
  if (step.start) client.start(step.at_s);
  if (step.poll) client.poll(step.at_s);
  if (step.receive) client.receive(step.receive.text ?? bytes(step.receive.hex), step.at_s);
  if (step.send_input) {
    const { slot, for_tick: forTick, body } = step.send_input;
    const { type, ...values } = body;
    client.sendInput(type, values, { slot, forTick });
  }
}

/** @param {Client} client */
function outcome(client) {
  return {
    state: client.state,
    head: [client.head.epoch, client.head.seq],
    sections: sectionsOf(client),
    gaps: client.gaps,
    sent: client.dataToSend().map((data) => (typeof data === "string" ? JSON.parse(data) : { hex: hex(data) })),
    news: client.news().map(newsJson),
    unanswered: [...client.unanswered.values()].map((input) => input.n).sort((a, b) => a - b),
  };
}

for (const script of vectors("scripts")) {
  test(`${script.subprotocol}: ${script.name}`, () => {
    const { name } = script.hello;
    const client = new Client({ name }, { isBinary: script.subprotocol.endsWith(".bin"), schema: SCHEMA });
    script.steps.forEach((/** @type {any} */ step, /** @type {number} */ i) => {
      take(client, step);
      assert.deepEqual(outcome(client), step.expect, `step ${i}: ${JSON.stringify({ ...step, expect: undefined })}`);
    });
  });
}

test("what is unanswered when nobody connects again is told as lost, and another numbering begins", () => {
  const script = vectors("scripts").find((/** @type {any} */ each) => each.name.startsWith("inputs are numbered"));
  const client = new Client({}, { isBinary: script.subprotocol.endsWith(".bin"), schema: SCHEMA });
  for (const step of script.steps.slice(0, 3)) take(client, step);
  const n = client.sendInput("Steer", { turn: 0.5, thrust: true });
  client.news();
  const { numbering } = client;
  assert.equal(client.closed(4410), "never");
  client.giveUp();
  const lost = client.news().map((news) => (news.type === "answered" ? [news.answer.n, news.isLost] : []));
  assert.deepEqual(lost.at(-1), [n, true]);
  assert.equal(client.unanswered.size, 0);
  assert.equal(client.numbering, numbering + 1);
});
