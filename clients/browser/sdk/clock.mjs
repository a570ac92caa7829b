/**
 * The room's time as this page can know it: every frame says which tick it shows, and the quickest of the last frames
 * tells how far the room's time is from the page's. The estimate slews, so motion drawn by it never jumps.
 */

const KEPT = 48; // frames: a few seconds
const SLEW = 0.06; // of the error, per frame
const JUMP_MS = 400; // a larger error is no jitter: the clock is set anew

/** Maps the page's milliseconds to the room's, where tick k stands at k * 1000 / tick_hz. */
export class RoomClock {
  /** @type {number[]} */
  #lags = [];
  /** @type {number | null} */
  #lagMs = null;

  /** @param {number} tickHz */
  constructor(tickHz) {
    this.tickMs = 1000 / tickHz;
  }

  /** A frame of this tick arrived. @param {number} tick @param {number} pageMs */
  heard(tick, pageMs) {
    this.#lags.push(pageMs - tick * this.tickMs);
    if (this.#lags.length > KEPT) this.#lags.shift();
    const quickest = Math.min(...this.#lags);
    if (this.#lagMs === null || Math.abs(quickest - this.#lagMs) > JUMP_MS) {
      this.#lags = this.#lags.slice(-1);
      this.#lagMs = /** @type {number} */ (this.#lags[0]);
    } else {
      this.#lagMs += (quickest - this.#lagMs) * SLEW;
    }
  }

  /** Time was skipped: what was learned before is void. */
  restart() {
    this.#lags = [];
    this.#lagMs = null;
  }

  /** The room's time of the newest frame a quick line would have brought by now. @param {number} pageMs */
  roomMs(pageMs) {
    return this.#lagMs === null ? 0 : pageMs - this.#lagMs;
  }
}
