/** Arena's picture: space, ring, rocks, pickups, shots, ships. Draws what it is given and remembers where it drew ships. */

import { colourOf } from "./palette.mjs";
import {
  flameSprite, labelSprite, pickupSprite, rockSprite, shieldSprite, shipSprite, shotSprite, spaceTile, stamp,
} from "./sprites.mjs";

/** @typedef {import("../../sdk/view.mjs").Entity} Entity */
/** @typedef {import("./camera.mjs").Camera} Camera */

/**
 * @typedef {object} State What one picture shows.
 * @property {Entity} world
 * @property {readonly Entity[]} ships
 * @property {readonly Entity[]} shots
 * @property {readonly Entity[]} pickups
 * @property {readonly Entity[]} rocks
 * @property {readonly Entity[]} markers
 * @property {number | null} seat
 * @property {number} nowMs
 */

const TURN = 1024;
const FULL = Math.PI * 2;
const GRID = 100;
const HP_MAX = 100;
const PARALLAX = 0.35;
const SHIP_SCALE_MIN = 0.62; // seen from far away, ships and names stop shrinking
const LABEL_SCALE_MIN = 0.95;

export class Scene {
  /** Where the last picture had its ships. @type {Record<string, unknown>[]} */
  drawn = [];
  /** @type {CanvasPattern | null} */
  #space = null;
  #stars = Array.from({ length: 70 }, () => ({ x: Math.random(), y: Math.random(), depth: 0.5 + Math.random() * 0.4 }));

  /** @param {CanvasRenderingContext2D} ctx @param {Camera} camera @param {State} state @param {import("./effects.mjs").Effects} effects @param {number} dt */
  draw(ctx, camera, state, effects, dt) {
    this.#drawSpace(ctx, camera);
    ctx.save();
    camera.apply(ctx, dt);
    drawGrid(ctx, camera, state.world["reach"]);
    drawRing(ctx, camera, state.world, state.nowMs);
    for (const rock of state.rocks) {
      if (camera.sees(rock["x"], rock["y"], rock["radius"] * 1.2)) {
        stamp(ctx, rockSprite(rock["radius"], rock["x"] * 7 + rock["y"]), rock["x"], rock["y"]);
      }
    }
    for (const pickup of state.pickups) drawPickup(ctx, camera, pickup, state.nowMs);
    for (const marker of state.markers) drawMarker(ctx, marker, state.nowMs);
    drawShots(ctx, camera, state);
    this.#drawShips(ctx, camera, state, effects);
    effects.draw(ctx, dt, camera);
    ctx.restore();
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Camera} camera */
  #drawSpace(ctx, camera) {
    this.#space ??= ctx.createPattern(spaceTile(), "repeat");
    if (this.#space) {
      const shift = new DOMMatrix([1, 0, 0, 1, -Math.round(camera.x * PARALLAX), -Math.round(camera.y * PARALLAX)]);
      this.#space.setTransform(shift);
      ctx.fillStyle = this.#space;
    }
    ctx.fillRect(0, 0, camera.width, camera.height);
    ctx.fillStyle = "rgb(220 232 255 / 75%)";
    for (const { x, y, depth } of this.#stars) {
      const size = depth > 0.75 ? 2 : 1.5;
      const left = mod(x * 2000 - camera.x * camera.scale * depth, camera.width + 20) - 10;
      const top = mod(y * 2000 - camera.y * camera.scale * depth, camera.height + 20) - 10;
      ctx.fillRect(left, top, size, size);
    }
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Camera} camera @param {State} state @param {import("./effects.mjs").Effects} effects */
  #drawShips(ctx, camera, state, effects) {
    this.drawn = [];
    for (const ship of state.ships) {
      if (!ship["is_alive"]) continue;
      const { x, y } = /** @type {any} */ (ship);
      const angle = (ship["heading"] / TURN) * FULL;
      this.drawn.push({ collection: "ships", ...ship, screen: camera.toScreen(x, y) });
      if (!camera.sees(x, y, 60)) continue;
      const size = Math.max(1, SHIP_SCALE_MIN / camera.scale);
      if (ship["is_thrusting"]) {
        const isBoost = ship["is_boosting"];
        const length = (isBoost ? 1.35 : 0.9) * (0.75 + Math.random() * 0.4);
        stamp(ctx, flameSprite(isBoost), x - Math.cos(angle) * (9 + 20 * length), y - Math.sin(angle) * (9 + 20 * length), angle, 1, length);
        effects.exhaust(x, y, angle, isBoost);
      }
      stamp(ctx, shipSprite(ship["colour"]), x, y, angle, size);
      if (ship["is_shielded"]) stamp(ctx, shieldSprite(), x, y, 0, 1 + 0.03 * Math.sin(state.nowMs / 90));
      drawTag(ctx, ship, ship["seat"] === state.seat, state.nowMs, Math.max(1, LABEL_SCALE_MIN / camera.scale));
      if (ship["seat"] === state.seat) drawWayBack(ctx, ship, state.world, state.nowMs);
    }
  }
}

