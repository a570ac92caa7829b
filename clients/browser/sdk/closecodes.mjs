/**
 * Why a connection ends: what to do about each close code, and a sentence for the person in front of the screen.
 * The codes are `game/wire/closecodes.py`'s; a test compares the two.
 */

/** @typedef {"never" | "fresh" | "backoff"} Retry */

/**
 * `inside` is the sentence for who was in already, where it is another one.
 * @type {Readonly<Record<number, {name: string, retry: Retry, sentence: string, inside?: string}>>}
 */
export const CLOSE_CODES = {
  1000: { name: "normal", retry: "never", sentence: "You left the room." },
  4400: { name: "bad_message", retry: "never", sentence: "The server did not understand this page. Please reload it." },
  4401: { name: "unauthenticated", retry: "never", sentence: "The server does not know who you are any more. Please go back to the lobby." },
  4403: { name: "not_allowed", retry: "never", sentence: "You may not enter this room.", inside: "You were removed from this room." },
  4404: { name: "no_such_room", retry: "never", sentence: "There is no such room. Perhaps its match is over." },
  4405: { name: "wrong_state", retry: "never", sentence: "The page and the server disagree about what comes next. Please reload." },
  4408: { name: "timeout", retry: "backoff", sentence: "The connection was silent for too long." },
  4409: { name: "replaced", retry: "never", sentence: "You are playing this seat in another tab or window now." },
  4410: { name: "room_closed", retry: "never", sentence: "This room is closed: the match is over." },
  4413: { name: "too_big", retry: "never", sentence: "A message was larger than the server accepts." },
  4422: { name: "too_many_errors", retry: "never", sentence: "The server refused too many messages of this page. Please reload it." },
  4426: { name: "too_old", retry: "never", sentence: "This page is older than the server. Please reload it." },
  4429: { name: "rate", retry: "never", sentence: "This page sent far more than the server accepts." },
  4430: { name: "too_slow", retry: "backoff", sentence: "The connection could not keep up with the game." },
  4440: { name: "cannot_resume", retry: "fresh", sentence: "Your seat was given up; you join afresh." },
  4500: { name: "internal", retry: "backoff", sentence: "Something broke on the server; it has been recorded." },
  4503: { name: "overloaded", retry: "backoff", sentence: "The room or the server is full right now." },
  4504: { name: "moving", retry: "backoff", sentence: "The room moves to another server; one moment." },
};

/**
 * What a close means that no goodbye came before: 1000 is then a broken line like any other code, the rest is our own fault.
 * @type {Readonly<Record<number, Retry>>}
 */
export const BARE_CODES = { 1000: "backoff", 1002: "never", 1007: "never", 1009: "never" };

/**
 * What to do after a close: a code that nobody sent on purpose is a broken line.
 * @param {number} code @param {boolean} [isTold] whether a goodbye with the code came before @returns {Retry}
 */
export function retryOf(code, isTold = true) {
  const known = CLOSE_CODES[code]?.retry;
  if (isTold && known) return known;
  return BARE_CODES[code] ?? known ?? "backoff";
}

/**
 * A sentence for people, with the server's own words where they say more.
 * @param {number} code @param {string} [reason] the server's words @param {boolean} [wasIn] whether it had let this page in
 */
export function sentenceOf(code, reason = "", wasIn = false) {
  const known = CLOSE_CODES[code];
  const sentence = (wasIn && known?.inside) || (known?.sentence ?? "The connection was lost.");
  return reason && !sentence.includes(reason) ? `${sentence} (${reason})` : sentence;
}
