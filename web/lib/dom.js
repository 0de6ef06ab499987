// Elements of the page. Texts are always set as text, never as HTML.

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Child | Child[] | (Child | Child[])[]} Children */

/**
 * Returns an element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [props] attributes; `on…` are listeners, false and null leave one out
 * @param {Children[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") /** @type {any} */ (element).value = value;
    else element.setAttribute(name === "className" ? "class" : name, value === true ? "" : String(value));
  }
  add(element, ...children);
  return element;
}

/**
 * Appends children; texts and numbers as text.
 * @param {Element} parent
 * @param {Children[]} children
 */
export function add(parent, ...children) {
  for (const child of children.flat(4)) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child instanceof Node ? child : String(child));
  }
}

/**
 * Replaces what is in an element.
 * @param {Element} parent
 * @param {Children[]} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren();
  add(parent, ...children);
}

let last = 0;

/** Returns an id that no other element has. */
export function freshId() {
  last += 1;
  return `e${last}`;
}

/**
 * Returns a function that calls another one once it was not called again for a while.
 * @template {any[]} A
 * @param {(...args: A) => void} call
 * @param {number} milliseconds
 * @returns {(...args: A) => void}
 */
export function debounced(call, milliseconds) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => call(...args), milliseconds);
  };
}

/**
 * Returns a function that starts some work; called again meanwhile, it does it once more at the end.
 * @param {() => Promise<unknown>} work
 * @returns {() => Promise<void>}
 */
export function latest(work) {
  let isRunning = false, isAsked = false;
  return async () => {
    isAsked = true;
    if (isRunning) return;
    isRunning = true;
    try {
      while (isAsked) {
        isAsked = false;
        await work();
      }
    } finally {
      isRunning = false;
    }
  };
}
