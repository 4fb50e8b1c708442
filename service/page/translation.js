/** A translation on offer: from one domain into another. */
export class Translation {
  constructor({ names, model, source, target }) {
    this.name = names[0];
    this.model = model;
    this.source = source;
    this.target = target;
    this.label = `${source} → ${target}`;
    /** The translation the other way by the same model, if there is one. */
    this.back = null;
  }
}

/** Make them of what the service lists. */
export function translationsOf(models) {
  const all = models.map((each) => new Translation(each));
  const labels = all.map((each) => each.label);
  for (const each of all) {
    each.back = all.find((other) => isBack(each, other)) ?? null;
    if (labels.filter((label) => label === each.label).length > 1) each.label += ` (${each.model})`;
  }
  return all;
}

function isBack(there, other) {
  return (
    other.model === there.model && other.source === there.target && other.target === there.source
  );
}
