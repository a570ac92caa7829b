/**
 * The client's side of the protocol, without I/O: messages and `now` (seconds) in, messages and news out.
 *
 * The same machine as `game/wire/client.py`. It applies frames by the one rule of docs/protocol.md, asks for a resync
 * once per gap, acks, numbers inputs, and keeps the unanswered ones so that a resumed connection sends them again.
 * `socket.mjs` is the shell around it.
 */

import { AckPace } from "./acks.mjs";
import { BadBytes } from "./binary.mjs";
import { bodyOf, named, quantizeAll } from "./codec.mjs";
import { retryOf } from "./closecodes.mjs";
import { compare, decodeFrame, encodeAck, encodeInput, frameFromJson, inputJson } from "./frames.mjs";
import { schemaFromJson } from "./schema.mjs";
import { View, sectionName } from "./view.mjs";

/** @typedef {import("./schema.mjs").Schema} Schema */
/** @typedef {import("./frames.mjs").Frame} Frame */
/** @typedef {import("./frames.mjs").Position} Position */
/** @typedef {import("./frames.mjs").Answer} Answer */
/** @typedef {import("./frames.mjs").SentInput} SentInput */
/** @typedef {import("./codec.mjs").Body} Body */
/** @typedef {import("./codec.mjs").EventRow} EventRow */
/** @typedef {import("./codec.mjs").Delta} Delta */

/** @typedef {"connecting" | "joined" | "live" | "closed"} ClientState */
/** @typedef {{slot: number, seat: number, generation: number, answered_through: number}} SeatGrant */
/** @typedef {{n: number, who: string, role: string, text: string, seat: number | null, tick: number}} ChatLine */

/**
 * @typedef {object} Welcome
 * @property {"welcome"} type
 * @property {string} room
 * @property {string} incarnation
 * @property {string} route
 * @property {string} role
 * @property {string} name
 * @property {number} epoch
 * @property {string} fingerprint
 * @property {number} tick_hz
 * @property {number} send_hz
 * @property {SeatGrant[]} seats
 * @property {string[]} teams
 * @property {string | null} resume
 * @property {number} grace_s
 * @property {number} delay_s
 * @property {string} durability
 * @property {number} chat_through
 * @property {any} schema
 */

/** @typedef {{type: "refused", what: string, reason: string, detail: string, slot: number | null, n: number | null}} Refused */
/** @typedef {{type: "chat", lines: ChatLine[], after: number}} Chat lines after number `after`, without a hole that the server could fill */
/** @typedef {{type: "notice", id: number, text: string}} Notice */
/** @typedef {{type: "rebase", tick: number, skipped_ms: number}} Rebase */
/** @typedef {{type: "goodbye", code: number, name: string, reason: string, retry_after_s: number | null}} Goodbye */
/** @typedef {{type: "applied", frame: Frame}} Applied the view moved to a new frame */
/** @typedef {{type: "answered", answer: Answer, isLost: boolean}} Answered an input's one answer; `isLost`: the client's own, for nobody else will tell what became of it */
/** @typedef {{type: "event", name: string, body: Body}} GameEvent a cosmetic event of the game */
/** @typedef {Applied | Answered | GameEvent | Welcome | Refused | Chat | Notice | Rebase | Goodbye} News */

/**
 * @typedef {object} Hello
 * @property {string | null} [token] a guest token; a cookie does as well
 * @property {string | null} [name]
 * @property {string | null} [resume]
 */

export const PROTOCOL = 1;
export const RESYNC_AFTER_S = 0.5;
export const RESYNC_AFTER_MAX_S = 8;
export const PING_EVERY_S = 2;
// What is sent again after a reconnect: with acks and pings beside it no route calls it a flood.
const AGAIN_PER_S = 32;
const AGAIN_BURST = 64;
/** The reason of an answer that the client gives itself: whether the input was applied is not to be known. */
export const LOST = "lost";
const CHAT_KEPT = 500;
const INPUTS_KEPT = 1024;
const NOTICES_KEPT = 1024;

const MESSAGE_DEFAULTS = /** @type {const} */ ({
  welcome: {
    seats: [],
    teams: [],
    resume: null,
    grace_s: 0,
    delay_s: 0,
    durability: "none",
    chat_through: 0,
    schema: null,
  },
  refused: { detail: "", slot: null, n: null },
  chat: { after: 0 },
  notice: {},
  pong: {},
  schema: {},
  rebase: {},
  goodbye: { reason: "", retry_after_s: null },
});

