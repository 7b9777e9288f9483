import { debug } from '../debug.js'
import { DmaBufError } from '../errors.js'
import { warn } from '../warn.js'
import type { Access, CpuView } from './access.js'
import { countCopiedBytes } from './copied-bytes.js'

/** What fills the memory of an ended access: a read of it is easy to recognise, a write to it shows. */
const POISON = 0xdb
/** Ended accesses that are still looked after. */
const MAX_WATCHED = 64

interface Ended {
  /** A view of our own of the same memory: it is not trapped. */
  readonly memory: Uint8Array<ArrayBuffer>
  readonly what: string
  readonly stack: string | undefined
  reported: boolean
}

const watched: Ended[] = []

/**
 * Replaces a bracket's view by a copy that tells who uses it after the bracket ended: reading a property
 * or calling a method is reported at once (and throws EBADF with `staleAccess: 'throw'`), writing an
 * element at the next access of any buffer. Both name the stack at which the access had ended.
 *
 * Costs two copies per access; only with `setDebug({ staleAccess })`.
 *
 * @rule PROP-8
 */
export function guardView(view: CpuView, access: Access, what: string): CpuView {
  checkStaleWrites()
  const shadow = new Uint8Array(view.bytes)
  countCopiedBytes(shadow.length)
  return {
    bytes: shadow,
    zeroCopy: false,
    end() {
      checkStaleWrites()
      if (access !== 'read') {
        view.bytes.set(shadow)
        countCopiedBytes(shadow.length)
      }
      view.end()
      const { stack } = new Error('Access ended')
      const memory = new Uint8Array(shadow.buffer).fill(POISON)
      const ended: Ended = { memory, what, stack, reported: false }
      Object.setPrototypeOf(shadow, trapOf(ended))
      watched.push(ended)
      if (watched.length > MAX_WATCHED) watched.shift()
    },
  }
}

/** Reports elements that were written after their access had ended. @rule PROP-8 */
export function checkStaleWrites(): void {
  for (let index = watched.length - 1; index >= 0; index--) {
    const ended = watched[index]!
    if (isPoisoned(ended.memory)) continue
    watched.splice(index, 1)
    report(ended, 'written')
  }
}

// Elements are own properties and not trapped; all else of a typed array lives on its prototype.
function trapOf(ended: Ended): object {
  return new Proxy(Uint8Array.prototype, {
    get(target, property, receiver) {
      const touch = `used (${String(property)})`
      report(ended, touch)
      if (debug.staleAccess === 'throw')
        throw new DmaBufError('EBADF', String(property), messageOf(ended, touch), {
          rule: 'PROP-8',
        })
      return Reflect.get(target, property, receiver) as unknown
    },
  })
}

function isPoisoned(memory: Uint8Array): boolean {
  return memory.every((byte) => byte === POISON)
}

function report(ended: Ended, touch: string): void {
  if (ended.reported || debug.staleAccess === 'ignore') return
  ended.reported = true
  warn({ rule: 'PROP-8', message: messageOf(ended, touch), stack: new Error('Touched here').stack })
}

function messageOf({ what, stack }: Ended, touch: string): string {
  return (
    `Bytes of ${what} were ${touch} after the access had ended: use lend() for work that goes on. ` +
    `The access ended here:\n${stack ?? ''}`
  )
}
