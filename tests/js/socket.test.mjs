/** The shell around the client, with a fake socket, timers and clock: what it makes of closes and of its own sleep. */

import assert from "node:assert/strict";
import test from "node:test";
import { RoomSocket } from "../../clients/browser/sdk/socket.mjs";

const WELCOME = {
  type: "welcome", room: "K7", incarnation: "i1", route: "r", role: "player", name: "Ada", epoch: 1, fingerprint: "f",
  tick_hz: 20, send_hz: 20, seats: [{ slot: 0, seat: 0, generation: 1, answered_through: 0 }], resume: "token-1",
};

/** A browser of which everything is in the test's hands. @param {import("node:test").TestContext} context */
function browser(context) {
  const page = {
    now: 1000,
    /** @type {any[]} */
    sockets: [],
    /** @type {(() => void)[]} */
    ticks: [],
    /** @type {{call: () => void, ms: number}[]} */
    timers: [],
    /** @type {any[]} */
    statuses: [],
  };
  class FakeSocket {
    static OPEN = 1;
    readyState = 1;
    /** @type {string[]} */
    sent = [];
    closedWith = 0;
    /** @type {((event: {code: number}) => void)} */
    onclose = () => {};
    onopen = () => {};
    /** @type {((event: {data: string}) => void)} */
    onmessage = () => {};
    constructor() {
      page.sockets.push(this);
    }
    /** @param {string} data */
    send(data) {
      this.sent.push(data);
    }
    /** @param {number} code */
    close(code) {
      this.closedWith = code;
    }
  }
  const kept = new Map();
  const storage = {
    getItem: (/** @type {string} */ key) => kept.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => kept.set(key, value),
    removeItem: (/** @type {string} */ key) => kept.delete(key),
  };
  const fakes = {
    WebSocket: FakeSocket,
    sessionStorage: storage,
    location: { href: "http://localhost/", search: "?wire=json", protocol: "http:" },
    document: { addEventListener() {}, removeEventListener() {}, visibilityState: "visible" },
    addEventListener() {},
    removeEventListener() {},
    setInterval: (/** @type {() => void} */ call) => page.ticks.push(call),
    clearInterval() {},
    setTimeout: (/** @type {() => void} */ call, /** @type {number} */ ms) => page.timers.push({ call, ms }),
    clearTimeout() {},
    navigator: {},
  };
  for (const [name, value] of Object.entries(fakes)) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    context.after(() => before && Object.defineProperty(globalThis, name, before));
  }
  context.mock.method(performance, "now", () => page.now);
  return page;
}

/** A room that was welcomed. @param {ReturnType<typeof browser>} page */
async function welcomed(page) {
  const room = new RoomSocket("/ws/r/K7", {}, () => {}, (status) => page.statuses.push(status));
  // The schema's own reading is tested elsewhere: this client has one already.
  room.client.schema = /** @type {any} */ ({ fingerprint: "f", tables: [], collections: [], inputs: [], events: [] });
  await room.open();
  const socket = page.sockets.at(-1);
  socket.onopen();
  socket.onmessage({ data: JSON.stringify(WELCOME) });
  return { room, socket };
}

test("a bare 1000 is a broken line: the seat's token is kept and used", async (context) => {
  const page = browser(context);
  const { socket } = await welcomed(page);
  socket.onclose({ code: 1000 });
  assert.equal(page.statuses.at(-1).state, "reconnecting");
  assert.equal(page.statuses.at(-1).sentence, "The connection was lost.");
  page.timers.at(-1)?.call();
  page.sockets.at(-1).onopen();
  assert.equal(page.sockets.length, 2);
  assert.equal(JSON.parse(page.sockets.at(-1).sent[0]).resume, "token-1");
});

test("a 1000 after a goodbye, and a bare 1002, end it", async (context) => {
  const page = browser(context);
  const first = await welcomed(page);
  first.socket.onmessage({ data: JSON.stringify({ type: "goodbye", code: 1000, name: "normal" }) });
  first.socket.onclose({ code: 1000 });
  assert.equal(page.statuses.at(-1).state, "ended");
  const second = await welcomed(page);
  second.socket.onclose({ code: 1002 });
  assert.equal(page.statuses.at(-1).state, "ended");
});

test("who left stays out, whatever the close says", async (context) => {
  const page = browser(context);
  const { room, socket } = await welcomed(page);
  room.leave();
  socket.onclose({ code: 1000 });
  assert.equal(page.statuses.at(-1).state, "ended");
  assert.equal(page.sockets.length, 1);
});

test("a laptop that slept does not take its own sleep for the server's silence", async (context) => {
  const page = browser(context);
  const { room, socket } = await welcomed(page);
  room.client.state = "live";
  const [tick] = page.ticks;
  for (let n = 0; n < 40; n++) {
    page.now += 50;
    tick?.();
  }
  page.now += 3_600_000;
  tick?.();
  assert.equal(socket.closedWith, 0);
  for (let n = 0; n < 60; n++) {
    page.now += 50;
    tick?.();
  }
  assert.equal(socket.closedWith, 0, "2 s before the sleep and 3 s after it are no 6 s of silence");
  for (let n = 0; n < 30; n++) {
    page.now += 50;
    tick?.();
  }
  assert.notEqual(socket.closedWith, 0, "silence while awake is noticed");
});
