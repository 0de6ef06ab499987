// The connection to the service: shown while it is lost, and looked for until it is back.

const EVERY = 1500; // milliseconds

class Connection extends EventTarget {
  isLost = false;

  /** Notes that a call did not reach the service. */
  lost() {
    if (this.isLost) return;
    this.isLost = true;
    this.dispatchEvent(new Event("change"));
    this.#look();
  }

  /**
   * Returns once the service answers.
   * @param {AbortSignal} [signal]
   * @returns {Promise<void>}
   */
  back(signal) {
    return new Promise((resolve, reject) => {
      if (!this.isLost) return resolve();
      const stop = () => reject(new DOMException("left", "AbortError"));
      signal?.addEventListener("abort", stop);
      const listen = () => {
        if (this.isLost) return;
        this.removeEventListener("change", listen);
        signal?.removeEventListener("abort", stop);
        resolve();
      };
      this.addEventListener("change", listen);
    });
  }

  async #look() {
    while (this.isLost) {
      await new Promise((resolve) => setTimeout(resolve, EVERY));
      try {
        const reply = await fetch(new URL("health/live", document.baseURI), { cache: "no-store" });
        if (reply.ok) this.isLost = false;
      } catch {
        continue; // not yet
      }
    }
    this.dispatchEvent(new Event("change"));
  }
}

export const connection = new Connection();
