/**
 * Pictures drawn once and stamped many times: on a machine without a GPU, glows and gradients are far too slow to draw
 * sixty times a second. A sprite points along +x; its middle is its place.
 */

import { PICKUPS, colourOf } from "./palette.mjs";

/** @typedef {{image: HTMLCanvasElement, width: number, height: number}} Sprite its size is in world units */

const PIXELS_PER_UNIT = 3;
const FULL = Math.PI * 2;

/** @type {Map<string, Sprite>} */
const made = new Map();

/**
 * The sprite of that name, drawn at its first use around (0, 0) in world units.
 * @param {string} name
 * @param {number} width
 * @param {number} height
 * @param {(ctx: CanvasRenderingContext2D) => void} paint
 * @returns {Sprite}
 */
function sprite(name, width, height, paint) {
  const known = made.get(name);
  if (known) return known;
  const image = document.createElement("canvas");
  image.width = Math.ceil(width * PIXELS_PER_UNIT);
  image.height = Math.ceil(height * PIXELS_PER_UNIT);
  const ctx = /** @type {CanvasRenderingContext2D} */ (image.getContext("2d"));
  ctx.scale(PIXELS_PER_UNIT, PIXELS_PER_UNIT);
  ctx.translate(width / 2, height / 2);
  paint(ctx);
  const sprite = { image, width, height };
  made.set(name, sprite);
  return sprite;
}

/** A round light. @param {CanvasRenderingContext2D} ctx @param {number} radius @param {string} colour @param {number} alpha */
function glow(ctx, radius, colour, alpha) {
  const light = ctx.createRadialGradient(0, 0, 0, 0, 0, radius);
  light.addColorStop(0, fade(colour, alpha));
  light.addColorStop(0.5, fade(colour, alpha * 0.28));
  light.addColorStop(1, fade(colour, 0));
  ctx.fillStyle = light;
  ctx.fillRect(-radius, -radius, radius * 2, radius * 2);
}

/** A #rrggbb colour with an alpha. @param {string} colour @param {number} alpha */
export function fade(colour, alpha) {
  const rgb = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return `rgb(${rgb.join(" ")} / ${alpha})`;
}

/** @param {number} colour */
export function shipSprite(colour) {
  const paint = colourOf(colour);
  return sprite(`ship ${colour}`, 76, 76, (ctx) => {
    glow(ctx, 38, paint, 0.5);
    ctx.lineJoin = "round";
    const hull = new Path2D("M18 0 L-5 9.5 L-13 14 L-9 4 L-9 -4 L-13 -14 L-5 -9.5 Z");
    const shade = ctx.createLinearGradient(-13, 0, 18, 0);
    shade.addColorStop(0, "#101a33");
    shade.addColorStop(0.55, paint);
    shade.addColorStop(1, "#ffffff");
    ctx.fillStyle = shade;
    ctx.fill(hull);
    ctx.strokeStyle = paint;
    ctx.lineWidth = 1.6;
    ctx.stroke(hull);
    ctx.fillStyle = "rgb(8 14 30 / 85%)";
    ctx.fill(new Path2D("M9 0 C6 3 1 3.4 -3 2.4 L-3 -2.4 C1 -3.4 6 -3 9 0 Z"));
    ctx.fillStyle = "rgb(255 255 255 / 80%)";
    ctx.fillRect(2, -1.6, 4, 1);
  });
}

/** @param {boolean} isBoost */
export function flameSprite(isBoost) {
  return sprite(`flame ${isBoost}`, 40, 18, (ctx) => {
    ctx.translate(20, 0);
    const hot = isBoost ? "#9fe8ff" : "#fff0b0";
    const cool = isBoost ? "#3d7bff" : "#ff7a2a";
    const light = ctx.createLinearGradient(0, 0, -38, 0);
    light.addColorStop(0, hot);
    light.addColorStop(0.35, cool);
    light.addColorStop(1, fade(cool, 0));
    ctx.fillStyle = light;
    ctx.fill(new Path2D("M0 -4.5 C-10 -7.5 -22 -4 -38 0 C-22 4 -10 7.5 0 4.5 Z"));
  });
}