/** A misuse of the client by its caller, such as an input class that the game does not have. */
export class ClientError extends Error {}

/** One connection to one room; it outlives its sockets. */
export class Client {
  /** @type {ClientState} */
  state = "connecting";
  /** @type {View | null} */
  view = null;
  /** @type {Position} */
  head = { epoch: -1, seq: -1 };
  /** @type {Welcome | null} */
  welcome = null;
  /** @type {Goodbye | null} */
  goodbye = null;
  /** @type {number | null} */
  rttMs = null;
  tick = 0;
  gaps = 0;
  divergences = 0;
  resyncs = 0;
  /** How often inputs were numbered anew: the same `n` of another numbering is another input. */
  numbering = 0;
  /** @type {ChatLine[]} */
  chat = [];
  /** @type {Map<string, SentInput>} */
  unanswered = new Map();
  /** @type {Map<number, number>} */
  #nextN = new Map();
  /** @type {(Uint8Array<ArrayBuffer> | string)[]} */
  #out = [];
  /** @type {News[]} */
  #news = [];
  /** @type {Set<number>} */
  #notices = new Set();
  /** What this connection has shown: its server knows nothing of the one before. @type {Position} */
  #seen = { epoch: 0, seq: 0 };
  /** @type {Map<number, number>} */
  #answeredThrough = new Map();
  /** What waits to be sent again, in order. @type {SentInput[]} */
  #again = [];
  #againTokens = 0;
  #againAt = 0;
  #acks = new AckPace();
  /** @type {number | null} */
  #resyncAt = null;
  #resyncWaitS = RESYNC_AFTER_S;
  #isKeyWanted = true;
  #pingAt = 0;
  #chatAskedAt = -1e9;
  #isLeaving = false;

  /**
   * @param {Hello} hello
   * @param {{isBinary?: boolean, schema?: Schema | null}} [options] a schema that is known need not be asked for
   */
  constructor(hello = {}, { isBinary = true, schema = null } = {}) {
    const fingerprint = schema?.fingerprint ?? null;
    this.hello = { token: null, name: null, resume: null, ...hello, slots: 1, fingerprint, schema: schema === null };
    this.isBinary = isBinary;
    this.schema = schema;
  }

  /** The socket is open: says hello, continuing the last seat where there was one. @param {number} now */
  start(now) {
    this.state = "connecting";
    this.goodbye = null;
    this.#isLeaving = false;
    this.#out = [];
    this.#again = [];
    this.#seen = { epoch: 0, seq: 0 };
    this.#resyncWaitS = RESYNC_AFTER_S;
    this.#isKeyWanted = true;
    this.#resyncAt = null;
    this.#acks.unacked = 0;
    this.#pingAt = now + PING_EVERY_S;
    this.#say({ type: "hello", v: PROTOCOL, ...this.hello });
  }

  /** One message from the server. Throws BadBytes where the server broke the protocol. @param {Uint8Array | string} data @param {number} now */
  receive(data, now) {
    if (typeof data !== "string") {
      this.#onFrame(decodeFrame(data, this.#needSchema()), now);
      return;
    }
    const message = parse(data);
    switch (message.type) {
      case "key":
      case "patch":
      case "head":
        this.#onFrame(frameFromJson(this.#needSchema(), message), now);
        return;
      default:
        this.#onMessage(message, now);
    }
  }

