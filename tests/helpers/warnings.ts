import { onWarning, type Warning } from '#src/core/warn.js'

/** Keeps what is warned of, instead of printing it, until it is disposed. */
export function collectWarnings(): Disposable & {
  readonly list: readonly Warning[]
  /** The rules they touch, in order. */
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
