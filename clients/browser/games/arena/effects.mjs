/** Sparks, smoke, shock waves and flying numbers: what lives for a moment and matters to nobody but the eye. */

import { sparkSprite, stamp } from "./sprites.mjs";

/** @typedef {{x: number, y: number, vx: number, vy: number, age: number, life: number, size: number, colour: string}} Spark */
/** @typedef {{x: number, y: number, age: number, life: number, radius: number, colour: string}} Wave */

const SPARKS_MAX = 500;
const WAVES_MAX = 24;
const FULL = Math.PI * 2;

export class Effects {
  /** @type {Spark[]} */
  #sparks = [];
  /** @type {Wave[]} */
  #waves = [];

  /** A ship is gone. @param {number} x @param {number} y @param {string} colour */
  explode(x, y, colour) {
    this.#burst(x, y, colour, 34, 260, 0.9, 1.5);
    this.#burst(x, y, "#ffb35c", 26, 170, 0.7, 1.9);
    this.#burst(x, y, "#ffffff", 10, 90, 0.35, 2.6);
    this.#wave({ x, y, age: 0, life: 0.55, radius: 120, colour });
    this.#wave({ x, y, age: 0, life: 0.35, radius: 60, colour: "#ffffff" });
  }

  /** A shot struck. @param {number} x @param {number} y @param {string} colour */
  hit(x, y, colour) {
    this.#burst(x, y, colour, 8, 150, 0.3, 0.9);
    this.#wave({ x, y, age: 0, life: 0.2, radius: 20, colour: "#ffffff" });
  }

  /** Something good: taken, or come into the round. @param {number} x @param {number} y @param {string} colour @param {number} [radius] */
  ring(x, y, colour, radius = 46) {
    this.#wave({ x, y, age: 0, life: 0.5, radius, colour });
    this.#burst(x, y, colour, 10, 80, 0.5, 0.9);
  }

  /** A ship's exhaust for one picture. @param {number} x @param {number} y @param {number} angle @param {boolean} isBoost */
  exhaust(x, y, angle, isBoost) {
    if (Math.random() > 0.7 || this.#sparks.length > SPARKS_MAX * 0.7) return;
    const turn = angle + Math.PI + (Math.random() - 0.5) * 0.5;
    const speed = 60 + Math.random() * 60;
    this.#spark({
      x: x - Math.cos(angle) * 15,
      y: y - Math.sin(angle) * 15,
      vx: Math.cos(turn) * speed,
      vy: Math.sin(turn) * speed,
      age: 0,
      life: 0.35 + Math.random() * 0.2,
      size: 0.6,
      colour: isBoost ? "#6fb7ff" : "#ff9a4a",
    });
  }

  /** @param {CanvasRenderingContext2D} ctx @param {number} dt @param {import("./camera.mjs").Camera} camera */
  draw(ctx, dt, camera) {
    ctx.globalCompositeOperation = "lighter";
    this.#sparks = this.#sparks.filter((spark) => (spark.age += dt) < spark.life);
    for (const spark of this.#sparks) {
      const drag = 1 - 2.2 * dt;
      spark.x += spark.vx * dt;
      spark.y += spark.vy * dt;
      spark.vx *= drag;
      spark.vy *= drag;
      if (!camera.sees(spark.x, spark.y, 10)) continue;
      const left = 1 - spark.age / spark.life;
      ctx.globalAlpha = left;
      stamp(ctx, sparkSprite(spark.colour), spark.x, spark.y, 0, spark.size * (0.4 + 0.6 * left));
    }
    ctx.globalCompositeOperation = "source-over";
    this.#waves = this.#waves.filter((wave) => (wave.age += dt) < wave.life);
    for (const wave of this.#waves) {
      const done = wave.age / wave.life;
      ctx.globalAlpha = (1 - done) * 0.8;
      ctx.strokeStyle = wave.colour;
      ctx.lineWidth = 1 + 5 * (1 - done);
      ctx.beginPath();
      ctx.arc(wave.x, wave.y, wave.radius * Math.sqrt(done), 0, FULL);
      ctx.stroke();
    }
    ctx.globalAlpha = 1;
  }

  /** @param {number} x @param {number} y @param {string} colour @param {number} count @param {number} speed @param {number} life @param {number} size */
  #burst(x, y, colour, count, speed, life, size) {
    for (let i = 0; i < count; i += 1) {
      const angle = Math.random() * FULL;
      const pace = speed * (0.2 + Math.random() * 0.8);
      const vx = Math.cos(angle) * pace;
      const vy = Math.sin(angle) * pace;
      this.#spark({ x, y, vx, vy, age: 0, life: life * (0.5 + Math.random() * 0.5), size, colour });
    }
  }

  /** @param {Spark} spark */
  #spark(spark) {
    if (this.#sparks.length < SPARKS_MAX) this.#sparks.push(spark);
  }

  /** @param {Wave} wave */
  #wave(wave) {
    if (this.#waves.length < WAVES_MAX) this.#waves.push(wave);
  }
}
