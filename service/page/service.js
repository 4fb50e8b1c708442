import { Problem } from "./problem.js";

const KEPT = "cyclegan.key";
const SPARE_SECONDS = 5; // for the way there and back

/** The service that this page comes from. */
export class Service {
  #limits = null;

  get key() {
    return sessionStorage.getItem(KEPT) ?? "";
  }

  set key(text) {
    sessionStorage.setItem(KEPT, text);
  }

  /** Ask what is offered; `models`, names of `broken` ones, and `limits`. */
  async learn() {
    const [offer, information] = await Promise.all([this.#get("v1/models"), this.#get("info")]);
    this.#limits = information.limits;
    return { ...offer, limits: information.limits };
  }

  /**
   * Have a picture translated.
   *
   * @param {string} translation - A name of it.
   * @param {Blob} body - A picture file.
   * @param {string} format - Of the answer: jpeg, png or webp.
   */
  async translate(translation, body, format) {
    const { deadline_seconds, read_timeout_seconds } = this.#limits;
    const seconds = deadline_seconds + read_timeout_seconds + SPARE_SECONDS;
    const began = performance.now();
    const response = await this.#fetch(pathOf(translation, format), {
      method: "POST",
      body,
      headers: { "Content-Type": mediaType(body) },
      signal: AbortSignal.timeout(seconds * 1000),
    });
    const picture = await response.blob().catch((error) => Promise.reject(Problem.unanswered(error)));
    return {
      picture,
      milliseconds: performance.now() - began,
      phases: phasesOf(response.headers.get("Server-Timing") ?? ""),
      model: response.headers.get("X-Model") ?? "",
    };
  }

  async #get(path) {
    const response = await this.#fetch(path, {});
    return response.clone().json().catch(async () => Promise.reject(await Problem.of(response)));
  }

  async #fetch(path, options) {
    const headers = { ...options.headers };
    if (this.key) headers["X-API-Key"] = asBytes(this.key);
    let response;
    try {
      response = await fetch(path, { ...options, headers });
    } catch (error) {
      throw Problem.unanswered(error);
    }
    if (!response.ok) throw await Problem.of(response);
    return response;
  }
}

/** Where a picture is posted, relative to this page. */
export function pathOf(translation, format) {
  return `v1/translate/${encodeURIComponent(translation)}?format=${format}`;
}

/** What a file is declared as: whatever is no picture is left to the service's own eyes. */
export function mediaType(file) {
  return file.type.startsWith("image/") ? file.type : "application/octet-stream";
}

// A header takes characters of one byte; the service compares the bytes of UTF-8.
function asBytes(text) {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

function phasesOf(header) {
  const found = header.matchAll(/(\w+);dur=([\d.]+)/g);
  return new Map([...found].map(([, name, duration]) => [name, Number(duration)]));
}