/** An arrow into the ring, for a pilot outside it. @param {CanvasRenderingContext2D} ctx @param {Entity} ship @param {Entity} world @param {number} nowMs */
function drawWayBack(ctx, ship, world, nowMs) {
  const [dx, dy] = [world["ring_x"] - ship["x"], world["ring_y"] - ship["y"]];
  if (world["phase"] !== "fight" || Math.hypot(dx, dy) < world["ring_radius"]) return;
  ctx.save();
  ctx.translate(ship["x"], ship["y"]);
  ctx.rotate(Math.atan2(dy, dx));
  ctx.fillStyle = `rgb(255 230 120 / ${0.6 + 0.4 * Math.sin(nowMs / 110)})`;
  ctx.fill(new Path2D("M64 0 L44 -11 L49 0 L44 11 Z"));
  ctx.restore();
}

/** Name and hull above a ship. @param {CanvasRenderingContext2D} ctx @param {Entity} ship @param {boolean} isOwn @param {number} nowMs @param {number} size of the label */
function drawTag(ctx, ship, isOwn, nowMs, size) {
  const { x, y } = /** @type {any} */ (ship);
  const colour = colourOf(ship["colour"]);
  const hull = ship["hp"] / HP_MAX;
  if (hull < 1 || isOwn) {
    ctx.fillStyle = "rgb(5 8 18 / 70%)";
    ctx.fillRect(x - 17, y - 28, 34, 4.5);
    ctx.fillStyle = hull > 0.5 ? "#5be08a" : hull > 0.25 ? "#ffd24a" : "#ff5c6c";
    ctx.fillRect(x - 16.5, y - 27.5, 33 * hull, 3.5);
  }
  stamp(ctx, labelSprite(ship["name"], isOwn ? "#ffffff" : colour), x, y - 29 - 8 * size, 0, size);
  if (!isOwn) return;
  ctx.strokeStyle = `rgb(255 255 255 / ${0.25 + 0.12 * Math.sin(nowMs / 260)})`;
  ctx.lineWidth = 1.2;
  ctx.beginPath();
  ctx.arc(x, y, 24, 0, FULL);
  ctx.stroke();
}

/** @param {CanvasRenderingContext2D} ctx @param {Camera} camera @param {State} state */
function drawShots(ctx, camera, state) {
  const colours = new Map(state.ships.map((ship) => [ship["seat"], ship["colour"]]));
  ctx.globalCompositeOperation = "lighter";
  for (const shot of state.shots) {
    if (!camera.sees(shot["x"], shot["y"], 40)) continue;
    const angle = (shot["heading"] / TURN) * FULL;
    const colour = colours.get(shot["seat"]) ?? shot["team"];
    stamp(ctx, shotSprite(colour), shot["x"] - Math.cos(angle) * 20, shot["y"] - Math.sin(angle) * 20, angle);
  }
  ctx.globalCompositeOperation = "source-over";
}

