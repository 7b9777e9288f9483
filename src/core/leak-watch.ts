import { warn } from './warn.js'

interface Note {
  readonly what: string
  readonly stack: string | undefined
}

const registry = new FinalizationRegistry<Note>(({ what, stack }) => {
  warn({
    rule: 'DMABUF_LEAK',
    message: `${what} was garbage collected without close(): close it, or hold it with \`using\``,
    stack,
  })
})

/**
 * Warns when `owner` is collected while still open. It never closes anything: when a garbage collector
 * runs is nobody's plan. Call `unwatchLeaks(owner)` on close.
 */
export function watchLeaks(owner: object, what: string): void {
  registry.register(owner, { what, stack: new Error('Allocated here').stack }, owner)
}

/** Ends the watch; to be called by close(). */
export function unwatchLeaks(owner: object): void {
  registry.unregister(owner)
}
