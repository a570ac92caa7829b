/**
 * Tells the browser's machine what scripts in a file told the Python one: `node agree.mjs SCRIPTS.json`. Prints, per
 * script, what each step gave and the state at the end; `tests/verify/test_agree.py` compares.
 */

import { readFileSync } from "node:fs";
import { Client } from "../../clients/browser/sdk/client.mjs";
import { schemaFromJson } from "../../clients/browser/sdk/schema.mjs";
import { bytes, hex } from "./vectors.mjs";

/** @param {() => unknown} call */
function attempt(call) {
  try {
    return call() ?? "";
  } catch {
    return "raised";
  }
}

/** @param {string | Uint8Array} data */
function sent(data) {
  if (typeof data !== "string") return hex(data);
  const message = JSON.parse(data);
  return message.type === "hello" ? "hello" : message;
}

/** @param {import("../../clients/browser/sdk/client.mjs").News} news */
function told(news) {
  switch (news.type) {
    case "applied":
      return ["applied", news.frame.epoch, news.frame.seq, news.frame.tick];
    case "answered": {
      const { slot, n, tick, margin, reason } = news.answer;
      return ["answered", slot, n, tick, margin, reason];
    }
    case "event":
      return ["event", news.name, news.body];
    default:
      return news;
  }
}

/** @param {Client} client @param {any} step */
function take(client, step) {
  switch (step.do) {
    case "start":
      return client.start(step.at_s);
    case "receive":
      return attempt(() => client.receive(step.text ?? bytes(step.hex), step.at_s));
    case "poll":
      return client.poll(step.at_s);
    case "send_input":
      return attempt(() => client.sendInput(step.name, step.body, { slot: step.slot, forTick: step.for_tick }));
    case "say":
      return client.say(step.text);
    case "resync":
      return client.resync(step.at_s);
    case "leave":
      return client.leave();
    case "closed":
      return client.closed(step.code);
    case "data_to_send":
      return client.dataToSend().map(sent);
    case "news":
      return client.news().map(told);
    default:
      throw new Error(`no step ${step.do}`);
  }
}

/** @param {Client} client */
function end(client) {
  return {
    state: client.state,
    head: [client.head.epoch, client.head.seq],
    tick: client.tick,
    gaps: client.gaps,
    resyncs: client.resyncs,
    divergences: client.divergences,
    resume: client.hello.resume,
    chat: client.chat.map((line) => line.n),
    unanswered: [...client.unanswered.values()].sort((a, b) => a.slot - b.slot || a.n - b.n).map(({ slot, n }) => [slot, n]),
    view: client.view?.asJson() ?? null,
  };
}

/** @param {any} script */
function play(script) {
  const schema = schemaFromJson(script.schema, script.fingerprint);
  const client = new Client(script.hello, { isBinary: script.is_binary, schema });
  const gave = script.steps.map((/** @type {any} */ step) => take(client, step) ?? null);
  return { gave, end: end(client) };
}

const scripts = JSON.parse(readFileSync(String(process.argv[2]), "utf-8"));
process.stdout.write(JSON.stringify(scripts.map(play)));
