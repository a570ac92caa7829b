/**
 * The page of a game that has none: whatever its schema says exists is listed, and what has an x and a y is a dot.
 * So an author's game can be watched before a line of JavaScript is written.
 */

import { el } from "../../page/dom.mjs";
import { Canvas } from "../../page/canvas.mjs";
import { Room } from "../../page/room.mjs";

/** @typedef {import("../../sdk/view.mjs").Entity} Entity */
/** @typedef {import("../../sdk/view.mjs").View} View */

const COLOURS = ["#5cc8ff", "#ffd24a", "#5be08a", "#ff7ad1", "#ff9a4a", "#c58bff", "#ff6b7a", "#4fe3e0"];
const ROWS_SHOWN = 40;
const TABLES_EVERY_MS = 250;

const map = el("div", { className: "map" });
const tables = el("div", { className: "tables", tabIndex: 0, "aria-label": "All entities" });
const canvas = new Canvas(map, "The room's map");
const bounds = { left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity };
let tablesAtMs = -Infinity;
/** @type {Record<string, unknown>[]} */
let drawn = [];

/** The collections whose entities have a place. @param {View} view */
function placed(view) {
  return view.collections.filter((name) => {
    const fields = view.schema.tables.filter((t) => t.collection === name).flatMap((t) => t.fields.map((f) => f.name));
    return name !== "world" && fields.includes("x") && fields.includes("y");
  });
}

/** The map covers every place that was ever seen, with some air. @param {Entity} entity */
function stretch(entity) {
  bounds.left = Math.min(bounds.left, entity["x"]);
  bounds.right = Math.max(bounds.right, entity["x"]);
  bounds.top = Math.min(bounds.top, entity["y"]);
  bounds.bottom = Math.max(bounds.bottom, entity["y"]);
}

/** @param {number} x @param {number} y */
function project(x, y) {
  const width = Math.max(bounds.right - bounds.left, 1);
  const height = Math.max(bounds.bottom - bounds.top, 1);
  const scale = Math.min((canvas.width - 60) / width, (canvas.height - 140) / height);
  return {
    x: canvas.width / 2 + (x - (bounds.left + bounds.right) / 2) * scale,
    y: canvas.height / 2 + (y - (bounds.top + bounds.bottom) / 2) * scale,
  };
}

/** @param {Room} room @param {View} view @param {number} nowMs */
function drawMap(room, view, nowMs) {
  const ctx = canvas.begin();
  ctx.fillStyle = "#070b16";
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.font = "12px system-ui, sans-serif";
  drawn = [];
  const names = placed(view);
  for (const name of names) view.all(name).forEach(stretch);
  names.forEach((name, i) => {
    const mine = new Set(view.mine(name).map((entity) => entity.key));
    ctx.fillStyle = COLOURS[i % COLOURS.length] ?? "#fff";
    for (const entity of room.moving(name, nowMs)) {
      const at = project(entity["x"], entity["y"]);
      ctx.beginPath();
      ctx.arc(at.x, at.y, mine.has(entity.key) ? 8 : 5, 0, Math.PI * 2);
      ctx.fill();
      if (entity["name"]) ctx.fillText(String(entity["name"]), at.x + 9, at.y + 4);
      drawn.push({ collection: name, ...entity, screen: at });
    }
  });
  if (!drawn.length) {
    ctx.fillStyle = "#9aa8cc";
    ctx.fillText("Nothing in this game has an x and a y; see the tables.", 20, canvas.height / 2);
  }
}

/** @param {View} view */
function drawTables(view) {
  const parts = ["world", ...view.collections.filter((name) => name !== "world")].flatMap((name) => {
    const rows = name === "world" ? [view.world] : view.all(name);
    const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    if (name === "world" && columns.length < 2) return [];
    const mine = new Set(view.mine(name).map((entity) => entity.key));
    const head = el("tr", {}, ...columns.map((column) => el("th", { scope: "col" }, column)));
    const body = rows.slice(0, ROWS_SHOWN).map((row) =>
      el("tr", { className: mine.has(row.key) ? "is-mine" : "" }, ...columns.map((column) => el("td", {}, shown(row[column])))),
    );
    const more = rows.length > ROWS_SHOWN ? ` (the first ${ROWS_SHOWN})` : "";
    return [el("h2", {}, `${name} · ${rows.length}${more}`), el("table", {}, el("thead", {}, head), el("tbody", {}, ...body))];
  });
  const { scrollTop, scrollLeft } = tables;
  tables.replaceChildren(...parts);
  tables.scrollTo(scrollLeft, scrollTop);
}

/** @param {unknown} value */
function shown(value) {
  if (value === undefined) return "";
  return typeof value === "number" && !Number.isInteger(value) ? value.toFixed(2) : String(value);
}

/** Every collection with a place moves in straight lines. @type {Record<string, import("../../sdk/interpolation.mjs").Motion>} */
const motions = {};

const room = new Room({
  motions,
  welcome: ({ view }) => {
    for (const name of view ? placed(view) : []) motions[name] = { linear: ["x", "y"] };
  },
  draw: (self, nowMs) => {
    const view = /** @type {View} */ (self.view);
    drawMap(self, view, nowMs);
    if (nowMs - tablesAtMs < TABLES_EVERY_MS) return;
    tablesAtMs = nowMs;
    drawTables(view);
  },
  worldToScreen: (x, y) => {
    const box = canvas.element.getBoundingClientRect();
    const at = project(x, y);
    return { x: at.x + box.left, y: at.y + box.top };
  },
  drawn: () => drawn,
});
room.stage.append(el("div", { className: "any" }, map, tables));
void room.run();
