// Several rounds in one figure.

/** @returns {{ median: number, min: number, max: number }} */
export function summary(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: medianOf(sorted), min: sorted[0], max: sorted.at(-1) };
}

function medianOf(sorted) {
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}

/** From a list of objects with the same numeric fields to one object with a summary for each field. */
export function summaries(rounds) {
  const fields = Object.keys(rounds[0] ?? {});
  return Object.fromEntries(fields.map((field) => [field, summary(rounds.map((round) => round[field]))]));
}

/**
 * One figure of one contender against another's, round by round: what came next to each other in time is compared, so that a mood of the
 * machine that lasts longer than a round does not matter.
 *
 * @returns {{ median: number, min: number, max: number }}
 */
export function pairedRatio(rounds, baseline, figure) {
  return summary(rounds.map((round, i) => round[figure] / baseline[i][figure]));
}

/** The value that `share` (0 to 1) of the values do not exceed. @param {number[]} sorted in ascending order */
export function percentile(sorted, share) {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}
