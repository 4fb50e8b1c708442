/** The translations to choose from, by the names of their domains. */
export class Choice {
  #place = document.querySelector("#choice");
  #title = document.querySelector("#title");
  #translations = [];

  constructor(changed) {
    this.#place.addEventListener("change", () => {
      this.#entitle();
      changed();
    });
  }

  /** The chosen one. */
  get translation() {
    const chosen = this.#place.querySelector("input:checked");
    return chosen && this.#translations[Number(chosen.value)];
  }

  /** Offer these; what was chosen before stays so if it is among them. */
  offer(translations) {
    const before = this.translation?.name;
    this.#translations = translations;
    this.#place.replaceChildren(this.#place.querySelector("legend"), ...translations.map(pill));
    const known = translations.findIndex((each) => each.name === before);
    const first = this.#place.querySelectorAll("input")[Math.max(0, known)];
    if (first) first.checked = true;
    this.#place.hidden = !translations.length;
    this.#entitle();
  }

  #entitle() {
    const chosen = this.translation;
    if (!chosen) return;
    const [source, target] = [chosen.source, chosen.target].map((name) => {
      const element = document.createElement("em");
      element.textContent = name;
      return element;
    });
    this.#title.replaceChildren("Turn ", source, " into ", target);
  }
}

function pill({ label }, index) {
  const element = document.createElement("label");
  const input = document.createElement("input");
  Object.assign(input, { type: "radio", name: "translation", value: index });
  const text = document.createElement("span");
  text.textContent = label;
  element.append(input, text);
  return element;
}
