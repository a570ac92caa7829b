/** The lobby: room types to play with one click, and the live table of rooms, asked for every second. */

import { becomeGuest, listRooms, quickRoom, storeName, storedName } from "./page/api.mjs";
import { ROOM_CODE } from "./sdk/codes.mjs";
import { el, need, setText } from "./page/dom.mjs";

/** @typedef {import("./page/api.mjs").RoomRow} RoomRow */
/** @typedef {import("./page/api.mjs").RoomType} RoomType */
/** @typedef {import("./page/api.mjs").Rooms} Rooms */

const POLL_EVERY_MS = 1000;
const POLL_AFTER_FAILURE_MS = 3000;

const name = /** @type {HTMLInputElement} */ (need("#name"));
const code = /** @type {HTMLInputElement} */ (need("#code"));
const problem = need("#problem");
/** @type {Rooms} */
let shown = { types: [], rooms: [] };
let shownTypes = "";

/** @param {string} text */
function showProblem(text) {
  setText(problem, text);
  problem.hidden = text === "";
}

/** What is chosen on a type's card. @param {string} type */
function wishOf(type) {
  /** @type {Record<string, unknown>} */
  const wish = {};
  for (const select of document.querySelectorAll(`select[data-type="${type}"]`)) {
    const { name, value } = /** @type {HTMLSelectElement} */ (select);
    wish[name] = JSON.parse(value);
  }
  return wish;
}

/** @param {import("./page/api.mjs").Choice} choice @param {string} type */
function choiceField(choice, type) {
  const select = el("select", { name: choice.name, "data-type": type });
  for (const value of choice.values ?? []) {
    select.append(el("option", { value: JSON.stringify(value) }, String(value)));
  }
  /** @type {HTMLSelectElement} */ (select).value = JSON.stringify(choice.default);
  return el("label", { className: "choice" }, choice.name, select);
}

/** @param {RoomRow} room */
function optionsText(room) {
  return Object.values(room.options ?? {}).map((value) => ` · ${value}`).join("");
}

/** @param {string} type @param {"play_page" | "watch_page"} page */
async function quick(type, page) {
  try {
    storeName(name.value);
    await becomeGuest();
    const room = await quickRoom(type, wishOf(type));
    location.href = room[page] ?? "/";
  } catch (error) {
    showProblem(/** @type {Error} */ (error).message);
  }
}

/** @param {RoomType} type */
function typeCard(type) {
  const actions = el("div", { className: "actions" });
  if (type.play_path) {
    const play = el("button", { className: "primary", type: "button", "data-play": type.type }, "Play");
    play.addEventListener("click", () => void quick(type.type, "play_page"));
    actions.append(play);
  }
  if (type.watch_path) {
    const watch = el("button", { type: "button", "data-watch": type.type }, "Watch");
    watch.addEventListener("click", () => void watchFullest(type.type));
    actions.append(watch);
  }
  const heads = el("p", { className: "muted", "data-heads": type.type });
  const choices = (type.choices ?? []).filter((choice) => choice.values !== null);
  const fields = choices.map((choice) => choiceField(choice, type.type));
  return el("li", {}, el("div", {}, el("h3", {}, type.type), heads, ...fields), actions);
}

/** @param {string} type */
async function watchFullest(type) {
  const wish = Object.entries(wishOf(type));
  const isWanted = (/** @type {RoomRow} */ room) => wish.every(([name, value]) => room.options?.[name] === value);
  const fullest = shown.rooms.find((room) => room.room_type === type && room.watch_page && isWanted(room));
  if (fullest?.watch_page) location.href = fullest.watch_page;
  else await quick(type, "watch_page");
}

