// From rounds to figures. Rounds are noisy one by one; their middle is not.

/** The middle of several rounds, and what half of them lay between. */
export interface Figure {
  readonly median: number
  readonly low: number
  readonly high: number
}

/** Median and quartiles. */
export function figureOf(values: readonly number[]): Figure {
  const sorted = [...values].sort((a, b) => a - b)
  return {
    median: quantile(sorted, 0.5),
    low: quantile(sorted, 0.25),
    high: quantile(sorted, 0.75),
  }
}

/** Of each round the first divided by the second: what disturbs both in one round cancels out. */
export function ratioOf(above: readonly number[], below: readonly number[]): Figure {
  return figureOf(above.map((value, round) => value / below[round]!))
}

function quantile(sorted: readonly number[], part: number): number {
  const at = (sorted.length - 1) * part
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}
