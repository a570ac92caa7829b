/** The server's few HTTP calls, and the name this browser plays under. */

import { cleanName } from "../sdk/text.mjs";

/**
 * @typedef {object} RoomRow
 * @property {string} incarnation
 * @property {string} code
 * @property {string} room_type
 * @property {number} players
 * @property {number} bots
 * @property {number} spectators
 * @property {number} seats
 * @property {string} state
 * @property {string | null} play_page
 * @property {string | null} watch_page
 * @property {Record<string, unknown>} options what it was opened with, of those that people choose
 * @property {boolean} accepts_newcomers
 */

/** @typedef {{name: string, default: unknown, values: unknown[] | null}} Choice an option that people choose; null: too many values to list */
/** @typedef {{type: string, seats: number, page: string, choices: Choice[], play_path: string | null, watch_path: string | null}} RoomType paths hold {room} */
/** @typedef {{types: RoomType[], rooms: RoomRow[]}} Rooms */
/** @typedef {{id: string, name: string, token: string}} Guest */
/** @typedef {{code: string, play_page: string, watch_page: string | null}} Quick */

const NAME_KEY = "roomwright.name";

/** The name this browser played under last, or "". */
export function storedName() {
  return localStorage.getItem(NAME_KEY) ?? "";
}

/** @param {string} name */
export function storeName(name) {
  localStorage.setItem(NAME_KEY, cleanName(name));
}

/** Becomes a guest, or stays the one the cookie says. @returns {Promise<Guest>} */
export function becomeGuest() {
  return call("/api/guest", { name: storedName() });
}

/** @returns {Promise<Rooms>} */
export function listRooms() {
  return call("/api/rooms");
}

/**
 * A place in the preferred open room of a type with these options, or in a new one.
 * @param {string} type @param {Record<string, unknown>} [options] values for the type's choices @returns {Promise<Quick>}
 */
export function quickRoom(type, options = {}) {
  return call("/api/rooms/quick", { type, options });
}

/**
 * Throws an Error whose message is fit to show.
 * @param {string} path
 * @param {object} [body] makes it a POST
 */
async function call(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer. Is it running?");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? `The server answered ${response.status}.`);
  return answer;
}
