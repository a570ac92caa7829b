/** Building elements without markup in strings, so that no text of anybody's can become markup. */

/**
 * An element with properties and children. Properties with a dash (data-…, aria-…) and `role` become attributes.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role" || name === "for") made.setAttribute(name, String(value));
    else Object.assign(made, { [name]: value });
  }
  made.append(...children);
  return made;
}

/** A text of somebody's for the middle of a sentence: its direction is its own. @param {string} text */
export function isolated(text) {
  return `\u2068${text}\u2069`;
}

/** Sets a text only where it changed: writing the same text still costs layout. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The element of that selector, which the page must have. @param {string} selector @returns {HTMLElement} */
export function need(selector) {
  const found = document.querySelector(selector);
  if (!(found instanceof HTMLElement)) throw new Error(`the page lacks ${selector}`);
  return found;
}

/** Whether the keyboard's letters belong to a text field now. */
export function isTyping() {
  return document.activeElement instanceof HTMLInputElement || document.activeElement instanceof HTMLTextAreaElement;
}
