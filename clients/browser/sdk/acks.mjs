/**
 * When a client acknowledges frames; the same as `game/wire/acks.py`.
 *
 * Each ack costs the server about as much as sending a frame or two, so a link that keeps up is acknowledged seldom. One on
 * which a frame came late is acknowledged quickly for a while: from that the server sees how far behind the client is.
 */

export const ACK_EVERY_FRAMES = 32;
export const ACK_EVERY_S = 0.6;
export const ACK_QUICKLY_S = 0.19;
export const QUICK_FOR_S = 2;
export const LATE_PERIODS = 1.6;

/** Times are seconds by the caller's clock. */
export class AckPace {
  unacked = 0;
  #ackedAt = 0;
  #framedAt = 0;
  #periodS = 0.05;
  #quickUntil = 0;

  /** A connection was welcomed: quick at first, for the server does not know this link yet. @param {number} sendHz @param {number} now */
  begin(sendHz, now) {
    this.unacked = 0;
    this.#periodS = 1 / sendHz;
    this.#framedAt = now;
    this.#quickUntil = now + QUICK_FOR_S;
  }

  /** A frame arrived, whether it changed anything or not; true where an ack is due. @param {number} now */
  onFrame(now) {
    if (now - this.#framedAt > LATE_PERIODS * this.#periodS) this.#quickUntil = now + QUICK_FOR_S;
    this.#framedAt = now;
    this.unacked += 1;
    return this.isDue(now);
  }

  /** Whether to acknowledge now. @param {number} now */
  isDue(now) {
    if (!this.unacked) return false;
    const waitS = now < this.#quickUntil ? ACK_QUICKLY_S : ACK_EVERY_S;
    return this.unacked >= ACK_EVERY_FRAMES || now - this.#ackedAt >= waitS;
  }

  /** An ack is sent. @param {number} now */
  onAck(now) {
    this.unacked = 0;
    this.#ackedAt = now;
  }

  /** An input is sent: its `seen` acknowledges what an ack would, as of the newest frame. */
  onInput() {
    this.unacked = 0;
    this.#ackedAt = this.#framedAt;
  }
}
