const MAX_SAMPLES = 8192

/** Percentiles of how long frames took; bounded: of the newest 8192. */
export class HandoffTimes {
  readonly #samplesUs = new Float64Array(MAX_SAMPLES)
  #count = 0

  /** @param us - microseconds, one frame's */
  add(us: number): void {
    this.#samplesUs[this.#count % MAX_SAMPLES] = us
    this.#count++
  }

  /** The value that a share of the samples does not exceed, in µs; undefined without samples. */
  percentile(share: number): number | undefined {
    const count = Math.min(this.#count, MAX_SAMPLES)
    if (count === 0) return undefined
    const sorted = this.#samplesUs.slice(0, count).sort()
    return sorted[Math.min(count - 1, Math.floor(count * share))]
  }
}
