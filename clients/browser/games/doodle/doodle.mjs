/** Doodle's page: shared ink on paper. Hold the button (or a finger) to draw. */

import { Canvas } from "../../page/canvas.mjs";
import { el } from "../../page/dom.mjs";
import { Room } from "../../page/room.mjs";

const SIDE = 1000; // the rules' page is a square of this size
const SEND_EVERY_MS = 33;
const STROKE_GAP = 60;
const INK = [
  "#e5484d", "#2b7de0", "#c98a00", "#1f9d55", "#8a4fd3", "#e0702a", "#12959a", "#d0408f",
  "#6f8f16", "#4a5bd0", "#9a6a3a", "#2f8f74", "#b5474f", "#3d7ea6", "#7d7a2a", "#444b63",
];

/** @typedef {import("../../sdk/view.mjs").Entity} Entity */

const pointer = { x: SIDE / 2, y: SIDE / 2, pen: false, isMoved: false, sentMs: 0 };
/** @type {Record<string, unknown>[]} */
let drawn = [];

/** @param {number} colour */
function ink(colour) {
  return INK[colour % INK.length] ?? "#444b63";
}

const room = new Room({ motions: { cursors: { linear: ["x", "y"] } }, draw, worldToScreen: toScreen, drawn: () => drawn });
const canvas = new Canvas(room.stage, "A shared sheet of paper");

/** Where the paper lies. */
function paper() {
  const side = Math.max(100, Math.min(canvas.width - 24, canvas.height - 80));
  return { side, left: (canvas.width - side) / 2, top: 54 + Math.max(0, (canvas.height - 80 - side) / 2) };
}

/** @param {number} x @param {number} y */
function toScreen(x, y) {
  const { side, left, top } = paper();
  return { x: left + (x / SIDE) * side, y: top + (y / SIDE) * side };
}

/** @param {Room} self @param {number} nowMs */
function draw(self, nowMs) {
  const ctx = canvas.begin();
  const view = self.view;
  if (!view) return;
  const { side, left, top } = paper();
  ctx.fillStyle = "#0d1326";
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.fillStyle = "#fbfaf5";
  ctx.fillRect(left, top, side, side);
  drawInk(ctx, view.all("dots"), side / 110);
  drawCursors(self, ctx, nowMs);
  send(self, nowMs);
}

/** Dots of one colour that follow close upon each other become a line. @param {CanvasRenderingContext2D} ctx @param {readonly Entity[]} dots @param {number} width */
function drawInk(ctx, dots, width) {
  /** @type {Map<number, Entity>} */
  const last = new Map();
  ctx.lineWidth = Math.max(3, width);
  ctx.lineCap = "round";
  for (const dot of dots) {
    const before = last.get(dot["colour"]) ?? dot;
    const isNear = Math.hypot(dot["x"] - before["x"], dot["y"] - before["y"]) < STROKE_GAP;
    const from = toScreen(isNear ? before["x"] : dot["x"], isNear ? before["y"] : dot["y"]);
    const to = toScreen(dot["x"], dot["y"]);
    last.set(dot["colour"], dot);
    ctx.strokeStyle = ink(dot["colour"]);
    ctx.beginPath();
    ctx.moveTo(from.x, from.y);
    ctx.lineTo(to.x, to.y + 0.01);
    ctx.stroke();
  }
}

/** @param {Room} self @param {CanvasRenderingContext2D} ctx @param {number} nowMs */
function drawCursors(self, ctx, nowMs) {
  drawn = [];
  ctx.font = "600 13px system-ui, sans-serif";
  for (const cursor of self.moving("cursors", nowMs)) {
    const at = toScreen(cursor["x"], cursor["y"]);
    drawn.push({ collection: "cursors", ...cursor, screen: at });
    ctx.fillStyle = ink(cursor["colour"]);
    ctx.strokeStyle = "#fff";
    ctx.lineWidth = 1.5;
    ctx.beginPath();
    ctx.moveTo(at.x, at.y);
    ctx.lineTo(at.x + 4, at.y + 16);
    ctx.lineTo(at.x + 8, at.y + 10);
    ctx.lineTo(at.x + 15, at.y + 9);
    ctx.closePath();
    ctx.fill();
    ctx.stroke();
    ctx.fillText(cursor["seat"] === self.seat ? "you" : cursor["name"], at.x + 16, at.y + 22);
  }
}

/** @param {PointerEvent} event */
function point(event) {
  const { side, left, top } = paper();
  const clamp = (/** @type {number} */ value) => Math.min(SIDE, Math.max(0, value));
  pointer.x = clamp(((event.clientX - left) / side) * SIDE);
  pointer.y = clamp(((event.clientY - top) / side) * SIDE);
  pointer.isMoved = true;
}

/** @param {Room} self @param {number} nowMs */
function send(self, nowMs) {
  if (!pointer.isMoved || nowMs - pointer.sentMs < SEND_EVERY_MS) return;
  pointer.isMoved = false;
  pointer.sentMs = nowMs;
  self.sendInput("Move", { x: pointer.x, y: pointer.y, pen: pointer.pen });
}

if (room.isPlayer) {
  room.stage.addEventListener("pointerdown", (event) => {
    pointer.pen = true;
    point(event);
    canvas.element.setPointerCapture(event.pointerId);
  });
  room.stage.addEventListener("pointermove", point);
  for (const name of /** @type {const} */ (["pointerup", "pointercancel"])) {
    room.stage.addEventListener(name, (event) => {
      pointer.pen = false;
      point(event);
    });
  }
  document.body.append(el("p", { className: "hint" }, "Hold the button to draw · everybody sees it"));
}
void room.run();
