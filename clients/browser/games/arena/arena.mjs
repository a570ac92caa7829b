/** Arena's page: puts scene, camera, effects, gauges and controls together, and sends what the hands do. */

import { Canvas } from "../../page/canvas.mjs";
import { Room } from "../../page/room.mjs";
import { Camera } from "./camera.mjs";
import { Controls } from "./controls.mjs";
import { Effects } from "./effects.mjs";
import { Hud } from "./hud.mjs";
import { PICKUPS, colourOf } from "./palette.mjs";
import { Scene } from "./scene.mjs";
import { Sounds } from "./sounds.mjs";
import { Watching } from "./watching.mjs";

/** @typedef {import("../../sdk/view.mjs").Entity} Entity */
/** @typedef {import("../../sdk/view.mjs").View} View */
/** @typedef {import("./controls.mjs").Steer} Steer */

const SEND_EVERY_MS = 33; // changes of the hands; a held control is repeated more rarely
const REPEAT_EVERY_MS = 400;
const DT_MAX_S = 0.1;
const TURN = 1024;
const TURN_STEPS = 8; // the wire's steps of a turn from 0 to 1

const camera = new Camera();
const effects = new Effects();
const scene = new Scene();
const sounds = new Sounds();
let lastMs = 0;
let sent = { text: "", ms: -Infinity };
let hurtAtMs = -Infinity;
let hullBefore = 100;

const room = new Room({
  motions: {
    ships: { linear: ["x", "y"], wrapped: { heading: TURN }, teleport: 250 },
    shots: { linear: ["x", "y"], teleport: 300 },
  },
  applied: (self) => {
    const view = /** @type {View} */ (self.view);
    hud.update(view, self.welcome?.teams ?? []);
    const hull = view.mine("ships")[0]?.["hp"] ?? 100;
    if (hull < hullBefore) hurtAtMs = performance.now();
    hullBefore = hull;
  },
  event: onEvent,
  draw,
  worldToScreen: (x, y) => camera.toScreen(x, y),
  drawn: () => scene.drawn,
});
const canvas = new Canvas(room.stage, "The arena");
const hud = new Hud(room.isPlayer, true);
const watching = new Watching(room.stage, camera);
const controls = room.isPlayer ? new Controls(room.stage, mark) : null;

/** @param {Room} self @param {number} nowMs */
function draw(self, nowMs) {
  const view = /** @type {View} */ (self.view);
  const dt = Math.min(DT_MAX_S, Math.max(0.001, (nowMs - lastMs) / 1000));
  lastMs = nowMs;
  const ctx = canvas.begin();
  camera.resize(canvas.width, canvas.height);
  const ships = self.moving("ships", nowMs);
  const own = ships.find((ship) => ship["seat"] === self.seat);
  const isFlying = own !== undefined && own["is_alive"];
  watching.isOn = !isFlying && !(own && own["lives"] > 0 && view.world["phase"] === "fight");
  if (isFlying) camera.follow(own["x"], own["y"], view.world["reach"], dt);
  else if (watching.isOn) watching.move(ships, view.world["reach"], dt);
  const state = {
    world: view.world,
    ships,
    shots: self.moving("shots", nowMs),
    pickups: view.all("pickups"),
    rocks: view.all("rocks"),
    markers: view.all("markers"),
    seat: self.seat,
    nowMs,
  };
  scene.draw(ctx, camera, state, effects, dt);
  drawPain(ctx, nowMs);
  hud.drawMap(state, camera);
  sounds.thrust(isFlying && own["is_thrusting"], isFlying && own["is_boosting"]);
  if (controls && own) send(self, controls, view.mine("ships")[0] ?? own, nowMs);
}

/** A red breath at the window's edges when the hull was hurt. @param {CanvasRenderingContext2D} ctx @param {number} nowMs */
function drawPain(ctx, nowMs) {
  const left = 1 - (nowMs - hurtAtMs) / 350;
  if (left <= 0) return;
  const { width, height } = canvas;
  ctx.fillStyle = `rgb(255 40 60 / ${0.22 * left})`;
  for (const [x, y, w, h] of /** @type {const} */ ([[0, 0, width, 14], [0, height - 14, width, 14], [0, 14, 14, height - 28], [width - 14, 14, 14, height - 28]])) {
    ctx.fillRect(x, y, w, h);
  }
}

