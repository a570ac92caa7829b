/**
 * The shell around `client.mjs` in a browser: one WebSocket at a time, reconnecting with growing, jittered patience,
 * and with the resume token kept for this tab, so that a reload comes back to the same seat.
 */

import { BadBytes } from "./binary.mjs";
import { Client } from "./client.mjs";
import { sentenceOf } from "./closecodes.mjs";
import { cleanLine } from "./text.mjs";

/** @typedef {import("./client.mjs").News} News */
/** @typedef {import("./client.mjs").Hello} Hello */
/** @typedef {"connecting" | "live" | "reconnecting" | "ended"} LinkState */

/** @typedef {{state: LinkState, sentence: string, code: number, retryInS: number}} LinkStatus */

export const PROTOCOLS = { bin: "roomwright.v1.bin", json: "roomwright.v1.json" };
const POLL_EVERY_MS = 50;
const BACKOFF_FIRST_S = 0.4;
const BACKOFF_MAX_S = 10;
const CLONE_WAIT_MS = 300;
const SILENT_FOR_MS = 6000;
const LATE_MS = 500; // a tick that comes so much late tells that this page slept, not that the server was silent
const NORMAL = 1000; // whoever says so without a goodbye is not the server
const BROKEN = 1006;
const PROTOCOL_FAULT = 4000; // ours alone: the server sent what the protocol does not know

/** A room over a WebSocket. Give it two listeners and call `open`. */
export class RoomSocket {
  /** @type {WebSocket | null} */
  #socket = null;
  #attempt = 0;
  #heardMs = 0;
  #tickedMs = 0;
  #isLeaving = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #poll;

  /**
   * @param {string} path the route's path, such as /ws/arena/K7X2Q
   * @param {Hello} hello
   * @param {(news: News) => void} onNews called for each piece of news, in order
   * @param {(status: LinkStatus) => void} onStatus
   */
  constructor(path, hello, onNews, onStatus) {
    const isJson = new URLSearchParams(location.search).get("wire") === "json";
    this.path = path;
    this.onNews = onNews;
    this.onStatus = onStatus;
    this.client = new Client(hello, { isBinary: !isJson });
    this.protocol = isJson ? PROTOCOLS.json : PROTOCOLS.bin;
  }

