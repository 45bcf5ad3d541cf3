// Several rounds in one figure.

/** @returns {{ median: number, min: number, max: number }} */
export function summary(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return {
    median: (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2,
    min: sorted[0],
    max: sorted.at(-1),
  };
}

/** From a list of objects with the same numeric fields to one object with a summary for each field. */
export function summaries(rounds) {
  const fields = Object.keys(rounds[0] ?? {});
  return Object.fromEntries(fields.map((field) => [field, summary(rounds.map((round) => round[field]))]));
}
