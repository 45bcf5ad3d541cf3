// Whether a figure stays flat.

/**
 * The slope of the line through the points, by Theil and Sen: the median of the slopes between all pairs. A few samples that
 * stand out do not move it.
 *
 * @param {number[]} xs
 * @param {number[]} ys
 */
export function slope(xs, ys) {
  const slopes = [];
  for (let i = 0; i < xs.length; i++) {
    for (let j = i + 1; j < xs.length; j++) {
      if (xs[j] !== xs[i]) slopes.push((ys[j] - ys[i]) / (xs[j] - xs[i]));
    }
  }
  if (slopes.length === 0) return 0;
  slopes.sort((one, other) => one - other);
  const middle = slopes.length >> 1;
  return slopes.length % 2 === 1 ? slopes[middle] : (slopes[middle - 1] + slopes[middle]) / 2;
}

/** What the trend adds from the first x to the last. */
export function growth(xs, ys) {
  return slope(xs, ys) * (xs[xs.length - 1] - xs[0]);
}