/** @param {RoomRow} room */
function roomRow(room) {
  const actions = el("td", { className: "actions" });
  if (room.play_page && room.players < room.seats && room.accepts_newcomers !== false) {
    actions.append(el("a", { className: "button", href: room.play_page, "aria-label": `Play in ${room.code}` }, "Play"));
  }
  if (room.watch_page) {
    actions.append(el("a", { className: "button", href: room.watch_page, "aria-label": `Watch ${room.code}` }, "Watch"));
  }
  const row = el("tr", { "data-code": room.code });
  row.append(el("td", { className: "code" }, room.code), el("td", {}, room.room_type + optionsText(room)), el("td"), el("td"), el("td"), actions);
  return row;
}

/** @param {HTMLTableRowElement} row @param {RoomRow} room */
function updateRow(row, room) {
  const [, , players, bots, spectators] = row.cells;
  if (players) setText(players, `${room.players} / ${room.seats}`);
  if (bots) setText(bots, String(room.bots));
  if (spectators) setText(spectators, String(room.spectators));
}

/** Rows stay the same elements, so that a click or a focus outlives the poll. @param {Rooms} rooms */
function show(rooms) {
  shown = rooms;
  const types = JSON.stringify(rooms.types);
  if (types !== shownTypes) {
    shownTypes = types;
    need("#types").replaceChildren(...rooms.types.map(typeCard));
  }
  for (const type of rooms.types) {
    const playing = rooms.rooms.filter((room) => room.room_type === type.type).reduce((sum, room) => sum + room.players, 0);
    const heads = document.querySelector(`[data-heads="${type.type}"]`);
    if (heads) setText(heads, `up to ${type.seats} players · ${playing} playing now`);
  }
  const body = need("#rooms");
  const known = new Map([...body.children].map((row) => [row.getAttribute("data-code"), /** @type {HTMLTableRowElement} */ (row)]));
  rooms.rooms.forEach((room, place) => {
    const row = known.get(room.code) ?? roomRow(room);
    known.delete(room.code);
    updateRow(row, room);
    if (body.children[place] !== row) body.insertBefore(row, body.children[place] ?? null);
  });
  for (const row of known.values()) row.remove();
  need("#empty").hidden = rooms.rooms.length > 0;
}

async function poll() {
  let waitMs = POLL_EVERY_MS;
  try {
    if (document.visibilityState === "visible") show(await listRooms());
    if (problem.dataset["kind"] === "poll") showProblem("");
  } catch (error) {
    waitMs = POLL_AFTER_FAILURE_MS;
    problem.dataset["kind"] = "poll";
    showProblem(/** @type {Error} */ (error).message);
  }
  setTimeout(() => void poll(), waitMs);
}

/** The room of that code; as people read codes out in any case, one that differs in its case only will do. @param {readonly RoomRow[]} rooms @param {string} wanted */
function roomOf(rooms, wanted) {
  const exact = rooms.find((room) => room.code === wanted);
  return exact ?? rooms.find((room) => room.code.toUpperCase() === wanted.toUpperCase());
}

/** Goes to the room of a code that somebody shared: `/?code=K7X2Q`, with `&watch` to watch it. @param {string} wanted @param {boolean} isToWatch */
async function follow(wanted, isToWatch) {
  if (!ROOM_CODE.test(wanted.trim())) {
    showProblem("That is no room code: letters, digits, - and _.");
    return;
  }
  const { rooms } = await listRooms();
  const room = roomOf(rooms, wanted.trim());
  const page = isToWatch ? room?.watch_page : (room?.play_page ?? room?.watch_page);
  if (page) location.href = page;
  else showProblem(`There is no open room ${wanted.trim()}. Perhaps its match is over.`);
}

name.value = storedName();
name.addEventListener("change", () => {
  storeName(name.value);
  name.value = storedName();
});
need("#who").addEventListener("submit", (event) => {
  event.preventDefault();
  name.blur();
});
need("#join").addEventListener("submit", (event) => {
  event.preventDefault();
  if (code.value.trim()) void follow(code.value, false).catch((error) => showProblem(error.message));
});
const asked = new URLSearchParams(location.search);
if (asked.get("code")) {
  void follow(/** @type {string} */ (asked.get("code")), asked.has("watch")).catch((error) => showProblem(error.message));
}
void poll();
