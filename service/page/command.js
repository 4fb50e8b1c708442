import { formatOf } from "./reduction.js";
import { mediaType, pathOf } from "./service.js";

/** The line for a shell that does what this page did, with the file as it was given. */
export function commandFor(file, translation, result, withKey) {
  const url = new URL(pathOf(translation.name, formatOf(file)), document.baseURI);
  return [
    `curl --data-binary ${quoted(`@${file.name}`)}`,
    `-H ${quoted(`Content-Type: ${mediaType(file)}`)}`,
    withKey && '-H "X-API-Key: $KEY"',
    quoted(url.href),
    `--output ${quoted(result.file.name)}`,
  ]
    .filter(Boolean)
    .join(" \\\n  ");
}

function quoted(word) {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
