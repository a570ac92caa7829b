/** What floats above arena's picture: own ship's gauges, clock, minimap, kill feed, scoreboard and banners. */

import { el, isTyping, isolated, setText } from "../../page/dom.mjs";
import { PICKUPS, colourOf } from "./palette.mjs";

/** @typedef {import("../../sdk/view.mjs").Entity} Entity */
/** @typedef {import("../../sdk/view.mjs").View} View */

const FEED_SHOWN = 5;
const FEED_FOR_MS = 7000;
const MINIMAP_SIDE = 148;
const MINIMAP_EVERY_MS = 90;
const AMMO_FULL = 24;
const HINT_FOR_MS = 12_000;
const NO_TEAM = 255;

export class Hud {
  #clock = el("div", { className: "clock", "data-part": "clock" });
  #phase = el("div", { className: "phase" });
  #alive = el("div", { className: "phase" });
  #feed = el("ul", { className: "feed", "aria-live": "off", "data-part": "feed" });
  #banner = el("div", { className: "banner", role: "status", "data-part": "banner" });
  #scores = el("section", { className: "scores glass", hidden: true, "data-part": "scores", "aria-label": "Scores" });
  #hull = gauge("Hull", "hull");
  #boost = gauge("Boost", "boost");
  #ammo = el("strong", { "data-part": "ammo" });
  #ammoBar = el("i");
  #extras = el("span", { className: "extras" });
  #own = el("section", { className: "own glass", hidden: true, "data-part": "own", "aria-label": "Your ship" });
  #hint = el("p", { className: "hint glass" });
  #map = el("canvas", { width: MINIMAP_SIDE * 2, height: MINIMAP_SIDE * 2, role: "img", "aria-label": "Map" });
  #mapAtMs = -Infinity;
  #isPinned = false;

