// What stepped code needs at run time: the build imports these names into every file that it transforms.

/** Ends a step of the participant that calls it: others may run now. Stepped code yields here. */
export function step(): void {}

/** Runs what a stepped callback returned; a plain callback's result passes through. */
export function* maybe(result: unknown): Generator<undefined, unknown> {
  return isSteps(result) ? yield* result : result
}

/** A stepped function that other code can call: it runs all its steps at once, with nobody between them. */
export function driven(steps: unknown): unknown {
  if (typeof steps !== 'function') return steps
  return (...list: readonly unknown[]) => drive((steps as (...list: unknown[]) => unknown)(...list))
}

/** Runs all steps at once. */
export function drive(result: unknown): unknown {
  if (!isSteps(result)) return result
  for (;;) {
    const { done, value } = result.next()
    if (done === true) return value
  }
}

/** What a stepped getter does where untransformed code reads it. */
export function untransformed(name: string): never {
  throw new Error(`${name} is stepped: code that is not cannot read it`)
}

let starts: ((field: string, usual: number) => number) | undefined

/** Where counters begin: decides for each field that transform/starts.ts names. */
export function setStarts(choose: (field: string, usual: number) => number): void {
  starts = choose
}

/** The first value of such a field. */
export function start(field: string, usual: number): number {
  return starts?.(field, usual) ?? usual
}

function isSteps(result: unknown): result is Generator<undefined, unknown> {
  return (
    typeof result === 'object' &&
    result !== null &&
    Object.prototype.toString.call(result) === '[object Generator]'
  )
}
