/** The chat box: lines in their one order, and what the server refused. */

import { el } from "./dom.mjs";

const SHOWN = 100;

export class ChatBox {
  #lines = el("ul", { className: "lines", "aria-live": "polite", "aria-label": "Chat" });
  #refusal = el("div", { className: "refusal", role: "status" });
  #field = el("input", { maxLength: 240, placeholder: "Enter to chat", autocomplete: "off", "aria-label": "Say something" });

  /** @param {(text: string) => void} say */
  constructor(say) {
    const form = el("form", {}, this.#field);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.#field.value.trim();
      this.#refusal.textContent = "";
      if (text) say(text);
      this.#field.value = "";
      this.#field.blur();
    });
    this.#field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#field.blur();
      event.stopPropagation();
    });
    this.element = el("section", { className: "chat glass", "data-part": "chat" }, this.#lines, this.#refusal, form);
  }

  /** @param {readonly import("../sdk/client.mjs").ChatLine[]} lines */
  add(lines) {
    const isAtEnd = this.#lines.scrollHeight - this.#lines.scrollTop - this.#lines.clientHeight < 40;
    for (const line of lines) {
      const who = el("bdi", { className: "who", "data-role": line.role }, line.who);
      this.#lines.append(el("li", { "data-n": line.n }, who, el("bdi", {}, line.text)));
    }
    while (this.#lines.childElementCount > SHOWN) this.#lines.firstElementChild?.remove();
    if (isAtEnd) this.#lines.scrollTop = this.#lines.scrollHeight;
  }

  /** Another room: another chat. */
  clear() {
    this.#lines.replaceChildren();
  }

  /** @param {import("../sdk/client.mjs").Refused} refused */
  refused(refused) {
    const sentence = refused.reason === "rate" ? "Too many lines; wait a little." : `Not said: ${refused.detail || refused.reason}.`;
    this.#refusal.textContent = sentence;
    setTimeout(() => {
      if (this.#refusal.textContent === sentence) this.#refusal.textContent = "";
    }, 4000);
  }

  focus() {
    this.#field.focus();
  }
}
