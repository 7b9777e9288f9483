import { warnThrown } from '../warn.js'
import type { Fence } from './fence.js'

/** What happens to fences, by the kernel's names of its trace points. @rule FENCE-36 */
export type FenceEvent =
  'init' | 'emit' | 'enable_signal' | 'signaled' | 'wait_start' | 'wait_end' | 'destroy'

/** Hears of everything that happens to every fence. */
export type FenceWatcher = (event: FenceEvent, fence: Fence) => void

/**
 * Who is to be told; undefined while nobody watches, so that a hot path reads one field and no more.
 *
 * A field of an object that never changes, not an exported variable: that is what compilers fold best.
 */
export const fenceWatch: { tell: FenceWatcher | undefined } = { tell: undefined }

let watchers: readonly FenceWatcher[] = []

/**
 * Tells a watcher of all fences until the result is disposed. What it throws is reported as a warning.
 *
 * A fence made by a subclass is not finished when `init` is told: remember it, look at it later.
 */
export function watchFences(watcher: FenceWatcher): Disposable {
  const entry: FenceWatcher = (event, fence) => watcher(event, fence)
  setWatchers([...watchers, entry])
  return {
    [Symbol.dispose]() {
      setWatchers(watchers.filter((other) => other !== entry))
    },
  }
}

function setWatchers(list: readonly FenceWatcher[]): void {
  watchers = list
  fenceWatch.tell = list.length === 0 ? undefined : tellAll
}

function tellAll(event: FenceEvent, fence: Fence): void {
  for (const watcher of watchers) {
    try {
      watcher(event, fence)
    } catch (error) {
      warnThrown('A watcher of fences threw', error)
    }
  }
}
