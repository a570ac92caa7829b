/** Arena's colours: ships by their number, pickups by their kind. Data only. */

export const COLOURS = [
  "#ff5c6c", "#4da6ff", "#ffd24a", "#5be08a", "#c58bff", "#ff9a4a", "#4fe3e0", "#ff7ad1",
  "#b8e04f", "#8fa8ff", "#e0a67a", "#7fe0b8", "#ff8a8a", "#9ad0ff", "#f0f0a0", "#d0d0e8",
];

/** @type {Readonly<Record<string, {colour: string, letter: string, name: string}>>} */
export const PICKUPS = {
  ammo: { colour: "#ffd24a", letter: "A", name: "ammunition" },
  health: { colour: "#5be08a", letter: "+", name: "repair" },
  rapid: { colour: "#ff9a4a", letter: "R", name: "rapid fire" },
  shield: { colour: "#6fc3ff", letter: "S", name: "shield" },
};

/** @param {number} number */
export function colourOf(number) {
  return COLOURS[((number % COLOURS.length) + COLOURS.length) % COLOURS.length] ?? "#ffffff";
}
