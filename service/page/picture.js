import { Problem } from "./problem.js";
import { formatOf, reduced } from "./reduction.js";

const SUFFIXES = { jpeg: "jpg", png: "png", webp: "webp" };

/** One picture that was given, and what became of it. */
export class Picture {
  #urls = [];
  #outcomes = new Map();

  constructor(file) {
    this.file = file;
    /** What is sent, once that is known: see `reduced`. */
    this.sent = null;
    /** Where what is sent can be shown from; empty if this browser cannot. */
    this.url = "";
  }

  /** What became of it: its `state` is waiting, working, done or failed. */
  outcome(translation, way = "there") {
    return this.#outcomes.get(`${way} ${translation.name}`) ?? { state: "waiting" };
  }

  /** Have it translated; tells `changed` before and after. Never rejects. */
  async translate(service, limits, translation, changed) {
    await this.#settle(translation, "there", changed, async () => {
      await this.#prepare(limits);
      return this.#answered(service, translation, this.file.name, this.sent.body);
    });
  }

  /** Have its translation translated back. */
  async translateBack(service, translation, changed) {
    const { file } = this.outcome(translation);
    await this.#settle(translation, "back", changed, () =>
      this.#answered(service, translation.back, file.name, file),
    );
  }

  /** Forget an outcome that was none, so that it can be tried again. */
  forget(translation, way) {
    if (this.outcome(translation, way).state === "failed") {
      this.#outcomes.delete(`${way} ${translation.name}`);
    }
  }

  /** Give the browser's memory back. */
  close() {
    this.#urls.forEach((url) => URL.revokeObjectURL(url));
  }

  async #prepare(limits) {
    if (this.sent) return;
    this.sent = await reduced(this.file, limits);
    if (this.sent.width) this.url = this.#urlOf(this.sent.body);
  }

  async #answered(service, translation, given, body) {
    const format = formatOf(this.file);
    const answer = await service.translate(translation.name, body, format);
    const name = `${given.replace(/\.[^.]*$/, "")}-${translation.target}.${SUFFIXES[format]}`;
    const file = new File([answer.picture], name, { type: answer.picture.type });
    return { ...answer, file, url: this.#urlOf(file) };
  }

  async #settle(translation, way, changed, work) {
    const note = (outcome) => {
      this.#outcomes.set(`${way} ${translation.name}`, outcome);
      changed();
    };
    note({ state: "working" });
    try {
      note({ state: "done", ...(await work()) });
    } catch (error) {
      if (!(error instanceof Problem)) console.error(error);
      const problem = error instanceof Problem ? error : new Problem("This page failed", `${error}`);
      note({ state: "failed", problem });
    }
  }

  #urlOf(blob) {
    const url = URL.createObjectURL(blob);
    this.#urls.push(url);
    return url;
  }
}