/** @param {CanvasRenderingContext2D} ctx @param {Camera} camera @param {Entity} pickup @param {number} nowMs */
function drawPickup(ctx, camera, pickup, nowMs) {
  if (!camera.sees(pickup["x"], pickup["y"], 40)) return;
  const beat = Math.sin(nowMs / 300 + Number(pickup.key) * 2);
  stamp(ctx, pickupSprite(pickup["kind"]), pickup["x"], pickup["y"] + beat * 2.5, 0, 0.95 + beat * 0.05);
}

/** @param {CanvasRenderingContext2D} ctx @param {Entity} marker @param {number} nowMs */
function drawMarker(ctx, marker, nowMs) {
  const beat = (nowMs % 900) / 900;
  ctx.strokeStyle = `rgb(255 240 150 / ${1 - beat})`;
  ctx.lineWidth = 2;
  ctx.beginPath();
  ctx.arc(marker["x"], marker["y"], 8 + beat * 34, 0, FULL);
  ctx.stroke();
  ctx.fillStyle = "#fff096";
  ctx.fill(new Path2D(`M${marker["x"]} ${marker["y"]} l-7 -16 h14 Z`));
}

/** @param {CanvasRenderingContext2D} ctx @param {Camera} camera @param {number} reach */
function drawGrid(ctx, camera, reach) {
  const { left, top, width, height } = camera.bounds;
  const [x0, x1] = [Math.max(-reach, left), Math.min(reach, left + width)];
  const [y0, y1] = [Math.max(-reach, top), Math.min(reach, top + height)];
  ctx.strokeStyle = "rgb(130 160 255 / 8%)";
  ctx.lineWidth = 1 / camera.scale;
  ctx.beginPath();
  for (let x = Math.ceil(x0 / GRID) * GRID; x <= x1; x += GRID) {
    ctx.moveTo(x, y0);
    ctx.lineTo(x, y1);
  }
  for (let y = Math.ceil(y0 / GRID) * GRID; y <= y1; y += GRID) {
    ctx.moveTo(x0, y);
    ctx.lineTo(x1, y);
  }
  ctx.stroke();
  ctx.fillStyle = "rgb(2 4 10 / 55%)";
  ctx.beginPath();
  ctx.rect(left - 20, top - 20, width + 40, height + 40);
  ctx.rect(-reach, -reach, reach * 2, reach * 2);
  ctx.fill("evenodd");
  for (const [size, colour] of /** @type {const} */ ([[10, "rgb(90 140 255 / 14%)"], [2, "rgb(150 190 255 / 75%)"]])) {
    ctx.strokeStyle = colour;
    ctx.lineWidth = size;
    ctx.strokeRect(-reach, -reach, reach * 2, reach * 2);
  }
}

/** The ring's edge, and danger outside it. @param {CanvasRenderingContext2D} ctx @param {Camera} camera @param {Entity} world @param {number} nowMs */
function drawRing(ctx, camera, world, nowMs) {
  const { left, top, width, height } = camera.bounds;
  const [x, y, radius] = [world["ring_x"], world["ring_y"], world["ring_radius"]];
  const farthest = Math.hypot(Math.max(x - left, left + width - x), Math.max(y - top, top + height - y));
  if (radius > farthest + 20) return;
  ctx.fillStyle = `rgb(255 40 70 / ${0.15 + 0.03 * Math.sin(nowMs / 420)})`;
  ctx.beginPath();
  ctx.rect(left - 20, top - 20, width + 40, height + 40);
  ctx.arc(x, y, Math.max(0, radius), 0, FULL);
  ctx.fill("evenodd");
  for (const [size, colour] of /** @type {const} */ ([[14, "rgb(255 60 90 / 16%)"], [6, "rgb(255 80 110 / 30%)"], [2, "#ff8aa0"]])) {
    ctx.strokeStyle = colour;
    ctx.lineWidth = size;
    ctx.beginPath();
    ctx.arc(x, y, Math.max(0, radius), 0, FULL);
    ctx.stroke();
  }
}

/** @param {number} value @param {number} length */
function mod(value, length) {
  return ((value % length) + length) % length;
}
