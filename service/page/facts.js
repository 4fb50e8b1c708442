const SPOKEN = {
  read: "reading it",
  queue: "waiting",
  decode: "decoding",
  infer: "translating",
  encode: "encoding",
};
const COPIED_MILLISECONDS = 2000;

/** What is known of a result: how long it took, its size, and how a program gets the same. */
export class Facts {
  #time = document.querySelector("#time");
  #phases = document.querySelector("#phases");
  #sizes = document.querySelector("#sizes");
  #command = document.querySelector("#command");
  #copy = document.querySelector("#copy");

  constructor() {
    this.#copy.onclick = () => this.#take();
  }

  show(picture, result, command) {
    const phases = [...result.phases].filter(([name]) => name in SPOKEN);
    this.#time.textContent = timeOf(result, phases);
    this.#phases.replaceChildren(...phases.map(bar));
    this.#sizes.textContent = sizesOf(picture.sent, result);
    this.#command.textContent = command;
  }

  async #take() {
    try {
      await navigator.clipboard.writeText(this.#command.textContent);
      this.#say("Copied");
    } catch {
      // Without HTTPS a page may not: what is selected, the person can copy.
      getSelection().selectAllChildren(this.#command);
      this.#say("Selected");
    }
  }

  #say(word) {
    this.#copy.textContent = word;
    setTimeout(() => (this.#copy.textContent = "Copy"), COPIED_MILLISECONDS);
  }
}

function timeOf({ milliseconds, phases: all }, phases) {
  const told = phases.map(([name, duration]) => `${SPOKEN[name]} ${inWords(duration)}`).join(", ");
  const total = all.has("total") ? `, ${inWords(all.get("total"))} of it in the service` : "";
  return `${inWords(milliseconds)}${total}${told && `: ${told}`}`;
}

function inWords(milliseconds) {
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`;
  return milliseconds < 1000
    ? `${Math.round(milliseconds)} ms`
    : `${(milliseconds / 1000).toFixed(2)} s`;
}

function sizesOf({ width, height, reducedFrom }, { model }) {
  const size = width ? `${width} × ${height} pixels` : "";
  const reduction = reducedFrom && `reduced here from ${reducedFrom}`;
  return [size, reduction, model && `model ${model}`].filter(Boolean).join(" · ");
}

function bar([name, duration]) {
  const element = document.createElement("span");
  element.className = name;
  element.style.setProperty("flex-grow", duration);
  return element;
}
