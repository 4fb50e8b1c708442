import { Backlog } from "./backlog.js";
import { Choice } from "./choice.js";
import { commandFor } from "./command.js";
import { Facts } from "./facts.js";
import { Intake } from "./intake.js";
import { KeyField } from "./key.js";
import { Notice } from "./notice.js";
import { Picture } from "./picture.js";
import { Problem } from "./problem.js";
import { Service } from "./service.js";
import { Slider } from "./slider.js";
import { Strip } from "./strip.js";
import { translationsOf } from "./translation.js";

const SAID = {
  waiting: "is waiting",
  working: "is on its way",
  done: "is there",
  failed: "could not be made",
};
const find = (selector) => document.querySelector(selector);

/** What the person sees: pictures, of which one is chosen, by one translation, one way or back. */
class Page {
  #service = new Service();
  #backlog = new Backlog();
  #slider = new Slider();
  #facts = new Facts();
  #notice = new Notice();
  #choice = new Choice(() => this.#translateAll());
  #strip = new Strip((picture) => this.#choose(picture));
  #intake = new Intake((files) => this.#add(files), (problem) => this.#notice.show(problem));
  #keyField = new KeyField((key) => this.#useKey(key));
  #limits = null;
  #pictures = [];
  #chosen = null;

  constructor() {
    find("#clear").onclick = () => this.#clear();
    find("#view").onchange = () => this.#look();
  }

  /** Ask the service what it offers, and let pictures in. */
  async start() {
    this.#notice.hide();
    try {
      const { models, broken, limits } = await this.#service.learn();
      this.#limits = limits;
      this.#offer(translationsOf(models), broken);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.#complain(problem, () => this.start());
    }
  }

  #offer(translations, broken) {
    this.#keyField.hide();
    this.#choice.offer(translations);
    find("#empty").hidden = translations.length > 0;
    find("#warning").hidden = !broken.length;
    find("#warning").textContent =
      `Could not be loaded: ${broken.join(", ")}. The service's log says why.`;
    if (translations.length) this.#translateAll();
  }

  #useKey(key) {
    this.#service.key = key;
    for (const picture of this.#pictures) this.#forget(picture);
    this.start();
  }

  #add(files) {
    const added = files.map((file) => new Picture(file));
    this.#pictures.push(...added);
    this.#chosen = added[0];
    this.#viewThere();
    this.#translateAll();
  }

  #choose(picture) {
    this.#chosen = picture;
    this.#viewThere();
    this.#render();
  }

  #clear() {
    this.#backlog.clear();
    for (const picture of this.#pictures) picture.close();
    this.#pictures = [];
    this.#chosen = null;
    this.#render();
    find("#choose").focus();
  }

  #translateAll() {
    const translation = this.#choice.translation;
    this.#backlog.clear();
    const first = this.#pictures.filter((picture) => picture === this.#chosen);
    for (const picture of new Set([...first, ...this.#pictures])) {
      if (picture.outcome(translation).state === "waiting") {
        this.#backlog.add(() => this.#translate(picture, translation));
      }
    }
    this.#look();
  }

  #translate(picture, translation) {
    return picture.translate(this.#service, this.#limits, translation, () => this.#render());
  }

  /** Show the chosen picture; its way back is translated when somebody wants to see it. */
  #look() {
    const translation = this.#choice.translation;
    const picture = this.#chosen;
    const wanted = this.#way === "back" && picture?.outcome(translation).state === "done";
    if (wanted && picture.outcome(translation, "back").state === "waiting") {
      picture.translateBack(this.#service, translation, () => this.#render());
    }
    this.#render();
  }

  #tryAgain() {
    for (const picture of this.#pictures) this.#forget(picture);
    this.#translateAll();
  }

  #forget(picture) {
    for (const way of ["there", "back"]) picture.forget(this.#choice.translation, way);
  }

  #complain(problem, again) {
    if (problem.asksForKey) {
      this.#notice.hide();
      this.#intake.close();
      this.#keyField.ask(problem);
    } else {
      this.#notice.show(problem, problem.mayPass && again);
    }
  }

  get #way() {
    return find("#view input:checked").value;
  }

  #viewThere() {
    find("#view input").checked = true;
  }

  #render() {
    const translation = this.#choice.translation;
    this.#intake.open(!this.#pictures.length);
    find("#clear").hidden = !this.#pictures.length;
    this.#strip.show(this.#pictures, this.#chosen, translation);
    find("#result").hidden = !this.#chosen;
    if (this.#chosen) {
      this.#renderChosen(this.#chosen, translation);
      return;
    }
    find("#facts").hidden = true;
    this.#notice.hide();
  }

  #renderChosen(picture, translation) {
    const back = this.#way === "back" && translation.back;
    const outcome = picture.outcome(translation, back ? "back" : "there");
    const after = back ? `${translation.source} again` : translation.target;
    this.#renderViews(picture, translation);
    this.#slider.show(
      { name: translation.source, url: picture.url },
      { name: after, url: outcome.url ?? "" },
      outcome.state === "working" || outcome.state === "waiting",
    );
    if (back) this.#renderResult(picture, picture.outcome(translation).file, back, outcome);
    else this.#renderResult(picture, picture.file, translation, outcome);
    find("#status").textContent = `${picture.file.name}: ${after} ${SAID[outcome.state]}`;
    if (outcome.problem) this.#complain(outcome.problem, () => this.#tryAgain());
    else this.#notice.hide();
  }

  #renderViews(picture, translation) {
    const [there, back] = find("#view").querySelectorAll("span");
    there.textContent = translation.target;
    back.textContent = `${translation.source} again`;
    const done = picture.outcome(translation).state === "done";
    find("#view").hidden = !(translation.back && done);
    if (find("#view").hidden) this.#viewThere();
  }

  #renderResult(picture, given, translation, outcome) {
    const done = outcome.state === "done";
    find("#facts").hidden = find("#download").hidden = !done;
    if (!done) return;
    Object.assign(find("#download"), { href: outcome.url, download: outcome.file.name });
    const command = commandFor(given, translation, outcome, Boolean(this.#service.key));
    this.#facts.show(picture, outcome, command);
  }
}

await new Page().start();