  /** Opens the first connection, and goes on until `leave` or a close that forbids a return. */
  async open() {
    if (!(await isOwnTab())) sessionStorage.removeItem(this.#key);
    this.client.hello.resume = sessionStorage.getItem(this.#key);
    document.addEventListener("visibilitychange", this.#onVisible);
    addEventListener("online", this.#onVisible);
    this.#tickedMs = performance.now();
    this.#poll = setInterval(() => this.#tick(), POLL_EVERY_MS);
    this.#connect();
  }

  /** Sends an input; nothing is sent while there is no live connection. @param {string} name @param {import("./codec.mjs").Body} body */
  sendInput(name, body) {
    if (this.client.state !== "live") return null;
    const n = this.client.sendInput(name, body);
    this.#flush();
    return n;
  }

  /** Sends a chat line, cleaned as the server would. @param {string} text */
  say(text) {
    this.client.say(cleanLine(text));
    this.#flush();
  }

  /** Gives up the seat and ends the connection. */
  leave() {
    this.#isLeaving = true;
    sessionStorage.removeItem(this.#key);
    this.client.leave();
    this.#flush();
    this.#end(1000);
    this.#socket?.close(1000);
  }

  get #key() {
    return `roomwright.resume ${this.path}`;
  }

  #connect() {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#status(this.#attempt ? "reconnecting" : "connecting", BROKEN);
    const address = new URL(this.path, location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address, [this.protocol]);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#heardMs = performance.now();
    socket.onopen = () => {
      this.client.start(seconds());
      this.#flush();
    };
    socket.onmessage = (event) => this.#onMessage(socket, event.data);
    socket.onclose = (event) => this.#onClose(socket, event.code);
  }

  /** @param {WebSocket} socket @param {ArrayBuffer | string} data */
  #onMessage(socket, data) {
    if (socket !== this.#socket) return;
    this.#heardMs = performance.now();
    try {
      this.client.receive(typeof data === "string" ? data : new Uint8Array(data), seconds());
    } catch (error) {
      if (!(error instanceof BadBytes)) throw error;
      console.warn(`closing: ${error.message}`);
      socket.close(PROTOCOL_FAULT);
      return;
    }
    this.#flush();
    this.#tell();
    if (this.client.state === "live" && this.#attempt >= 0) {
      this.#attempt = -1;
      this.#status("live", 0);
    }
  }

  #tell() {
    for (const news of this.client.news()) {
      if (news.type === "welcome") this.#onWelcome(news);
      this.onNews(news);
    }
  }

  /** @param {import("./client.mjs").Welcome} welcome */
  #onWelcome(welcome) {
    if (welcome.resume) sessionStorage.setItem(this.#key, welcome.resume);
  }

  /** @param {WebSocket} socket @param {number} code */
  #onClose(socket, code) {
    if (socket !== this.#socket || this.#isLeaving) return;
    this.#socket = null;
    const retry = this.client.closed(code);
    const told = this.client.goodbye?.code ?? (code === NORMAL ? BROKEN : code);
    if (retry === "fresh") sessionStorage.removeItem(this.#key);
    if (retry === "never") this.client.giveUp();
    this.#tell();
    if (retry === "never") {
      this.#end(told);
      return;
    }
    this.#attempt = Math.max(this.#attempt, 0) + 1;
    const waitS = this.#waitS(retry);
    this.#status("reconnecting", told, waitS);
    this.#retry = setTimeout(() => this.#connect(), waitS * 1000);
  }

  /** Jittered, so that a restart does not bring everybody back in the same moment. @param {import("./closecodes.mjs").Retry} retry */
  #waitS(retry) {
    const askedS = this.client.goodbye?.retry_after_s ?? 0;
    const ladderS = Math.min(BACKOFF_FIRST_S * 2 ** (this.#attempt - 1), BACKOFF_MAX_S);
    const jitteredS = ladderS * (0.5 + Math.random() / 2);
    return retry === "fresh" && this.#attempt === 1 ? 0.1 : Math.max(askedS, jitteredS);
  }

  /** @param {number} code */
  #end(code) {
    clearTimeout(this.#retry);
    clearInterval(this.#poll);
    document.removeEventListener("visibilitychange", this.#onVisible);
    removeEventListener("online", this.#onVisible);
    if (code !== 4409) sessionStorage.removeItem(this.#key);
    this.#status("ended", code);
  }

  #tick() {
    const lateMs = performance.now() - this.#tickedMs - POLL_EVERY_MS;
    this.#tickedMs += lateMs + POLL_EVERY_MS;
    if (lateMs > LATE_MS) this.#heardMs = Math.min(this.#tickedMs, this.#heardMs + lateMs); // what came is not read yet
    this.client.poll(seconds());
    this.#flush();
    const isSilent = this.client.state === "live" && performance.now() - this.#heardMs > SILENT_FOR_MS;
    if (isSilent && this.#socket) {
      const socket = this.#socket;
      socket.close(PROTOCOL_FAULT);
      this.#onClose(socket, BROKEN); // a dead line's own close event may take a minute
    }
  }

  #flush() {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return;
    for (const data of this.client.dataToSend()) socket.send(data);
  }

  /** Back in view or back online: do not sit out the rest of a wait. */
  #onVisible = () => {
    if (document.visibilityState === "visible") {
      this.#heardMs = performance.now(); // timers of a hidden page stand still; silence counts from now
      if (this.#retry !== undefined) this.#connect();
    }
  };

  /** @param {LinkState} state @param {number} code @param {number} [retryInS] */
  #status(state, code, retryInS = 0) {
    const reason = this.client.goodbye?.reason ?? "";
    const sentence = state === "live" ? "" : sentenceOf(code, reason, this.client.welcome !== null);
    this.onStatus({ state, code, retryInS, sentence });
  }
}

function seconds() {
  return performance.now() / 1000;
}

/**
 * Whether this tab's session storage is its own. Duplicating a tab copies the storage, and with it the seat's token:
 * each tab holds a lock on its own id for as long as it lives, so that a copy can tell.
 * @returns {Promise<boolean>}
 */
async function isOwnTab() {
  const known = sessionStorage.getItem("roomwright.tab");
  if (known === null) {
    holdLock(newTab());
    return true;
  }
  if (await holdLock(known, CLONE_WAIT_MS)) return true;
  holdLock(newTab());
  return false;
}

function newTab() {
  const id = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
  sessionStorage.setItem("roomwright.tab", id);
  return id;
}

/** Takes the lock until the page goes; false where another page has it. @param {string} id @param {number} [waitMs] @returns {Promise<boolean>} */
function holdLock(id, waitMs) {
  if (!navigator.locks) return Promise.resolve(true); // plain http from another machine: browsers offer no locks there
  return new Promise((resolve) => {
    const options = waitMs === undefined ? {} : { signal: AbortSignal.timeout(waitMs) };
    const held = navigator.locks.request(`roomwright.tab ${id}`, options, () => {
      resolve(true);
      return new Promise(() => {});
    });
    held.catch(() => resolve(false));
  });
}
