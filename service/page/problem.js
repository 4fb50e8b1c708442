/** What went wrong, in words for people; most of them are the service's own (RFC 9457). */
export class Problem extends Error {
  constructor(title, detail, { status = 0, code = "", request = "" } = {}) {
    super(detail);
    this.title = title;
    this.detail = detail;
    this.status = status;
    this.code = code;
    this.request = request;
  }

  /** Whether the service wants a key, or another one. */
  get asksForKey() {
    return this.status === 401 || this.status === 403;
  }

  /** Whether the same may succeed later. */
  get mayPass() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }

  /** The problem that an answer is. */
  static async of(response) {
    const { status } = response;
    const known = await response.json().catch(() => null);
    if (!known?.title) {
      const detail = `Something between this page and the service answered with ${status}.`;
      return new Problem("This is not an answer of the service", detail, { status });
    }
    const request = known.instance?.replace("urn:request:", "");
    return new Problem(known.title, sentence(known.detail), { status, code: known.code, request });
  }

  /** The problem that there was no answer. */
  static unanswered(error) {
    if (error.name === "TimeoutError") {
      return new Problem("The service takes too long", "It gave no answer in its own time.");
    }
    return new Problem(
      "The service does not answer",
      "Is it still running, and is this device connected to it? Your pictures are kept here.",
    );
  }
}

function sentence(detail) {
  const text = detail ?? "";
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}
