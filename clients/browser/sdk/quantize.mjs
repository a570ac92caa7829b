/**
 * Values to whole numbers and back: `q = floor((value - min) * (1 / step) + 0.5)`, clamped to 0…steps; the formula of
 * `game/quantize.py`, in double precision on both sides, so that both get the same whole number.
 */

/** @typedef {import("./schema.mjs").WireField} WireField */
/** @typedef {number | string} Quantized */

const utf8 = new TextEncoder();

/**
 * The wire's form of a value. Numbers out of range, NaN and infinity are clamped (NaN to the minimum).
 * Throws TypeError for a value of another type or a choice that is none.
 * @param {WireField} field
 * @param {unknown} value
 * @returns {Quantized}
 */
export function quantize(field, value) {
  switch (field.kind) {
    case "num":
    case "whole":
      return quantizeNumber(field, value);
    case "flag":
      return value ? 1 : 0;
    case "choice": {
      const place = field.choices.indexOf(String(value));
      if (place < 0) throw new TypeError(`${field.name}: expected one of ${field.choices.join(", ")}, got ${value}`);
      return place;
    }
    case "text":
      return clipText(String(value), field.maxBytes);
  }
}

/**
 * The value that a receiver sees.
 * @param {WireField} field
 * @param {Quantized} q
 * @returns {number | string | boolean}
 */
export function dequantize(field, q) {
  switch (field.kind) {
    case "num":
    case "whole":
      return field.min + /** @type {number} */ (q) * field.step;
    case "flag":
      return q !== 0;
    case "choice":
      return /** @type {string} */ (field.choices[/** @type {number} */ (q)]);
    case "text":
      return q;
  }
}

/** The longest prefix of whole characters that fits into `maxBytes` of UTF-8. @param {string} value @param {number} maxBytes */
export function clipText(value, maxBytes) {
  let bytes = 0;
  let clipped = "";
  for (const character of value.replace(/[\ud800-\udfff]/gu, "?")) {
    bytes += utf8.encode(character).length;
    if (bytes > maxBytes) break;
    clipped += character;
  }
  return clipped;
}

/** @param {WireField} field @param {unknown} value */
function quantizeNumber(field, value) {
  if (typeof value !== "number") throw new TypeError(`${field.name}: expected a number, got ${typeof value} ${value}`);
  const scaled = (value - field.min) * (1 / field.step) + 0.5;
  if (Number.isFinite(scaled) && scaled >= 0 && scaled < field.steps + 1) return Math.floor(scaled);
  return scaled > 0 ? field.steps : 0;
}