  /** Time passes: acks, pings, overdue resyncs, and what waits to be sent again. @param {number} now */
  poll(now) {
    if (this.state !== "live" && this.state !== "joined") return;
    this.#sendMore(now);
    if (this.#acks.isDue(now)) this.#ack(now);
    if (this.#resyncAt !== null && now >= this.#resyncAt) this.#askResync(now);
    if (now >= this.#pingAt) {
      this.#pingAt = now + PING_EVERY_S;
      this.#say({ type: "ping", t: now * 1000 });
    }
  }

  /**
   * Numbers and sends an input; returns its number. While the connection is away it waits for the next welcome.
   * Throws ClientError for a class or a body the game does not have, and where too many are unanswered.
   * @param {string} name the input class
   * @param {Body} body
   * @param {{slot?: number, forTick?: number}} [options]
   */
  sendInput(name, body, { slot = 0, forTick = 0 } = {}) {
    if (!this.schema || !this.view) throw new ClientError("expected a welcome before the first input");
    if (this.unanswered.size >= INPUTS_KEPT) {
      throw new ClientError(`${INPUTS_KEPT} inputs are unanswered; the connection is too far behind for more`);
    }
    const { message, values } = this.#quantized(this.schema, name, body);
    const n = this.#nextN.get(slot) ?? 1;
    this.#nextN.set(slot, n + 1);
    /** @type {SentInput} */
    const sent = { slot, n, seen: this.#seen, forTick, message, values };
    this.unanswered.set(inputKey(slot, n), sent);
    if (this.#again.length) {
      this.#again.push(sent); // none may overtake those before it
    } else if (this.state === "joined" || this.state === "live") {
      this.#sendInput(sent);
      this.#acks.onInput();
    }
    return n;
  }

  /** Sends a chat line. @param {string} text */
  say(text) {
    this.#say({ type: "chat", text, since: null });
  }

  /** Asks for the whole state anew; patches count for nothing until it is there. @param {number} now */
  resync(now) {
    this.#isKeyWanted = true;
    this.#gap(now);
  }

  /** Gives up the seats. */
  leave() {
    this.#isLeaving = true;
    this.#say({ type: "leave" });
  }

  /** The socket is closed; says whether and how to come back: a close without a goodbye is a broken line. @param {number} code */
  closed(code) {
    this.state = "closed";
    const retry = retryOf(this.goodbye?.code ?? code, this.goodbye !== null || this.#isLeaving);
    if (retry === "fresh") {
      // Perhaps another seat: what the old one still wanted is not the new one's to send.
      this.hello.resume = null;
      this.#giveUpInputs();
    }
    return retry;
  }

  /** Nobody connects again: what is unanswered is told as lost. */
  giveUp() {
    this.#giveUpInputs();
  }

  /** Messages to write, in order; each is returned once. */
  dataToSend() {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** What happened since the last call, in order. */
  news() {
    const news = this.#news;
    this.#news = [];
    return news;
  }

  #needSchema() {
    if (!this.schema || !this.view) throw new BadBytes("expected a welcome before the first frame");
    return this.schema;
  }

  /** @param {any} message @param {number} now */
  #onMessage(message, now) {
    switch (message.type) {
      case "welcome":
        this.#onWelcome(message, now);
        break;
      case "refused":
        if (message.n !== null) {
          const reason = message.reason || "refused";
          this.#answer({ slot: message.slot ?? 0, n: message.n, tick: this.tick, margin: 0, reason });
        }
        break;
      case "chat":
        this.#onChat(message, now);
        return;
      case "notice":
        this.#say({ type: "ack", epoch: 0, seq: 0, notices: [message.id] });
        if (!this.#isNewNotice(message.id)) return;
        break;
      case "pong":
        this.rttMs = now * 1000 - message.t;
        return;
      case "schema":
        this.schema = schemaFromJson(message.schema, message.fingerprint);
        return;
      case "rebase":
        this.tick = message.tick;
        break;
      case "goodbye":
        this.goodbye = message;
        break;
    }
    this.#news.push(message);
  }

  /** @param {number} id */
  #isNewNotice(id) {
    if (this.#notices.has(id)) return false;
    this.#notices.add(id);
    for (const oldest of this.#notices) {
      if (this.#notices.size <= NOTICES_KEPT) break;
      this.#notices.delete(oldest);
    }
    return true;
  }

  /** @param {Welcome} welcome @param {number} now */
  #onWelcome(welcome, now) {
    if (welcome.schema) this.schema = schemaFromJson(welcome.schema, welcome.fingerprint);
    if (this.schema?.fingerprint !== welcome.fingerprint) {
      throw new BadBytes(`expected schema ${this.schema?.fingerprint}, got ${welcome.fingerprint}`);
    }
    const old = this.welcome;
    const isSameRoom = old?.incarnation === welcome.incarnation;
    this.welcome = welcome;
    this.state = "joined";
    this.#acks.begin(welcome.send_hz, now);
    if (!this.view || !isSameRoom) {
      this.view = new View(this.schema, welcome.send_hz);
      this.head = { epoch: -1, seq: -1 };
      this.chat = [];
    }
    if (!old || !isSameRoom || this.hello.resume === null || seatsOf(old) !== seatsOf(welcome)) this.#giveUpInputs();
    this.hello.resume = welcome.resume;
    this.view.seat = welcome.seats[0]?.seat ?? null;
    this.#sendAgain(welcome.seats, now);
  }

  /**
   * Inputs that the room never got are sent again, a few at once; answers to the others come with the next frames.
   * @param {readonly SeatGrant[]} seats
   * @param {number} now
   */
  #sendAgain(seats, now) {
    this.#answeredThrough = new Map(seats.map((grant) => [grant.slot, grant.answered_through]));
    for (const [slot, n] of this.#answeredThrough) this.#nextN.set(slot, Math.max(this.#nextN.get(slot) ?? 1, n + 1));
    this.#again = this.#pending().filter((input) => input.n > (this.#answeredThrough.get(input.slot) ?? 0));
    this.#againTokens = AGAIN_BURST;
    this.#againAt = now;
    this.#sendMore(now);
  }

  /** @param {number} now */
  #sendMore(now) {
    if (!this.#again.length) return;
    this.#againTokens = Math.min(AGAIN_BURST, this.#againTokens + Math.max(0, now - this.#againAt) * AGAIN_PER_S);
    this.#againAt = Math.max(this.#againAt, now);
    while (this.#again.length && this.#againTokens >= 1) {
      const input = /** @type {SentInput} */ (this.#again.shift());
      if (!this.unanswered.has(inputKey(input.slot, input.n))) continue;
      this.#againTokens -= 1;
      this.#sendInput({ ...input, seen: this.#seen });
    }
  }

  /** The unanswered inputs in the order of their slots and numbers. */
  #pending() {
    return [...this.unanswered.values()].sort((a, b) => a.slot - b.slot || a.n - b.n);
  }

  /** @param {Answer} answer @param {boolean} [isLost] */
  #answer(answer, isLost = false) {
    if (this.unanswered.delete(inputKey(answer.slot, answer.n))) this.#news.push({ type: "answered", answer, isLost });
  }

  /** The seat is another one now: its inputs are numbered anew, and nobody will answer the old ones. */
  #giveUpInputs() {
    for (const { slot, n } of this.#pending()) this.#answer({ slot, n, tick: this.tick, margin: 0, reason: LOST }, true);
    this.#nextN.clear();
    this.numbering += 1;
  }

  /** The frame's answers. They come in order: one that an older connection got and lost is not to come any more. @param {Frame} frame */
  #settle(frame) {
    for (const answer of frame.answers) this.#answer(answer);
    const newest = new Map(frame.answers.map((answer) => [answer.slot, answer.n]));
    for (const { slot, n } of this.#pending()) {
      const settled = Math.min(newest.get(slot) ?? 0, (this.#answeredThrough.get(slot) ?? 0) + 1);
      if (n < settled) this.#answer({ slot, n, tick: frame.tick, margin: 0, reason: LOST }, true);
    }
  }

  /** The rule of docs/protocol.md, line by line. @param {Frame} frame @param {number} now */
  #onFrame(frame, now) {
    const order = compare(frame, this.head);
    if (frame.epoch < this.head.epoch) return;
    if (frame.kind === "key") {
      if (order > 0 || (order === 0 && this.#isKeyWanted)) this.#apply(frame, now);
      else this.#countForAck(now);
      return;
    }
    if (frame.epoch > this.head.epoch || this.#isKeyWanted) {
      this.#gap(now);
    } else if (frame.kind === "head") {
      if (order > 0) this.#gap(now);
      else this.tick = Math.max(this.tick, frame.tick);
    } else if (frame.seq <= this.head.seq) {
      this.#countForAck(now);
    } else if (this.head.seq < frame.base) {
      this.#gap(now);
    } else {
      this.#apply(frame, now);
    }
  }

  /** All of a frame or nothing: every delta is read before the first is applied. @param {Frame} frame @param {number} now */
  #apply(frame, now) {
    const view = /** @type {View} */ (this.view);
    const parts = frame.parts.map((part) => ({
      name: sectionName(part.audience, part.of),
      deltas: part.chain.map((blob) => ({ seq: blob.seq, delta: blob.read() })),
    }));
    for (const { name, deltas } of parts) {
      const needsKey = frame.kind === "key" || !view.sections.has(name);
      if (needsKey && !deltas[0]?.delta.isKey) {
        this.#gap(now);
        return;
      }
    }
    if (!view.applyAll(parts, frame.seq)) {
      this.divergences += 1;
      this.#isKeyWanted = true;
      this.#gap(now);
      return;
    }
    if (this.head.epoch === frame.epoch) {
      for (const { deltas } of parts) for (const { seq, delta } of deltas) this.#play(delta.events, seq);
    }
    view.keepOnly(parts.map(({ name }) => name));
    this.#arrived(frame, now);
  }

  /** @param {Frame} frame @param {number} now */
  #arrived(frame, now) {
    this.head = this.#seen = { epoch: frame.epoch, seq: frame.seq };
    this.tick = frame.tick;
    this.#isKeyWanted = false;
    this.#resyncAt = null;
    this.#resyncWaitS = RESYNC_AFTER_S;
    this.#news.push({ type: "applied", frame });
    this.#settle(frame);
    this.state = "live";
    this.#countForAck(now);
  }

  /** Frames that change nothing are acknowledged too: the server waits for it. @param {number} now */
  #countForAck(now) {
    if (this.#acks.onFrame(now)) this.#ack(now);
  }

  /** @param {readonly EventRow[]} events @param {number} seq */
  #play(events, seq) {
    for (const event of events) {
      if (seq - event.age <= this.head.seq) continue;
      this.#news.push({ type: "event", name: event.message.name, body: bodyOf(event.message, event.values) });
    }
  }

  /** The old state stays on show; one resync is asked for, then again with growing patience. @param {number} now */
  #gap(now) {
    if (this.#resyncAt !== null) return;
    this.gaps += 1;
    this.#askResync(now);
  }

  /** @param {number} now */
  #askResync(now) {
    this.resyncs += 1;
    this.#resyncAt = now + this.#resyncWaitS;
    this.#resyncWaitS = Math.min(this.#resyncWaitS * 2, RESYNC_AFTER_MAX_S);
    this.#say({ type: "resync" });
  }

  /** @param {number} now */
  #ack(now) {
    this.#acks.onAck(now);
    if (this.isBinary) this.#out.push(encodeAck(this.head));
    else this.#say({ type: "ack", ...this.head, notices: [] });
  }

