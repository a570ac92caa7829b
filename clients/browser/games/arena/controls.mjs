/**
 * What the pilot's hands do, as one Steer: keyboard, mouse (the ship turns towards the pointer) or touch (a stick under
 * the left thumb, buttons under the right). Reading hands only; `arena.mjs` sends.
 */

import { el, isTyping } from "../../page/dom.mjs";

/** @typedef {{turn: number, thrust: boolean, fire: boolean, boost: boolean}} Steer */

const TURN = 1024;
const FULL_TURN_FROM = 130; // turn units off course from which the ship turns at its full rate
const STICK_RADIUS = 60; // CSS pixels
const STICK_DEAD = 10;
const STICK_THRUST_FROM = 0.55;

/** @type {Readonly<Record<string, "left" | "right" | "thrust" | "fire" | "boost">>} */
const KEYS = {
  KeyA: "left", ArrowLeft: "left", KeyD: "right", ArrowRight: "right", KeyW: "thrust", ArrowUp: "thrust",
  Space: "fire", ShiftLeft: "boost", ShiftRight: "boost", KeyS: "boost", ArrowDown: "boost",
};

export class Controls {
  /** @type {Set<string>} */
  #held = new Set();
  #mouse = { isAiming: false, x: 0, y: 0, fire: false, thrust: false };
  /** @type {{id: number, x: number, y: number, dx: number, dy: number} | null} */
  #stick = null;
  #touch = { fire: false, boost: false };
  #knob = el("div", { className: "stick", hidden: true }, el("i"));

  /**
   * @param {HTMLElement} stage
   * @param {(x: number, y: number) => void} mark the team is shown a place, in CSS pixels
   */
  constructor(stage, mark) {
    this.stage = stage;
    addEventListener("keydown", (event) => this.#onKey(event, true));
    addEventListener("keyup", (event) => this.#onKey(event, false));
    addEventListener("keydown", (event) => {
      if (event.code === "KeyE" && !event.repeat && !isTyping()) mark(this.#mouse.x, this.#mouse.y);
    });
    addEventListener("blur", () => this.#letGo());
    stage.addEventListener("pointerdown", (event) => this.#onDown(event));
    stage.addEventListener("pointermove", (event) => this.#onMove(event));
    for (const name of /** @type {const} */ (["pointerup", "pointercancel"])) {
      stage.addEventListener(name, (event) => this.#onUp(event));
    }
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    stage.append(this.#knob);
    if (matchMedia("(pointer: coarse)").matches) {
      document.body.append(this.#button("fire", "Fire"), this.#button("boost", "Boost"));
    }
  }

  /** The hands now. `aim` tells the heading (turn units) from the ship to the pointer, `heading` is the ship's. @param {(x: number, y: number) => number} aim @param {number} heading @returns {Steer} */
  steer(aim, heading) {
    const held = (/** @type {string} */ what) => this.#held.has(what);
    let turn = Number(held("right")) - Number(held("left"));
    let thrust = held("thrust") || this.#mouse.thrust;
    if (this.#stick) {
      const { dx, dy } = this.#stick;
      const push = Math.hypot(dx, dy);
      if (push > STICK_DEAD) turn = towards(heading, (Math.atan2(dy, dx) / (Math.PI * 2)) * TURN);
      thrust ||= push > STICK_RADIUS * STICK_THRUST_FROM;
    } else if (turn === 0 && this.#mouse.isAiming) {
      turn = towards(heading, aim(this.#mouse.x, this.#mouse.y));
    }
    const fire = held("fire") || this.#mouse.fire || this.#touch.fire;
    return { turn, thrust, fire, boost: held("boost") || this.#touch.boost };
  }

  /** @param {KeyboardEvent} event @param {boolean} isDown */
  #onKey(event, isDown) {
    const what = KEYS[event.code];
    if (!what || (isDown && (isTyping() || event.ctrlKey || event.metaKey || event.altKey))) return;
    if (isDown) this.#held.add(what);
    else this.#held.delete(what);
    if (what === "left" || what === "right") this.#mouse.isAiming = false;
    if (!isTyping()) event.preventDefault();
    if (event.target instanceof HTMLButtonElement) event.target.blur();
  }

  /** @param {PointerEvent} event */
  #onDown(event) {
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    this.stage.setPointerCapture(event.pointerId);
    if (event.pointerType === "mouse") {
      this.#mouse = { ...this.#mouse, isAiming: true, x: event.clientX, y: event.clientY };
      if (event.button === 0) this.#mouse.fire = true;
      if (event.button === 2) this.#mouse.thrust = true;
    } else if (!this.#stick) {
      this.#stick = { id: event.pointerId, x: event.clientX, y: event.clientY, dx: 0, dy: 0 };
      this.#showStick();
    }
  }

  /** @param {PointerEvent} event */
  #onMove(event) {
    if (event.pointerType === "mouse") {
      this.#mouse.x = event.clientX;
      this.#mouse.y = event.clientY;
      if (Math.hypot(event.movementX, event.movementY) > 2) this.#mouse.isAiming = true;
    } else if (this.#stick?.id === event.pointerId) {
      this.#stick.dx = event.clientX - this.#stick.x;
      this.#stick.dy = event.clientY - this.#stick.y;
      this.#showStick();
    }
  }

  /** @param {PointerEvent} event */
  #onUp(event) {
    if (event.pointerType === "mouse") {
      if (event.button === 0) this.#mouse.fire = false;
      if (event.button === 2) this.#mouse.thrust = false;
    } else if (this.#stick?.id === event.pointerId) {
      this.#stick = null;
      this.#knob.hidden = true;
    }
  }

  #letGo() {
    this.#held.clear();
    this.#mouse.fire = this.#mouse.thrust = false;
    this.#touch.fire = this.#touch.boost = false;
  }

  #showStick() {
    if (!this.#stick) return;
    const { x, y, dx, dy } = this.#stick;
    const push = Math.max(1, Math.hypot(dx, dy) / STICK_RADIUS);
    this.#knob.hidden = false;
    this.#knob.style.transform = `translate(${x}px, ${y}px)`;
    const knob = this.#knob.firstElementChild;
    if (knob instanceof HTMLElement) knob.style.transform = `translate(${dx / push}px, ${dy / push}px)`;
  }

  /** @param {"fire" | "boost"} what @param {string} label */
  #button(what, label) {
    const button = el("button", { className: `thumb ${what}`, type: "button" }, label);
    button.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.#touch[what] = true;
    });
    for (const name of /** @type {const} */ (["pointerup", "pointercancel", "pointerleave"])) {
      button.addEventListener(name, () => (this.#touch[what] = false));
    }
    return button;
  }
}

/** How to turn to get from one heading to another: -1 to 1, gentler close to it. @param {number} from @param {number} to */
function towards(from, to) {
  const off = ((((to - from + TURN / 2) % TURN) + TURN) % TURN) - TURN / 2;
  return Math.abs(off) < 6 ? 0 : Math.max(-1, Math.min(1, off / FULL_TURN_FROM));
}
