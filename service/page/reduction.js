import { Problem } from "./problem.js";

const QUALITY = 0.95;
const LOSSLESS = ["image/png", "image/gif", "image/bmp", "image/tiff"];

/**
 * Make of a picture file what the service takes.
 *
 * What it takes as it is goes as it is. What this browser cannot read goes too: the service reads
 * more formats, or says what is wrong.
 *
 * @param {File} file - Of any kind.
 * @param {object} limits - As in the service's /info.
 * @returns `body` to send, its `width` and `height` (0 if unknown), and what it was `reducedFrom`.
 * @throws {Problem} It has too many bytes, and cannot be reduced.
 */
export async function reduced(file, limits) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) {
    check(file, limits);
    return { body: file, width: 0, height: 0, reducedFrom: "" };
  }
  const { width, height } = bitmap;
  const scale = Math.min(
    1,
    limits.max_edge / Math.max(width, height),
    Math.sqrt(limits.max_pixels / (width * height)),
  );
  if (scale === 1 && file.size <= limits.max_body_bytes) {
    bitmap.close();
    return { body: file, width, height, reducedFrom: "" };
  }
  const size = [width, height].map((side) => Math.max(1, Math.floor(side * scale)));
  let body = await encoded(bitmap, size, formatOf(file));
  if (body.size > limits.max_body_bytes) body = await encoded(bitmap, size, "jpeg");
  bitmap.close();
  check(body, limits);
  const reducedFrom = scale < 1 ? `${width} × ${height}` : "";
  return { body, width: size[0], height: size[1], reducedFrom };
}

/** The service's name of the format that suits a file's result. */
export function formatOf(file) {
  if (file.type === "image/webp") return "webp";
  return LOSSLESS.includes(file.type) ? "png" : "jpeg";
}

async function encoded(bitmap, [width, height], format) {
  const options = { resizeWidth: width, resizeHeight: height, resizeQuality: "high" };
  const small = await createImageBitmap(bitmap, options);
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").drawImage(small, 0, 0);
  small.close();
  return canvas.convertToBlob({ type: `image/${format}`, quality: QUALITY });
}

function check(body, { max_body_bytes }) {
  if (body.size <= max_body_bytes) return;
  throw new Problem(
    "The file is too large",
    `It has ${megabytes(body.size)}; the service takes at most ${megabytes(max_body_bytes)}, and ` +
      "this browser cannot make it smaller.",
    { status: 413, code: "body-too-large" },
  );
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toLocaleString("en", { maximumSignificantDigits: 3 })} MB`;
}
