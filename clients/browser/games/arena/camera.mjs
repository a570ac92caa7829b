/** Which part of the world is on show: follows a place softly, zooms by the window's size, shakes when something blows up. */

const FOLLOW_PER_S = 9;
const JUMP = 700; // farther away, the camera cuts instead of travelling
const SHAKE_S = 0.35;
const SHOWN_AREA = 940 * 630; // square world units in a window
const VOID_SHOWN = 110; // world units beyond a wall

export class Camera {
  x = 0;
  y = 0;
  scale = 1;
  width = 1;
  height = 1;
  zoom = 1;
  #isPlaced = false;
  #shake = 0;
  #offset = { x: 0, y: 0 };

  /** @param {number} width @param {number} height CSS pixels */
  resize(width, height) {
    this.width = width;
    this.height = height;
  }

  /**
   * Shows a good part of the world around a place, and little of the void outside the walls.
   * @param {number} x @param {number} y @param {number} reach from the middle to the walls @param {number} dt seconds
   */
  follow(x, y, reach, dt) {
    const wanted = Math.min(2, Math.max(0.5, Math.sqrt((this.width * this.height) / SHOWN_AREA))) * this.zoom;
    const within = (/** @type {number} */ place, /** @type {number} */ size) => {
      const limit = Math.max(0, reach + VOID_SHOWN - size / 2 / wanted);
      return Math.min(limit, Math.max(-limit, place));
    };
    this.#approach(within(x, this.width), within(y, this.height), wanted, dt);
  }

  /** Shows all of it. @param {number} reach from the middle to the walls @param {number} dt */
  overview(reach, dt) {
    const wanted = (Math.min(this.width, this.height - 60) / (reach * 2.1)) * this.zoom;
    this.#approach(0, 0, wanted, dt);
  }

  /** Moves by hand. @param {number} dx @param {number} dy CSS pixels */
  drag(dx, dy) {
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
  }

  /** @param {number} strength 0…1 */
  shake(strength) {
    this.#shake = Math.min(1, this.#shake + strength);
  }

  /** @param {number} x @param {number} y @param {number} scale @param {number} dt */
  #approach(x, y, scale, dt) {
    const isFar = Math.hypot(x - this.x, y - this.y) > JUMP;
    const share = this.#isPlaced && !isFar ? 1 - Math.exp(-FOLLOW_PER_S * dt) : 1;
    this.#isPlaced = true;
    this.x += (x - this.x) * share;
    this.y += (y - this.y) * share;
    this.scale += (scale - this.scale) * (share === 1 ? 1 : share * 0.5);
  }

  /** Puts the context into world units for one picture. @param {CanvasRenderingContext2D} ctx @param {number} dt */
  apply(ctx, dt) {
    this.#shake = Math.max(0, this.#shake - dt / SHAKE_S);
    const size = this.#shake * this.#shake * 14;
    this.#offset = { x: (Math.random() * 2 - 1) * size, y: (Math.random() * 2 - 1) * size };
    const origin = this.toScreen(0, 0);
    ctx.translate(origin.x, origin.y);
    ctx.scale(this.scale, this.scale);
  }

  /** A place in CSS pixels of the canvas, as the last picture had it. @param {number} x @param {number} y */
  toScreen(x, y) {
    return {
      x: (x - this.x) * this.scale + this.width / 2 + this.#offset.x,
      y: (y - this.y) * this.scale + this.height / 2 + this.#offset.y,
    };
  }

  /** @param {number} x @param {number} y CSS pixels of the canvas */
  toWorld(x, y) {
    return { x: (x - this.width / 2) / this.scale + this.x, y: (y - this.height / 2) / this.scale + this.y };
  }

  /** What is on show, in world units. */
  get bounds() {
    const halfWidth = this.width / 2 / this.scale;
    const halfHeight = this.height / 2 / this.scale;
    return { left: this.x - halfWidth, top: this.y - halfHeight, width: halfWidth * 2, height: halfHeight * 2 };
  }

  /** Whether a place is on show, give or take a margin. @param {number} x @param {number} y @param {number} margin */
  sees(x, y, margin) {
    const { left, top, width, height } = this.bounds;
    return x > left - margin && x < left + width + margin && y > top - margin && y < top + height + margin;
  }
}
