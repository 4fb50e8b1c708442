import { photograph } from "./camera.js";

/** Where pictures come in: dropped, pasted, chosen or taken. */
export class Intake {
  #place = document.querySelector("#intake");
  #take;

  /**
   * @param {(files: File[]) => void} take - Gets what came in.
   * @param {(problem: Problem) => void} complain - Gets what is wrong with the camera.
   */
  constructor(take, complain) {
    this.#take = take;
    for (const id of ["files", "capture"]) this.#listenTo(document.querySelector(`#${id}`));
    document.querySelector("#choose").onclick = () => document.querySelector("#files").click();
    document.querySelector("#take").onclick = () => this.#photograph(complain);
    document.addEventListener("paste", (event) => this.#offer(event.clipboardData));
    // The whole page takes a drop: one that misses would lead the browser away from it.
    document.addEventListener("dragover", (event) => this.#hover(event));
    document.addEventListener("dragleave", (event) => event.relatedTarget ?? this.#mark(false));
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      this.#mark(false);
      this.#offer(event.dataTransfer);
    });
  }

  /** Let pictures in, with a large invitation or a small one. */
  open(large) {
    this.#place.hidden = false;
    this.#place.classList.toggle("large", large);
  }

  /** Let no pictures in. */
  close() {
    this.#place.hidden = true;
  }

  #listenTo(input) {
    input.addEventListener("change", () => {
      this.#offer(input);
      input.value = ""; // else the same file could not be chosen again
    });
  }

  #offer({ files }) {
    if (files?.length && !this.#place.hidden) this.#take([...files]);
  }

  async #photograph(complain) {
    if (!navigator.mediaDevices) {
      document.querySelector("#capture").click();
      return;
    }
    try {
      const file = await photograph();
      if (file) this.#take([file]);
    } catch (problem) {
      complain(problem);
    }
  }

  #hover(event) {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    this.#mark(true);
  }

  #mark(over) {
    this.#place.classList.toggle("over", over);
  }
}