/** @param {number} colour */
export function shotSprite(colour) {
  const paint = colourOf(colour);
  return sprite(`shot ${colour}`, 56, 16, (ctx) => {
    const tail = ctx.createLinearGradient(24, 0, -28, 0);
    tail.addColorStop(0, paint);
    tail.addColorStop(1, fade(paint, 0));
    ctx.fillStyle = tail;
    ctx.fill(new Path2D("M24 -2.4 L-28 0 L24 2.4 Z"));
    ctx.translate(22, 0);
    glow(ctx, 8, paint, 0.9);
    ctx.fillStyle = "#ffffff";
    ctx.beginPath();
    ctx.arc(0, 0, 2.4, 0, FULL);
    ctx.fill();
  });
}

/** @param {string} kind */
export function pickupSprite(kind) {
  const { colour, letter } = PICKUPS[kind] ?? { colour: "#ffffff", letter: "?" };
  return sprite(`pickup ${kind}`, 72, 72, (ctx) => {
    glow(ctx, 36, colour, 0.55);
    ctx.fillStyle = "#0a1226";
    ctx.strokeStyle = colour;
    ctx.lineWidth = 2.2;
    ctx.beginPath();
    ctx.roundRect(-12, -12, 24, 24, 7);
    ctx.fill();
    ctx.stroke();
    ctx.fillStyle = colour;
    ctx.font = "700 17px system-ui, sans-serif";
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.fillText(letter, 0, 1);
  });
}

/** A rock of that radius; its shape comes from its place, so everybody sees the same. @param {number} radius @param {number} seed */
export function rockSprite(radius, seed) {
  return sprite(`rock ${radius} ${seed}`, radius * 2.3, radius * 2.3, (ctx) => {
    const random = randomOf(seed);
    const outline = new Path2D();
    const corners = 18;
    for (let i = 0; i < corners; i += 1) {
      const reach = radius * (0.95 + random() * 0.1);
      const angle = (i / corners) * FULL;
      outline.lineTo(Math.cos(angle) * reach, Math.sin(angle) * reach);
    }
    outline.closePath();
    const shade = ctx.createRadialGradient(-radius * 0.4, -radius * 0.45, radius * 0.1, 0, 0, radius * 1.15);
    shade.addColorStop(0, "#6b7796");
    shade.addColorStop(0.55, "#39435f");
    shade.addColorStop(1, "#141a2e");
    ctx.fillStyle = shade;
    ctx.fill(outline);
    ctx.save();
    ctx.clip(outline);
    for (let i = 0; i < 9; i += 1) crater(ctx, radius, random);
    ctx.restore();
    ctx.strokeStyle = "rgb(150 170 220 / 45%)";
    ctx.lineWidth = 1.5;
    ctx.stroke(outline);
  });
}

/** @param {CanvasRenderingContext2D} ctx @param {number} radius @param {() => number} random */
function crater(ctx, radius, random) {
  const size = radius * (0.06 + random() * 0.16);
  const x = (random() * 2 - 1) * radius * 0.8;
  const y = (random() * 2 - 1) * radius * 0.8;
  ctx.fillStyle = "rgb(8 12 26 / 38%)";
  ctx.beginPath();
  ctx.arc(x, y, size, 0, FULL);
  ctx.fill();
  ctx.strokeStyle = "rgb(170 190 240 / 22%)";
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.arc(x, y, size, 0.4, 2.4);
  ctx.stroke();
}

/** A spark or a flash of light. @param {string} colour */
export function sparkSprite(colour) {
  return sprite(`spark ${colour}`, 16, 16, (ctx) => {
    glow(ctx, 8, colour, 1);
    glow(ctx, 3, "#ffffff", 1);
  });
}

