/** One rule or a few that an implementation must keep, and how to try them on it. */
export interface ContractCase<T> {
  /** What is expected, as a sentence. */
  readonly name: string
  /** Ids of docs/rules.md. */
  readonly rules: readonly string[]
  /** Tries it on a subject; rejects with ContractError where it does not hold. */
  run(subject: T): Promise<void>
}

/** A subject that does not keep its contract. */
export class ContractError extends Error {
  override readonly name = 'ContractError'
}

/** Throws ContractError unless the condition holds. */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ContractError(message)
}

/** Throws ContractError unless both are the same. */
export function checkSame(actual: unknown, expected: unknown, what: string): void {
  if (!Object.is(actual, expected))
    throw new ContractError(`${what}: ${String(actual)} where ${String(expected)} was expected`)
}

/** Throws ContractError unless the promise rejects with a DmaBufError of one of the codes. */
export async function checkRejects(
  promise: Promise<unknown>,
  codes: readonly string[],
  what: string,
): Promise<void> {
  let code: unknown = undefined
  try {
    await promise
  } catch (error) {
    code = (error as { code?: unknown } | undefined)?.code
    if (codes.includes(String(code))) return
    throw new ContractError(`${what}: failed with ${String(error)} instead of ${codes.join(', ')}`)
  }
  throw new ContractError(`${what}: worked instead of failing with ${codes.join(', ')}`)
}
