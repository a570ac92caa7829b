/** What stands beside somebody's text in a page keeps its own direction: the page's parts at a document that only remembers. */

import assert from "node:assert/strict";
import test from "node:test";

class Element {
  /** @type {(Element | string)[]} */
  children = [];
  scrollHeight = 0;
  scrollTop = 0;
  clientHeight = 0;
  textContent = "";
  /** @param {string} tag */
  constructor(tag) {
    this.tag = tag;
  }
  setAttribute() {}
  addEventListener() {}
  /** @param {...(Element | string)} children */
  append(...children) {
    this.children.push(...children);
  }
  get childElementCount() {
    return this.children.length;
  }
}

/** @param {Element | string} node @param {string[]} [within] @returns {[string, string[]][]} each text, and the tags around it */
function texts(node, within = []) {
  if (typeof node === "string") return [[node, within]];
  return node.children.flatMap((child) => texts(child, [...within, node.tag]));
}

test("a line of chat and who said it are isolated from each other", async () => {
  Object.assign(globalThis, { document: { createElement: (/** @type {string} */ tag) => new Element(tag) } });
  const { ChatBox } = await import("../../clients/browser/page/chat.mjs");
  const box = new ChatBox(() => {});
  box.add([{ n: 1, who: "\u05d0da", role: "player", text: "\u05d1 (1)", seat: 0, tick: 1 }]);
  const found = texts(/** @type {any} */ (box.element));
  assert.deepEqual(found.map(([text]) => text), ["\u05d0da", "\u05d1 (1)"]);
  for (const [text, tags] of found) assert.equal(tags.at(-1), "bdi", text);
});

test("a name within a sentence of the page is isolated", async () => {
  const { isolated } = await import("../../clients/browser/page/dom.mjs");
  assert.equal(`${isolated("\u05d0da")} wins round 3`, "\u2068\u05d0da\u2069 wins round 3");
});