/** @param {Room} self @param {Controls} hands @param {Entity} own @param {number} nowMs */
function send(self, hands, own, nowMs) {
  if (!self.isLive || nowMs - sent.ms < SEND_EVERY_MS) return;
  const isInPlay = own["is_alive"] || own["lives"] > 0 || self.view?.world["phase"] !== "fight";
  if (!isInPlay) return;
  const steer = hands.steer(aim, own["heading"]);
  steer.turn = Math.round(steer.turn * TURN_STEPS) / TURN_STEPS;
  const text = JSON.stringify(steer);
  const isHeld = steer.turn !== 0 || steer.thrust || steer.fire || steer.boost;
  if (text === sent.text && !(isHeld && nowMs - sent.ms > REPEAT_EVERY_MS)) return;
  sent = { text, ms: nowMs };
  self.sendInput("Steer", { ...steer });
  if (isHeld) sounds.wake();
}

/** The heading from the own ship on the screen to a place on it. @param {number} x @param {number} y */
function aim(x, y) {
  const own = scene.drawn.find((ship) => ship["seat"] === room.seat);
  const at = /** @type {{x: number, y: number} | undefined} */ (own?.["screen"]);
  return at ? (Math.atan2(y - at.y, x - at.x) / (Math.PI * 2)) * TURN : 0;
}

/** Shows the team a place. @param {number} x @param {number} y CSS pixels */
function mark(x, y) {
  if (room.isLive && room.view?.world["mode"] === "teams") room.sendInput("Ping", camera.toWorld(x, y));
}

/** @param {number} seat */
function shipOf(seat) {
  return room.view?.all("ships").find((ship) => ship["seat"] === seat);
}

/** @param {string} name @param {import("../../sdk/codec.mjs").Body} body */
function onEvent(name, body) {
  const { x = 0, y = 0, seat = -1 } = /** @type {Record<string, number>} */ (body);
  const ship = shipOf(seat);
  const colour = colourOf(ship?.["colour"] ?? 0);
  const near = Math.max(0, 1 - Math.hypot(x - camera.x, y - camera.y) / 900);
  switch (name) {
    case "Fired":
      sounds.shot(ship ? Math.max(0, 1 - Math.hypot(ship["x"] - camera.x, ship["y"] - camera.y) / 900) : 0, seat === room.seat);
      break;
    case "DryFire":
      sounds.click();
      break;
    case "Hit":
      effects.hit(x, y, colour);
      sounds.hit(near);
      break;
    case "Boom":
      effects.explode(x, y, colour);
      camera.shake(seat === room.seat ? 1 : near * 0.6);
      sounds.boom(near);
      tellKill(ship, shipOf(Number(body["by"])), Number(body["by"]) === seat);
      break;
    case "Spawned":
      if (ship) effects.ring(ship["x"], ship["y"], colour);
      break;
    case "Taken":
      if (ship) effects.ring(ship["x"], ship["y"], PICKUPS[String(body["kind"])]?.colour ?? "#ffffff", 34);
      if (seat === room.seat) {
        sounds.taken();
        hud.tell([{ text: `You took ${PICKUPS[String(body["kind"])]?.name ?? body["kind"]}` }]);
      }
      break;
    case "RoundStart":
      sounds.start();
      hud.tell([{ text: "Fight!" }]);
      break;
  }
}

/** @param {Entity | undefined} victim @param {Entity | undefined} killer @param {boolean} isOwnFault */
function tellKill(victim, killer, isOwnFault) {
  if (!victim) return;
  const fallen = { text: victim["name"], colour: colourOf(victim["colour"]) };
  if (!killer || isOwnFault) hud.tell([fallen, { text: " burned up outside the ring" }]);
  else hud.tell([{ text: killer["name"], colour: colourOf(killer["colour"]) }, { text: " ✦ " }, fallen]);
}

void room.run();
