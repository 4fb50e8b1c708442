const TOLD = { waiting: "waiting", working: "on its way", done: "translated", failed: "failed" };

/** All pictures, small, each with how far it is. */
export class Strip {
  #place = document.querySelector("#strip");
  #list = this.#place.querySelector("ol");
  #progress = this.#place.querySelector("progress");
  #text = this.#place.querySelector("span");
  #items = new Map();
  #choose;

  constructor(choose) {
    this.#choose = choose;
  }

  show(pictures, chosen, translation) {
    this.#keep(pictures);
    this.#place.hidden = pictures.length < 2;
    const states = pictures.map((picture) => picture.outcome(translation).state);
    for (const [index, picture] of pictures.entries()) {
      const url = picture.outcome(translation).url ?? picture.url;
      this.#items.get(picture).show(states[index], url, picture === chosen);
    }
    this.#count(states);
  }

  #keep(pictures) {
    for (const [picture, item] of this.#items) {
      if (pictures.includes(picture)) continue;
      item.element.remove();
      this.#items.delete(picture);
    }
    for (const picture of pictures) {
      if (this.#items.has(picture)) continue;
      const item = new Item(picture.file.name, () => this.#choose(picture));
      this.#items.set(picture, item);
      this.#list.append(item.element);
    }
  }

  #count(states) {
    const [done, failed] = ["done", "failed"].map((state) => states.filter((s) => s === state).length);
    this.#progress.max = states.length || 1;
    this.#progress.value = done + failed;
    const failures = failed ? `, ${failed} failed` : "";
    this.#text.textContent = `${done} of ${states.length} translated${failures}`;
  }
}

class Item {
  #button = document.createElement("button");
  #image = document.createElement("img");
  #text = document.createElement("span"); // while there is nothing to see
  #name;

  constructor(name, choose) {
    this.#name = name;
    this.#image.alt = "";
    this.#button.type = "button";
    this.#text.textContent = name;
    this.#button.append(this.#image, this.#text);
    this.#button.onclick = choose;
    this.element = document.createElement("li");
    this.element.append(this.#button);
  }

  show(state, url, chosen) {
    this.#button.dataset.state = state;
    this.#button.setAttribute("aria-label", `${this.#name}, ${TOLD[state]}`);
    this.#button.setAttribute("aria-current", chosen);
    this.#button.title = this.#name;
    this.#image.hidden = !url;
    this.#text.hidden = Boolean(url);
    if (url && this.#image.src !== url) this.#image.src = url;
  }
}
