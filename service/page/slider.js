/** Two pictures on top of each other, and the line between them. */
export class Slider {
  #place = document.querySelector("#slider");
  #before = this.#place.querySelector(".before");
  #after = this.#place.querySelector(".after");
  #names = [this.#place.querySelector(".left"), this.#place.querySelector(".right")];
  // A range: mouse, touch, keyboard and screen readers know what to do with it.
  #range = this.#place.querySelector("input");

  constructor() {
    this.#range.addEventListener("input", () => this.#move());
    this.#after.addEventListener("load", () => {
      if (!this.#before.getAttribute("src")) this.#fit(this.#after);
    });
    this.#before.addEventListener("load", () => this.#fit(this.#before));
  }

  /**
   * @param {{name: string, url: string}} before - Its `url` is empty where it cannot be shown.
   * @param {{name: string, url: string}} after - Its `url` is empty while there is none.
   * @param {boolean} working - Whether the second is on its way.
   */
  show(before, after, working) {
    show(this.#before, before.url, `${before.name}, before`);
    show(this.#after, after.url, `${after.name}, after`);
    this.#names[0].textContent = before.name;
    this.#names[1].textContent = after.name;
    const complete = Boolean(before.url && after.url);
    this.#place.classList.toggle("complete", complete);
    this.#place.classList.toggle("working", working);
    this.#place.hidden = !(before.url || after.url || working);
    this.#range.hidden = !complete;
    this.#range.setAttribute("aria-label", `Line between ${before.name} and ${after.name}`);
    this.#move();
  }

  #move() {
    const at = Math.round(this.#range.value);
    const [before, after] = this.#names.map((name) => name.textContent);
    this.#place.style.setProperty("--at", `${this.#range.value}%`);
    this.#range.setAttribute("aria-valuetext", `${at} % ${before}, ${100 - at} % ${after}`);
  }

  #fit({ naturalWidth, naturalHeight }) {
    this.#place.style.setProperty("--width", naturalWidth);
    this.#place.style.setProperty("--height", naturalHeight);
  }
}

function show(image, url, text) {
  image.alt = text;
  image.hidden = !url;
  if (!url) image.removeAttribute("src");
  else if (image.src !== url) image.src = url;
}
