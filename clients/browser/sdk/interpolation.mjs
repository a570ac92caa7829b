/**
 * What to draw between snapshots. Snapshots come a few times a second; the picture is drawn at the screen's pace, a
 * little in the past, from the two snapshots around that moment. Where the next one is late, motion goes on for a
 * moment in a straight line.
 */

/** @typedef {import("./view.mjs").Entity} Entity */

/**
 * @typedef {object} Motion How the fields of one collection move.
 * @property {readonly string[]} linear fields that move in a straight line between snapshots
 * @property {Readonly<Record<string, number>>} [wrapped] fields on a circle, with its length
 * @property {number} [teleport] a larger step in a linear field between two snapshots is a jump, not motion
 */

/** @typedef {{ms: number, rows: Map<number | string, Entity>}} Snapshot */

const KEPT = 8;
const EXTRAPOLATE_MS = 120;

/** The recent snapshots of some collections of one view. */
export class Interpolation {
  /** @type {Map<string, Snapshot[]>} */
  #snapshots = new Map();

  /** @param {Readonly<Record<string, Motion>>} motions by collection */
  constructor(motions) {
    this.motions = motions;
  }

  /** A new snapshot of the room's time `ms`. Snapshots that are not newer replace what they contradict. @param {number} ms @param {(collection: string) => readonly Entity[]} all */
  push(ms, all) {
    for (const collection of Object.keys(this.motions)) {
      const kept = (this.#snapshots.get(collection) ?? []).filter((snapshot) => snapshot.ms < ms);
      kept.push({ ms, rows: new Map(all(collection).map((entity) => [entity.key, entity])) });
      this.#snapshots.set(collection, kept.slice(-KEPT));
    }
  }

  /** Forgets everything: the next snapshot stands alone. */
  clear() {
    this.#snapshots.clear();
  }

  /** The collection as it looked at the room's time `ms`: copies, in motion. @param {string} collection @param {number} ms @returns {Entity[]} */
  at(collection, ms) {
    const motion = this.motions[collection];
    const snapshots = this.#snapshots.get(collection);
    if (!motion || !snapshots?.length) return [];
    let after = snapshots.findIndex((snapshot) => snapshot.ms > ms);
    if (after === 0) return copies(/** @type {Snapshot} */ (snapshots[0]));
    const isLate = after < 0;
    if (isLate) after = snapshots.length - 1;
    const from = snapshots[after - 1];
    const to = /** @type {Snapshot} */ (snapshots[after]);
    if (!from) return copies(to);
    const share = (Math.min(ms, to.ms + EXTRAPOLATE_MS) - from.ms) / (to.ms - from.ms);
    return isLate ? moved(motion, from, to, share, to) : moved(motion, from, to, share, from);
  }
}

/** @param {Snapshot} snapshot */
function copies(snapshot) {
  return [...snapshot.rows.values()].map((entity) => ({ ...entity }));
}

/**
 * The entities of `shown`, with their moving fields between (or beyond) two snapshots.
 * @param {Motion} motion
 * @param {Snapshot} from
 * @param {Snapshot} to
 * @param {number} share 0 at `from`, 1 at `to`
 * @param {Snapshot} shown
 */
function moved(motion, from, to, share, shown) {
  /** @type {Entity[]} */
  const found = [];
  for (const [key, entity] of shown.rows) {
    const a = from.rows.get(key);
    const b = to.rows.get(key);
    const copy = { ...entity };
    if (a && b) blend(motion, copy, a, b, share);
    found.push(copy);
  }
  return found;
}

/** @param {Motion} motion @param {Entity} out @param {Entity} a @param {Entity} b @param {number} share */
function blend(motion, out, a, b, share) {
  const limit = motion.teleport ?? Infinity;
  const jumped = motion.linear.some((field) => Math.abs(b[field] - a[field]) > limit);
  if (jumped) return;
  for (const field of motion.linear) out[field] = a[field] + (b[field] - a[field]) * share;
  for (const [field, length] of Object.entries(motion.wrapped ?? {})) {
    const step = mod(b[field] - a[field] + length / 2, length) - length / 2;
    out[field] = mod(a[field] + step * share, length);
  }
}

/** @param {number} value @param {number} length */
function mod(value, length) {
  return ((value % length) + length) % length;
}
