/** Whom the camera follows when there is no own ship to follow: the best pilot, one of choice, a free place, or everything. */

import { el, isTyping, setText } from "../../page/dom.mjs";
import { colourOf } from "./palette.mjs";

/** @typedef {import("../../sdk/view.mjs").Entity} Entity */
/** @typedef {import("./camera.mjs").Camera} Camera */

const ZOOM_MIN = 0.4;
const ZOOM_MAX = 3;

export class Watching {
  /** @type {"follow" | "free" | "overview"} */
  mode = "follow";
  /** @type {number | null} */
  #seat = null;
  /** @type {readonly Entity[]} */
  #ships = [];
  #name = el("strong", { "data-part": "watched", dir: "auto" });
  #bar = el("nav", { className: "watching glass", hidden: true, "aria-label": "Camera" });

  /** @param {HTMLElement} stage @param {Camera} camera */
  constructor(stage, camera) {
    this.camera = camera;
    const button = (/** @type {string} */ text, /** @type {string} */ label, /** @type {() => void} */ act) => {
      const made = el("button", { className: "quiet", type: "button", "aria-label": label, title: label }, text);
      made.addEventListener("click", () => {
        act();
        made.blur();
      });
      return made;
    };
    this.#bar.append(
      button("◀", "Previous pilot (←)", () => this.#cycle(-1)),
      this.#name,
      button("▶", "Next pilot (→)", () => this.#cycle(1)),
      button("Overview", "All of it (O)", () => this.#toggleOverview()),
    );
    document.body.append(this.#bar);
    addEventListener("keydown", (event) => this.#onKey(event));
    stage.addEventListener("wheel", (event) => this.#onWheel(event), { passive: true });
    stage.addEventListener("pointermove", (event) => this.#onDrag(event));
  }

  get isOn() {
    return !this.#bar.hidden;
  }

  set isOn(isOn) {
    if (this.#bar.hidden === isOn) this.camera.zoom = 1;
    this.#bar.hidden = !isOn;
  }

  /** Moves the camera for one picture. @param {readonly Entity[]} ships @param {number} reach @param {number} dt */
  move(ships, reach, dt) {
    this.#ships = ships.filter((ship) => ship["is_alive"]);
    const followed = this.#followed();
    if (this.mode === "overview" || (this.mode === "follow" && !followed)) this.camera.overview(reach, dt);
    else if (this.mode === "follow" && followed) this.camera.follow(followed["x"], followed["y"], reach, dt);
    setText(this.#name, this.mode === "follow" && followed ? followed["name"] : this.mode === "free" ? "Free camera" : "Overview");
    this.#name.style.color = this.mode === "follow" && followed ? colourOf(followed["colour"]) : "";
  }

  /** @returns {Entity | undefined} */
  #followed() {
    const chosen = this.#ships.find((ship) => ship["seat"] === this.#seat);
    if (chosen) return chosen;
    const best = [...this.#ships].sort((a, b) => b["kills"] - a["kills"] || b["hp"] - a["hp"])[0];
    this.#seat = best?.["seat"] ?? null;
    return best;
  }

  /** @param {number} step */
  #cycle(step) {
    const seats = this.#ships.map((ship) => ship["seat"]).sort((a, b) => a - b);
    const at = seats.indexOf(this.#seat);
    this.#seat = seats[(at + step + seats.length) % seats.length] ?? null;
    this.mode = "follow";
  }

  #toggleOverview() {
    this.mode = this.mode === "overview" ? "follow" : "overview";
    this.camera.zoom = 1;
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (!this.isOn || isTyping()) return;
    if (event.code === "ArrowLeft") this.#cycle(-1);
    if (event.code === "ArrowRight") this.#cycle(1);
    if (event.code === "KeyO") this.#toggleOverview();
  }

  /** @param {WheelEvent} event */
  #onWheel(event) {
    if (!this.isOn) return;
    const factor = Math.exp(-event.deltaY / 600);
    if (this.mode === "free") this.camera.scale = Math.min(ZOOM_MAX, Math.max(0.2, this.camera.scale * factor));
    else this.camera.zoom = Math.min(ZOOM_MAX, Math.max(ZOOM_MIN, this.camera.zoom * factor));
  }

  /** @param {PointerEvent} event */
  #onDrag(event) {
    if (!this.isOn || !(event.buttons & 1)) return;
    if (this.mode !== "free" && Math.hypot(event.movementX, event.movementY) < 3) return;
    this.mode = "free";
    this.camera.drag(event.movementX, event.movementY);
  }
}
