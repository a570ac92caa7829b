/**
 * A room's page around a game's picture: reads the address, becomes a guest, connects, and keeps chat, roster, notices
 * and the connection's state on show. A game's page gives it what moves and what to draw; see docs/clients/browser.md.
 */

import { RoomClock } from "../sdk/clock.mjs";
import { Interpolation } from "../sdk/interpolation.mjs";
import { RoomSocket } from "../sdk/socket.mjs";
import { becomeGuest, listRooms, quickRoom } from "./api.mjs";
import { ChatBox } from "./chat.mjs";
import { Chrome } from "./chrome.mjs";
import { el, isTyping } from "./dom.mjs";

/** @typedef {import("../sdk/client.mjs").News} News */
/** @typedef {import("../sdk/client.mjs").Answer} Answer */
/** @typedef {import("../sdk/codec.mjs").Body} Body */
/** @typedef {import("../sdk/view.mjs").Entity} Entity */
/** @typedef {import("../sdk/view.mjs").View} View */
/** @typedef {import("../sdk/interpolation.mjs").Motion} Motion */

/**
 * @typedef {object} Picture What a game's page is: everything but `draw` may be left out.
 * @property {Readonly<Record<string, Motion>>} [motions] how the fields of its collections move
 * @property {(room: Room) => void} [welcome] the room is known: once per connection
 * @property {(room: Room) => void} [applied] the view has changed
 * @property {(name: string, body: Body, room: Room) => void} [event] a cosmetic event
 * @property {(answer: Answer, room: Room) => void} [answered] an input's answer
 * @property {(room: Room, nowMs: number) => void} draw once per screen frame, once there is a view
 * @property {(x: number, y: number) => {x: number, y: number}} [worldToScreen] for tests: CSS pixels in the window
 * @property {() => Record<string, unknown>[]} [drawn] for tests: what the last picture showed, and where
 */

const BEHIND_MS = 100; // how far in the past the picture is drawn
const ROOM_CLOSED = 4410;
const NOT_ALLOWED = 4403; // trying again is in vain
const EVENTS_KEPT = 500; // a hidden page draws nothing; its oldest events are dropped

/** One room, as its page sees it. */
export class Room {
  /** @type {RoomSocket | null} */
  #socket = null;
  #fps = { frames: 0, sinceMs: 0, shown: 0 };
  /** Events wait until the picture, which is a little behind, gets to them. @type {{ms: number, name: string, body: Body}[]} */
  #events = [];

  /** @param {Picture} picture */
  constructor(picture) {
    const [, verb = "", type = "", code = ""] = location.pathname.split("/");
    this.type = decodeURIComponent(type);
    this.code = decodeURIComponent(code);
    /** What the room was opened with, for another one like it. @type {Record<string, unknown>} */
    this.options = {};
    this.isPlayer = verb === "play";
    this.picture = picture;
    this.clock = new RoomClock(60);
    this.interpolation = new Interpolation(picture.motions ?? {});
    this.behindMs = BEHIND_MS;
    this.stage = el("main", { className: "stage", "aria-label": `${this.type}, room ${this.code}` });
    this.chat = new ChatBox((text) => this.#socket?.say(text));
    this.chrome = new Chrome(this, () => this.#leave());
    document.body.classList.add("room");
    document.body.append(this.stage, ...this.chrome.elements, this.chat.element);
    document.title = `${this.type} ${this.code} · Roomwright`;
  }

  /** What this viewer holds; null until the first welcome. @returns {View | null} */
  get view() {
    return this.#socket?.client.view ?? null;
  }

  get welcome() {
    return this.#socket?.client.welcome ?? null;
  }

  /** The own seat, or null. */
  get seat() {
    return this.view?.seat ?? null;
  }

  /** The newest tick heard of. */
  get tick() {
    return this.#socket?.client.tick ?? 0;
  }

  get isLive() {
    return this.#socket?.client.state === "live";
  }

  /** A collection as it is to be drawn now. @param {string} collection @param {number} nowMs */
  moving(collection, nowMs) {
    return this.interpolation.at(collection, this.clock.roomMs(nowMs) - this.behindMs);
  }

  /** Sends an input of the game; nothing goes out while the connection is down. @param {string} name @param {Body} body */
  sendInput(name, body) {
    if (this.isPlayer) this.#socket?.sendInput(name, body);
  }

  /** Connects and draws until the page goes. */
  async run() {
    addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !isTyping() && !(event.target instanceof HTMLButtonElement)) {
        event.preventDefault();
        this.chat.focus();
      }
    });
    document.addEventListener("roster", () => this.#showRoster());
    this.#exposeForTests();
    try {
      const [guest, path] = await Promise.all([becomeGuest(), this.#findPath()]);
      const socket = new RoomSocket(path, { token: guest.token }, (news) => this.#onNews(news), (s) => this.#onStatus(s));
      this.#socket = socket;
      requestAnimationFrame(this.#draw);
      await socket.open();
    } catch (error) {
      this.chrome.end("Cannot join", /** @type {Error} */ (error).message, [reloadButton(), lobbyLink()]);
    }
  }

  async #findPath() {
    const { types, rooms } = await listRooms();
    this.options = rooms.find((room) => room.code === this.code)?.options ?? {};
    const found = types.find((type) => type.type === this.type);
    const pattern = this.isPlayer ? found?.play_path : found?.watch_path;
    if (!pattern) throw new Error(`Rooms of type “${this.type}” cannot be ${this.isPlayer ? "played" : "watched"} here.`);
    return pattern.replace("{room}", this.code);
  }

  /** @param {News} news */
  #onNews(news) {
    switch (news.type) {
      case "welcome":
        this.#onWelcome(news);
        break;
      case "applied":
        this.#onApplied(news.frame);
        break;
      case "event":
        this.#events.push({ ms: this.tick * this.clock.tickMs, name: news.name, body: news.body });
        if (this.#events.length > EVENTS_KEPT) this.#events.shift();
        break;
      case "answered":
        this.picture.answered?.(news.answer, this);
        break;
      case "chat":
        this.chat.add(news.lines);
        break;
      case "refused":
        if (news.what === "chat") this.chat.refused(news);
        break;
      case "notice":
        this.chrome.toast(news.text);
        break;
      case "rebase":
        this.clock.restart();
        this.interpolation.clear();
        break;
    }
  }

  /** @param {import("../sdk/client.mjs").Welcome} welcome */
  #onWelcome(welcome) {
    if (!this.#socket?.client.chat.length) this.chat.clear();
    this.clock = new RoomClock(welcome.tick_hz);
    this.interpolation.clear();
    this.#events = [];
    this.behindMs = Math.max(BEHIND_MS, 2000 / welcome.send_hz);
    this.chrome.showDelay(welcome.delay_s);
    this.picture.welcome?.(this);
  }

  /** @param {import("../sdk/frames.mjs").Frame} frame */
  #onApplied(frame) {
    const view = /** @type {View} */ (this.view);
    this.clock.heard(frame.tick, performance.now());
    this.interpolation.push(frame.tick * this.clock.tickMs, (collection) => view.all(collection));
    this.#showRoster();
    this.picture.applied?.(this);
  }

  #showRoster() {
    const view = this.view;
    if (view) this.chrome.showRoster(view.roster, this.welcome?.teams ?? [], view.seat);
  }

  /** @param {import("../sdk/socket.mjs").LinkStatus} status */
  #onStatus(status) {
    this.chrome.showLink(status);
    document.body.dataset["link"] = status.state;
    if (status.state !== "ended") return;
    const isOver = status.code === ROOM_CLOSED;
    const summary = String(this.view?.room["summary"] ?? "");
    const otherwise = status.code === NOT_ALLOWED ? [lobbyLink()] : [lobbyLink(), reloadButton()];
    const actions = isOver ? [this.#againButton(), lobbyLink()] : otherwise;
    this.chrome.end(isOver ? "The match is over" : "Disconnected", (isOver && summary) || status.sentence, actions);
  }

  #leave() {
    this.#socket?.leave();
    location.href = "/";
  }