  /** @param {boolean} isPlayer @param {boolean} isTeams */
  constructor(isPlayer, isTeams) {
    const top = el("button", { className: "top glass", type: "button", title: "Scores (Tab)" }, this.#clock, this.#phase, this.#alive);
    top.addEventListener("click", () => {
      this.#isPinned = !this.#isPinned;
      this.#scores.hidden = !this.#isPinned;
      top.blur();
    });
    const ammo = el("div", { className: "gauge ammo" }, el("span", {}, "Ammo"), el("b", {}, this.#ammoBar), this.#ammo);
    this.#own.append(this.#hull.element, ammo, this.#boost.element, this.#extras);
    const side = el("aside", { className: "side" }, el("div", { className: "minimap glass" }, this.#map), this.#feed);
    document.body.append(top, side, this.#banner, this.#scores, this.#own);
    if (isPlayer) this.#showHint(isTeams);
    addEventListener("keydown", (event) => this.#onTab(event, true));
    addEventListener("keyup", (event) => this.#onTab(event, false));
  }

  /** The view has changed. @param {View} view @param {readonly string[]} teams */
  update(view, teams) {
    const world = view.world;
    const ships = view.all("ships");
    setText(this.#clock, clock(world["clock_s"]));
    setText(this.#phase, `Round ${world["round"]} of ${world["rounds"]}`);
    setText(this.#alive, `${ships.filter((ship) => ship["is_alive"]).length} alive`);
    this.#showBanner(view, teams);
    this.#showOwn(view.mine("ships")[0]);
    if (!this.#scores.hidden) this.#showScores(view, teams);
  }

  /** A line in the feed. @param {readonly {text: string, colour?: string}[]} parts */
  tell(parts) {
    const line = el("li", {}, ...parts.map(({ text, colour }) => {
      const part = el("bdi", {}, text);
      if (colour) part.style.color = colour;
      return part;
    }));
    this.#feed.append(line);
    while (this.#feed.childElementCount > FEED_SHOWN) this.#feed.firstElementChild?.remove();
    setTimeout(() => line.remove(), FEED_FOR_MS);
  }

  /**
   * The map in the corner: walls, ring, rocks, ships, markers and what the camera sees.
   * @param {import("./scene.mjs").State} state
   * @param {import("./camera.mjs").Camera} camera
   */
  drawMap(state, camera) {
    if (state.nowMs - this.#mapAtMs < MINIMAP_EVERY_MS) return;
    this.#mapAtMs = state.nowMs;
    const ctx = this.#map.getContext("2d");
    if (!ctx) return;
    const { world } = state;
    const side = MINIMAP_SIDE * 2;
    const scale = side / (world["reach"] * 2.04);
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.fillStyle = "#0a1124";
    ctx.fillRect(0, 0, side, side);
    ctx.setTransform(scale, 0, 0, scale, side / 2, side / 2);
    paintRing(ctx, world);
    ctx.fillStyle = "#3a4568";
    for (const rock of state.rocks) dot(ctx, rock, rock["radius"]);
    for (const pickup of state.pickups) {
      ctx.fillStyle = PICKUPS[pickup["kind"]]?.colour ?? "#fff";
      ctx.fillRect(pickup["x"] - 12, pickup["y"] - 12, 24, 24);
    }
    for (const ship of state.ships) {
      if (!ship["is_alive"]) continue;
      const isOwn = ship["seat"] === state.seat;
      ctx.fillStyle = isOwn ? "#ffffff" : colourOf(ship["colour"]);
      dot(ctx, ship, isOwn ? 32 : 25);
    }
    ctx.fillStyle = "#fff096";
    for (const marker of state.markers) dot(ctx, marker, 30);
    const { left, top, width, height } = camera.bounds;
    ctx.strokeStyle = "rgb(200 220 255 / 45%)";
    ctx.lineWidth = 2 / scale;
    ctx.strokeRect(left, top, width, height);
  }

  /** @param {KeyboardEvent} event @param {boolean} isDown */
  #onTab(event, isDown) {
    if (event.key !== "Tab" || isTyping() || event.ctrlKey || event.altKey) return;
    event.preventDefault();
    this.#scores.hidden = !isDown && !this.#isPinned;
  }

  /** @param {View} view @param {readonly string[]} teams */
  #showBanner(view, teams) {
    const world = view.world;
    const own = view.mine("ships")[0];
    let text = "";
    let small = "";
    if (world["phase"] === "waiting") text = "Waiting for another pilot";
    else if (world["phase"] === "countdown") [text, small] = [String(world["clock_s"]), `Round ${world["round"]}: last side flying wins`];
    else if (world["phase"] === "over") {
      const team = teams[world["winner_team"]];
      const isOwn = own && (world["winner_seat"] === own["seat"] || (world["winner_team"] >= 0 && world["winner_team"] === own["team"]));
      text = world["winner_name"] ? `${isOwn ? "Victory! " : ""}${team ? `Team ${team}` : isolated(world["winner_name"])} wins round ${world["round"]}` : "A draw";
      small = world["round"] < world["rounds"] ? `Next round in ${world["clock_s"]}` : "The match ends";
    } else if (own?.["is_alive"] && isOutside(own, world)) {
      [text, small] = ["Outside the ring", "Follow the arrow: the hull is burning"];
    } else if (own && !own["is_alive"]) {
      const isBack = own["lives"] > 0 && own["respawn_s"] !== undefined;
      text = isBack ? `Back in ${Math.ceil(own["respawn_s"])}` : "You are out";
      small = isBack ? `${own["lives"]} ${own["lives"] === 1 ? "life" : "lives"} left` : "until the next round; arrow keys change whom you watch";
    }
    this.#banner.classList.toggle("is-low", world["phase"] === "fight");
    this.#banner.hidden = text === "";
    if (this.#banner.dataset["text"] === text + small) return;
    this.#banner.dataset["text"] = text + small;
    this.#banner.replaceChildren(el("strong", {}, text), el("span", {}, small));
  }

  /** @param {Entity | undefined} own */
  #showOwn(own) {
    this.#own.hidden = !own || own["ammo"] === undefined || !own["is_alive"];
    if (!own || this.#own.hidden) return;
    this.#hull.show(own["hp"] / 100, String(Math.ceil(own["hp"])));
    this.#boost.show(own["boost"], "");
    setText(this.#ammo, own["rapid_s"] > 0 ? "∞" : String(own["ammo"]));
    this.#ammoBar.style.transform = `scaleX(${Math.min(1, own["ammo"] / AMMO_FULL)})`;
    this.#own.classList.toggle("is-dry", own["ammo"] === 0 && own["rapid_s"] <= 0);
    const extras = ["♥".repeat(own["lives"])];
    if (own["rapid_s"] > 0) extras.push(`rapid ${own["rapid_s"].toFixed(0)} s`);
    if (own["is_shielded"]) extras.push("shield");
    setText(this.#extras, extras.filter(Boolean).join(" · "));
  }

  /** @param {View} view @param {readonly string[]} teams */
  #showScores(view, teams) {
    const seats = new Map(view.roster.map((seat) => [seat["number"], seat]));
    const ships = [...view.all("ships")].sort((a, b) => b["wins"] - a["wins"] || b["kills"] - a["kills"] || a["deaths"] - b["deaths"]);
    const head = ["", "Pilot", "Wins", "Kills", "Deaths", "Lives"].map((text) => el("th", { scope: "col" }, text));
    const rows = ships.map((ship) => {
      const name = el("td", {}, ship["name"]);
      name.style.color = colourOf(ship["colour"]);
      const team = seats.get(ship["seat"])?.["team"] ?? NO_TEAM;
      const cells = ["wins", "kills", "deaths", "lives"].map((field) => el("td", {}, String(ship[field])));
      const className = `${ship["seat"] === view.seat ? "is-own" : ""} ${ship["is_alive"] ? "" : "is-dead"}`;
      return el("tr", { className }, el("td", {}, team === NO_TEAM ? "" : (teams[team] ?? "")), name, ...cells);
    });
    this.#scores.replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows)));
  }

  /** @param {boolean} isTeams */
  #showHint(isTeams) {
    if (matchMedia("(pointer: coarse)").matches) {
      this.#hint.append("Left thumb steers · buttons fire and boost");
    } else {
      const key = (/** @type {string} */ name) => el("kbd", {}, name);
      this.#hint.append(key("W"), key("A"), key("D"), " or mouse fly  ", key("Space"), " fire  ", key("Shift"), " boost  ", key("Tab"), " scores  ", key("Enter"), " chat");
      if (isTeams) this.#hint.append("  ", key("E"), " mark");
    }
    document.body.append(this.#hint);
    setTimeout(() => this.#hint.remove(), HINT_FOR_MS);
  }
}

/** @param {string} label @param {string} name */
function gauge(label, name) {
  const bar = el("i");
  const number = el("strong", { "data-part": name });
  const element = el("div", { className: `gauge ${name}` }, el("span", {}, label), el("b", {}, bar), number);
  return {
    element,
    /** @param {number} share @param {string} text */
    show(share, text) {
      bar.style.transform = `scaleX(${Math.max(0, Math.min(1, share))})`;
      element.classList.toggle("is-low", share < 0.3);
      setText(number, text);
    },
  };
}

/** @param {CanvasRenderingContext2D} ctx @param {Entity} world */
function paintRing(ctx, world) {
  const reach = world["reach"];
  ctx.fillStyle = "rgb(255 50 80 / 30%)";
  ctx.beginPath();
  ctx.rect(-reach, -reach, reach * 2, reach * 2);
  ctx.arc(world["ring_x"], world["ring_y"], Math.max(0, world["ring_radius"]), 0, Math.PI * 2);
  ctx.fill("evenodd");
  ctx.strokeStyle = "#4a5f9c";
  ctx.lineWidth = 14;
  ctx.strokeRect(-reach, -reach, reach * 2, reach * 2);
}

/** @param {CanvasRenderingContext2D} ctx @param {Entity} entity @param {number} radius */
function dot(ctx, entity, radius) {
  ctx.beginPath();
  ctx.arc(entity["x"], entity["y"], radius, 0, Math.PI * 2);
  ctx.fill();
}

/** @param {Entity} ship @param {Entity} world */
function isOutside(ship, world) {
  return Math.hypot(ship["x"] - world["ring_x"], ship["y"] - world["ring_y"]) >= world["ring_radius"];
}

/** @param {number} seconds */
function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
