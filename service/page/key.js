/** The field for a key, where the service asks for one. */
export class KeyField {
  #place = document.querySelector("#key");
  #text = this.#place.querySelector("input");
  #problem = this.#place.querySelector("#key-problem");

  /** @param {(key: string) => void} use - Gets the key. */
  constructor(use) {
    this.#place.addEventListener("submit", (event) => {
      event.preventDefault();
      use(this.#text.value.trim());
    });
  }

  /** Ask for a key, because of `problem`: there is none yet, or a wrong one. */
  ask({ status, title }) {
    const wrong = status === 403;
    this.#text.setAttribute("aria-invalid", wrong);
    this.#problem.textContent = wrong ? `${title}.` : "";
    if (!wrong && !this.#place.hidden) return; // somebody may be typing
    this.#place.hidden = false;
    this.#text.focus();
    this.#text.select();
  }

  hide() {
    this.#place.hidden = true;
    this.#text.value = "";
  }
}