  #againButton() {
    const button = el("button", { className: "primary", type: "button" }, this.isPlayer ? "Play again" : "Watch the next one");
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        const room = await quickRoom(this.type, this.options);
        location.href = (this.isPlayer ? room.play_page : room.watch_page) ?? "/";
      } catch (error) {
        button.disabled = false;
        this.chrome.toast(/** @type {Error} */ (error).message);
      }
    });
    return button;
  }

  /** @param {number} nowMs */
  #draw = (nowMs) => {
    requestAnimationFrame(this.#draw);
    const drawnMs = this.clock.roomMs(nowMs) - this.behindMs;
    while (this.#events[0] && this.#events[0].ms <= drawnMs) {
      const event = this.#events.shift();
      if (event) this.picture.event?.(event.name, event.body, this);
    }
    if (this.view?.sections.size) this.picture.draw(this, nowMs);
    const fps = this.#fps;
    fps.frames += 1;
    if (nowMs - fps.sinceMs >= 1000) {
      fps.shown = Math.round((fps.frames * 1000) / (nowMs - fps.sinceMs));
      fps.frames = 0;
      fps.sinceMs = nowMs;
      this.chrome.showStats(fps.shown, this.#socket?.client.rttMs ?? null);
    }
  };

  /** What browser tests read: `window.roomwright`. */
  #exposeForTests() {
    const room = this;
    Object.assign(window, {
      roomwright: {
        /** Everything this viewer holds, as plain JSON. */
        view: () => room.view?.asJson() ?? null,
        entities: (/** @type {string} */ collection) => room.view?.all(collection).map((entity) => ({ ...entity })) ?? [],
        worldToScreen: (/** @type {number} */ x, /** @type {number} */ y) => room.picture.worldToScreen?.(x, y) ?? null,
        drawn: () => room.picture.drawn?.() ?? [],
        sendInput: (/** @type {string} */ name, /** @type {Body} */ body) => room.#socket?.sendInput(name, body) ?? null,
        get state() {
          return room.#socket?.client.state ?? "connecting";
        },
        get role() {
          return room.welcome?.role ?? null;
        },
        get seat() {
          return room.seat;
        },
        get tick() {
          return room.tick;
        },
        get head() {
          return { ...room.#socket?.client.head };
        },
        get fps() {
          return room.#fps.shown;
        },
        get counters() {
          const client = room.#socket?.client;
          return { gaps: client?.gaps, resyncs: client?.resyncs, divergences: client?.divergences, rttMs: client?.rttMs };
        },
      },
    });
  }
}

function lobbyLink() {
  return el("a", { className: "button", href: "/" }, "To the lobby");
}

function reloadButton() {
  const button = el("button", { type: "button" }, "Try again");
  button.addEventListener("click", () => location.reload());
  return button;
}
