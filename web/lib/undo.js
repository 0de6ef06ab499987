// Deleting with time to undo: the service is told once the time is over, or the page is left.

import { remove } from "./api.js";
import { failure, toast } from "./parts.js";
import { t } from "./texts.js";

const TIME = 6000; // milliseconds

/** @typedef {"/api/model/{model_id}" | "/api/data/{dataset_id}"} Deletable */

/** @type {Map<string, () => void>} */
const waiting = new Map();

window.addEventListener("pagehide", () => waiting.forEach((now) => now()));

/** Returns the ids that are about to be deleted, which lists leave out. */
export function beingDeleted() {
  return new Set(waiting.keys());
}

/**
 * Deletes a thing after a while, unless it is undone.
 * @param {Deletable} path
 * @param {string} id
 * @param {string} name for the message
 * @param {(state: "hidden" | "back" | "gone") => void} changed called at once, and again when it was undone or refused, or is done
 */
export function deleteLater(path, id, name, changed) {
  const values = path === "/api/model/{model_id}" ? { model_id: id } : { dataset_id: id };
  const now = () => {
    clearTimeout(timer);
    /** @param {"back" | "gone"} state */
    const ended = (state) => {
      waiting.delete(id);
      changed(state);
    };
    remove(path, values, true).then(() => ended("gone"), (error) => {
      toast(failure(error).textContent ?? "");
      ended("back");
    });
  };
  const timer = window.setTimeout(now, TIME);
  waiting.set(id, now);
  toast(t("deleted", { name }), {
    label: t("undo"),
    press: () => {
      clearTimeout(timer);
      waiting.delete(id);
      changed("back");
    },
  }, TIME);
  changed("hidden");
}
