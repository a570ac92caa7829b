/** What floats above a room's stage: the bar with its connection badge, the roster, toasts, and the last word. */

import { el, setText } from "./dom.mjs";

/** @typedef {import("../sdk/socket.mjs").LinkStatus} LinkStatus */
/** @typedef {import("../sdk/view.mjs").Entity} Entity */

const NO_TEAM = 255;
const BADGES = { connecting: "connecting", live: "live", reconnecting: "reconnecting", ended: "closed" };

export class Chrome {
  #badge = el("span", { className: "badge", role: "status", "data-part": "badge" });
  #stats = el("span", { className: "stats wide", "data-part": "stats" });
  #delay = el("span", { className: "delay", "data-part": "delay", hidden: true });
  #roster = el("section", { className: "roster glass", hidden: true, "data-part": "roster" });
  #toasts = el("div", { className: "toasts", "aria-live": "assertive", "data-part": "toasts" });
  #overlay = el("div", { className: "overlay", hidden: true, "data-part": "overlay" });
  #rosterButton = el("button", { className: "quiet", type: "button", "aria-expanded": "false", title: "Who is here" }, "Players");

  /** @param {{type: string, code: string, isPlayer: boolean}} place @param {() => void} leave */
  constructor(place, leave) {
    const share = el("button", { className: "quiet", type: "button", title: "Copy a link to this room" }, "Copy link");
    share.addEventListener("click", () => void copyLink(share));
    const leaveButton = el("button", { className: "quiet", type: "button" }, "Leave");
    leaveButton.addEventListener("click", leave);
    this.#rosterButton.addEventListener("click", () => this.#toggleRoster());
    const logo = el("img", { src: "/static/favicon.svg", alt: "" });
    const bar = el(
      "nav",
      { className: "topbar glass", "aria-label": "Room" },
      el("a", { className: "brand", href: "/", title: "Back to the lobby" }, logo, el("span", {}, place.type)),
      el("span", { className: "code", title: "The room's code", "data-part": "code" }, place.code),
      this.#badge,
      this.#stats,
      this.#delay,
      this.#rosterButton,
      share,
      leaveButton,
    );
    share.classList.add("wide");
    this.elements = [bar, this.#roster, this.#toasts, this.#overlay];
  }

  /** @param {LinkStatus} status */
  showLink(status) {
    this.#badge.dataset["state"] = status.state;
    setText(this.#badge, BADGES[status.state]);
    this.#badge.title = status.sentence;
  }

  /** @param {number} fps @param {number | null} rttMs */
  showStats(fps, rttMs) {
    setText(this.#stats, `${fps} fps ${rttMs === null ? "" : `${Math.max(1, Math.round(rttMs))} ms`}`);
  }

  /** @param {number} delayS */
  showDelay(delayS) {
    this.#delay.hidden = delayS <= 0;
    setText(this.#delay, `${delayS} s behind`);
  }

  /** @param {readonly Entity[]} seats @param {readonly string[]} teams @param {number | null} own */
  showRoster(seats, teams, own) {
    setText(this.#rosterButton, `Players ${seats.filter((seat) => !seat["is_bot"]).length}`);
    if (this.#roster.hidden) return;
    const rows = [...seats].sort((a, b) => Number(a["is_bot"]) - Number(b["is_bot"]) || a["number"] - b["number"]).map((seat) => {
      const tags = [];
      if (seat["number"] === own) tags.push("you");
      if (seat["is_bot"]) tags.push("bot");
      if (!seat["is_connected"]) tags.push("away");
      if (seat["team"] !== NO_TEAM) tags.push(teams[seat["team"]] ?? `team ${seat["team"]}`);
      const labels = tags.map((tag) => el("span", { className: "tag" }, tag));
      return el("li", { className: seat["is_connected"] ? "" : "is-away" }, el("bdi", {}, seat["name"]), ...labels);
    });
    this.#roster.replaceChildren(el("h2", {}, "In this room"), el("ul", {}, ...rows));
  }

  /** A notice from the operators, until it is put away. @param {string} text */
  toast(text) {
    const close = el("button", { className: "quiet", type: "button", "aria-label": "Put away" }, "×");
    const toast = el("div", { className: "toast glass", role: "alert" }, el("p", {}, text), close);
    close.addEventListener("click", () => toast.remove());
    this.#toasts.append(toast);
  }

  /**
   * The last word: why it is over, and what one can do now.
   * @param {string} title @param {string} sentence @param {readonly HTMLElement[]} actions
   */
  end(title, sentence, actions) {
    const card = el("div", { className: "card glass", role: "dialog", "aria-label": title });
    card.append(el("h2", {}, title), el("p", {}, sentence), el("div", { className: "actions" }, ...actions));
    this.#overlay.replaceChildren(card);
    this.#overlay.hidden = false;
    actions[0]?.focus();
  }

  #toggleRoster() {
    this.#roster.hidden = !this.#roster.hidden;
    this.#rosterButton.setAttribute("aria-expanded", String(!this.#roster.hidden));
    this.#rosterButton.blur();
    this.#rosterButton.dispatchEvent(new Event("roster", { bubbles: true }));
  }
}

/** @param {HTMLButtonElement} button */
async function copyLink(button) {
  const link = location.origin + location.pathname;
  try {
    await navigator.clipboard.writeText(link);
    button.textContent = "Copied";
  } catch {
    prompt("The link to this room:", link); // plain http from another machine: no clipboard there
  }
  button.blur();
  setTimeout(() => (button.textContent = "Copy link"), 1500);
}
