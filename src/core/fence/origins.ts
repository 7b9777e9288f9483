import { debug, onDebugChange } from '../debug.js'
import { host } from '../host.js'
import { watchFences } from './fence-watch.js'
import type { Fence } from './fence.js'
import { updateWatchdog } from './watchdog.js'

/** Where a fence came from. */
export interface FenceOrigin {
  readonly createdNs: number
  /** With `debug.stacks` only. */
  readonly stack: string | undefined
}

const origins = new WeakMap<Fence, FenceOrigin>()
let watch: Disposable | undefined = undefined

// Fences are made by the million: nothing is noted of them unless somebody asked.
onDebugChange(() => {
  updateWatchdog()
  const isWanted = debug.stacks || debug.watchdogMs > 0
  if (isWanted === (watch !== undefined)) return
  watch?.[Symbol.dispose]()
  watch = isWanted ? watchFences((event, fence) => event === 'init' && note(fence)) : undefined
})

function note(fence: Fence): void {
  const stack = debug.stacks ? new Error('Fence made here').stack : undefined
  origins.set(fence, { createdNs: host().nowNs(), stack })
}

/** Where a fence came from; known of those made with `debug.stacks` or `debug.watchdogMs` on. */
export function originOf(fence: Fence): FenceOrigin | undefined {
  return origins.get(fence)
}
