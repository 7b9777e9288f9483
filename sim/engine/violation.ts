/** Something happened that must not: the simulation ends, and its seed repeats it. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

/** States what must be true. @throws {Violation} where it is not */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Violation(what)
}
