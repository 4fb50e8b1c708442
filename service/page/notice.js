/** What went wrong, where everybody sees and hears it. */
export class Notice {
  #place = document.querySelector("#notice");

  /** Say it; `again` is done where the person wants that. */
  show(problem, again) {
    const [title, detail, small] = this.#place.querySelectorAll("h2, p");
    title.textContent = problem.title;
    detail.textContent = problem.detail;
    small.textContent = traceOf(problem);
    const button = this.#place.querySelector("button");
    button.hidden = !again;
    button.onclick = again;
    this.#place.hidden = false;
  }

  hide() {
    this.#place.hidden = true;
  }
}

function traceOf({ status, code, request }) {
  const answer = status && code ? `${status} ${code}` : "";
  return [answer, request && `request ${request}`].filter(Boolean).join(" · ");
}
