/** Violations that differ in names and numbers only. */
export interface Finding {
  /** In the words of the first of them. */
  readonly what: string
  readonly seeds: number[]
}

/** What was found, each violation once, with the seeds that show it. */
export class Findings {
  readonly #byKind = new Map<string, Finding>()
  #count = 0

  /** Seeds with a violation. */
  get count(): number {
    return this.#count
  }

  /** Those that more than one seed has shown. */
  get repeated(): readonly Finding[] {
    return [...this.#byKind.values()].filter(({ seeds }) => seeds.length > 1)
  }

  /** Takes a seed's violation. @returns whether it is the first of its kind */
  add(seed: number, violation: string): boolean {
    this.#count++
    const what = violation.split('\n')[0]!
    const kind = what.replace(/-?\d+('\d+)?/g, '#')
    const known = this.#byKind.get(kind)
    if (known === undefined) this.#byKind.set(kind, { what, seeds: [seed] })
    else known.seeds.push(seed)
    return known === undefined
  }
}
