import { debug } from './debug.js'
import { warn } from './warn.js'

interface Note {
  readonly what: () => string
  readonly stack: string | undefined
}

/** So many get their stacks at first, and then every so-manieth: a stack costs twenty times the rest. */
const STACKS_AT_FIRST = 1000
const STACKS_THEN_EVERY = 256

let watched = 0

const registry = new FinalizationRegistry<Note>(({ what, stack }) => {
  const where = stack === undefined ? ' (setDebug({ stacks: true }) notes where each was made)' : ''
  warn({
    rule: 'DMABUF_LEAK',
    message: `${what()} was garbage collected without close(): close it, or hold it with \`using\`${where}`,
    stack,
  })
})

/**
 * Warns when `owner` is collected while still open. It never closes anything: when a garbage collector
 * runs is nobody's plan. Call `unwatchLeaks(owner)` on close.
 *
 * The warning has the stack that made the owner where it was one of the first thousand, or by chance, or with
 * `setDebug({ stacks: true })`.
 *
 * @param what - who it was, in words; must not refer to the owner
 */
export function watchLeaks(owner: object, what: () => string): void {
  const isNoted = debug.stacks || ++watched <= STACKS_AT_FIRST || watched % STACKS_THEN_EVERY === 0
  const stack = isNoted ? new Error('Allocated here').stack : undefined
  registry.register(owner, { what, stack }, owner)
}

/** Ends the watch; to be called by close(). */
export function unwatchLeaks(owner: object): void {
  registry.unregister(owner)
}
