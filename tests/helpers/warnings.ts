// Collects what would be warned about, so that a test can look at it, and nothing is printed.
import { onWarning, type Warning } from '#src/core/warn.js'

/** All warnings until it is disposed, oldest first. */
export function collectWarnings(): Disposable & {
  readonly list: readonly Warning[]
  /** The rules they touch. */
  readonly rules: readonly string[]
} {
  const list: Warning[] = []
  const hook = onWarning((warning) => list.push(warning))
  return {
    list,
    get rules() {
      return list.map(({ rule }) => rule)
    },
    [Symbol.dispose]() {
      hook[Symbol.dispose]()
    },
  }
}
