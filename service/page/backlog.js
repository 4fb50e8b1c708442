const AT_ONCE = 2; // one on its way while the service works at another

/** Work that is done in its order, a little of it at a time. */
export class Backlog {
  #waiting = [];
  #running = 0;

  /** Do `work`, which never rejects, when its turn comes. */
  add(work) {
    this.#waiting.push(work);
    this.#next();
  }

  /** Forget what has not begun. */
  clear() {
    this.#waiting = [];
  }

  async #next() {
    if (this.#running === AT_ONCE || !this.#waiting.length) return;
    this.#running += 1;
    await this.#waiting.shift()();
    this.#running -= 1;
    this.#next();
  }
}