  /**
   * Lines arrive in order. Where some are missing that the server still has, nothing is shown out of order: it is asked
   * for them and will send these again.
   * @param {Chat} message
   * @param {number} now
   */
  #onChat(message, now) {
    const last = this.chat[this.chat.length - 1]?.n ?? 0;
    if (this.chat.length && last < message.after) {
      if (now - this.#chatAskedAt < RESYNC_AFTER_S) return;
      this.#chatAskedAt = now;
      this.#say({ type: "chat", text: null, since: last });
      return;
    }
    const fresh = message.lines.filter((line) => line.n > last);
    this.chat = [...this.chat, ...fresh].slice(-CHAT_KEPT);
    if (fresh.length) this.#news.push({ type: "chat", lines: fresh, after: 0 });
  }

  /** @param {Schema} schema @param {string} name @param {Body} body */
  #quantized(schema, name, body) {
    try {
      const message = named(schema.inputs, name);
      return { message, values: quantizeAll(message, body) };
    } catch (error) {
      throw new ClientError(`input ${name}: ${/** @type {Error} */ (error).message}`);
    }
  }

  /** @param {SentInput} sent */
  #sendInput(sent) {
    if (this.isBinary) this.#out.push(encodeInput(sent));
    else this.#say(inputJson(sent));
  }

  /** @param {object} message */
  #say(message) {
    this.#out.push(JSON.stringify(message));
  }
}

/** @param {number} slot @param {number} n */
function inputKey(slot, n) {
  return `${slot}/${n}`;
}

/** @param {Welcome} welcome */
function seatsOf(welcome) {
  return welcome.seats.map((grant) => `${grant.slot}/${grant.seat}`).join(" ");
}

/** The server's message with its defaults filled in. @param {string} data */
function parse(data) {
  let message;
  try {
    message = JSON.parse(data);
  } catch {
    throw new BadBytes("expected JSON, got other text");
  }
  const type = message?.type;
  if (type === "key" || type === "patch" || type === "head") return message;
  if (!Object.hasOwn(MESSAGE_DEFAULTS, type)) {
    throw new BadBytes(`expected one of ${Object.keys(MESSAGE_DEFAULTS).join(", ")} or a frame, got ${String(type).slice(0, 40)}`);
  }
  return { ...MESSAGE_DEFAULTS[/** @type {keyof typeof MESSAGE_DEFAULTS} */ (type)], ...message };
}