export function shieldSprite() {
  return sprite("shield", 64, 64, (ctx) => {
    const light = ctx.createRadialGradient(0, 0, 18, 0, 0, 27);
    light.addColorStop(0, "rgb(110 195 255 / 0)");
    light.addColorStop(0.8, "rgb(110 195 255 / 32%)");
    light.addColorStop(1, "rgb(110 195 255 / 0)");
    ctx.fillStyle = light;
    ctx.fillRect(-32, -32, 64, 64);
    ctx.strokeStyle = "rgb(190 230 255 / 85%)";
    ctx.lineWidth = 1.4;
    ctx.beginPath();
    ctx.arc(0, 0, 24, 0, FULL);
    ctx.stroke();
  });
}

/** A ship's name; light text with a dark edge, readable on everything. @param {string} text @param {string} colour */
export function labelSprite(text, colour) {
  if (made.size > 400) made.clear(); // names of pilots long gone
  return sprite(`label ${colour} ${text}`, Math.max(20, text.length * 9), 18, (ctx) => {
    ctx.font = "600 11.5px system-ui, sans-serif";
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.lineWidth = 3;
    ctx.lineJoin = "round";
    ctx.strokeStyle = "rgb(5 8 18 / 80%)";
    ctx.strokeText(text, 0, 0);
    ctx.fillStyle = colour;
    ctx.fillText(text, 0, 0);
  });
}

/** A tile of space that repeats without a seam, in pixels. */
export function spaceTile() {
  const side = 1024;
  const tile = document.createElement("canvas");
  tile.width = tile.height = side;
  const ctx = /** @type {CanvasRenderingContext2D} */ (tile.getContext("2d", { alpha: false }));
  const random = randomOf(7);
  ctx.fillStyle = "#060a18";
  ctx.fillRect(0, 0, side, side);
  for (const [colour, x, y, radius, alpha] of NEBULAE) {
    for (const dx of [-side, 0, side]) {
      for (const dy of [-side, 0, side]) {
        ctx.setTransform(1, 0, 0, 1, x + dx, y + dy);
        glow(ctx, radius, colour, alpha);
      }
    }
  }
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  for (let i = 0; i < 420; i += 1) {
    const bright = random() ** 3;
    ctx.fillStyle = `rgb(${200 + random() * 55} ${205 + random() * 40} 255 / ${0.25 + bright * 0.75})`;
    const size = bright > 0.6 ? 2 : 1;
    ctx.fillRect(Math.floor(random() * side), Math.floor(random() * side), size, size);
  }
  return tile;
}

/** @type {readonly [string, number, number, number, number][]} */
const NEBULAE = [
  ["#3b2a8c", 220, 260, 430, 0.34],
  ["#0e5a7a", 760, 180, 380, 0.32],
  ["#6a2560", 700, 720, 420, 0.26],
  ["#17457f", 200, 820, 360, 0.3],
  ["#2a6a6a", 480, 500, 260, 0.16],
];

/** A small generator: the same numbers for the same seed. @param {number} seed */
function randomOf(seed) {
  let state = (Math.floor(seed) * 2654435761 + 12345) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}

/**
 * Stamps a sprite.
 * @param {CanvasRenderingContext2D} ctx @param {Sprite} sprite @param {number} x @param {number} y
 * @param {number} [angle] @param {number} [scale] @param {number} [stretch] along its own x
 */
export function stamp(ctx, sprite, x, y, angle = 0, scale = 1, stretch = 1) {
  const width = sprite.width * scale * stretch;
  const height = sprite.height * scale;
  if (!angle) {
    ctx.drawImage(sprite.image, x - width / 2, y - height / 2, width, height);
    return;
  }
  ctx.save();
  ctx.translate(x, y);
  ctx.rotate(angle);
  ctx.drawImage(sprite.image, -width / 2, -height / 2, width, height);
  ctx.restore();
}
