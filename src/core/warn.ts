import { thrownStack, thrownText } from './thrown.js'
/** Something that is not an error of this call but a mistake somewhere: a leak, a stale view, a stuck peer. */
export interface Warning {
  /** Id of the rule it touches, or a short code of this package. */
  readonly rule: string
  readonly message: string
  /** Where the forgotten thing was made, where that is known. */
  readonly stack?: string | undefined
}

type Hook = (warning: Warning) => void

interface Runtime {
  process?: {
    emitWarning?(message: string, options: { type: string; code: string; detail?: string }): void
  }
  console?: { warn(message: string): void }
}

const hooks = new Set<Hook>()

/**
 * Calls a hook for every warning until the result is disposed; without hooks warnings go to
 * `process.emitWarning` (type `DmaBufWarning`), or to the console where there is no process.
 */
export function onWarning(hook: (warning: Warning) => void): Disposable {
  hooks.add(hook)
  return {
    [Symbol.dispose]() {
      hooks.delete(hook)
    },
  }
}

/** Reports a warning to the hooks. */
export function warn(warning: Warning): void {
  if (hooks.size > 0) {
    for (const hook of hooks) callHook(hook, warning)
    return
  }
  const { process, console } = globalThis as Runtime
  const detail = warning.stack === undefined ? {} : { detail: warning.stack }
  if (process?.emitWarning !== undefined)
    process.emitWarning(warning.message, { type: 'DmaBufWarning', code: warning.rule, ...detail })
  else console?.warn(`${warning.message}\n${warning.stack ?? ''}`)
}

/**
 * Reports what a callback threw into code that goes on all the same.
 *
 * @rule PORT-4
 * @param what - who threw, as the beginning of a sentence that ends in what was thrown
 */
export function warnThrown(what: string, thrown: unknown): void {
  const message = `${what}: ${thrownText(thrown)}`
  warn({ rule: 'PORT-4', message, stack: thrownStack(thrown) })
}

// A hook that throws must not break whoever only wanted to warn, nor hide the warning from other hooks.
function callHook(hook: Hook, warning: Warning): void {
  try {
    hook(warning)
  } catch (error) {
    ;(globalThis as Runtime).console?.warn(`A dmabuf warning hook threw: ${thrownText(error)}`)
  }
}
