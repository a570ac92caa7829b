/** A canvas that fills its parent, in CSS pixels, sharp on dense screens and right after every resize. */

const DENSITY_MAX = 2; // beyond that a picture costs more than anybody can see

export class Canvas {
  /** Its size in CSS pixels. */
  width = 1;
  height = 1;

  /** @param {HTMLElement} parent @param {string} label what it shows, for people who cannot see it */
  constructor(parent, label) {
    this.element = document.createElement("canvas");
    this.element.setAttribute("role", "img");
    this.element.setAttribute("aria-label", label);
    parent.append(this.element);
    const context = this.element.getContext("2d", { alpha: false });
    if (!context) throw new Error("this browser has no 2D canvas");
    this.context = context;
    this.density = 1;
  }

  /** The context for one picture: sized to its place, one unit is one CSS pixel. */
  begin() {
    const { clientWidth, clientHeight } = this.element;
    this.density = Math.min(devicePixelRatio || 1, DENSITY_MAX);
    const width = Math.max(1, Math.round(clientWidth * this.density));
    const height = Math.max(1, Math.round(clientHeight * this.density));
    if (this.element.width !== width || this.element.height !== height) {
      this.element.width = width;
      this.element.height = height;
    }
    this.width = Math.max(1, clientWidth);
    this.height = Math.max(1, clientHeight);
    this.context.setTransform(this.density, 0, 0, this.density, 0, 0);
    return this.context;
  }
}
