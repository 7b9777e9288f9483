import { allocateContext } from '../fence/context.js'
import { describeFence } from '../fence/describe.js'
import { createFenceArray } from '../fence/fence-array.js'
import { getFence, type Fence } from '../fence/fence.js'
import { waitFenceTimeout } from '../fence/wait.js'
import type { WaitOptions } from '../host.js'
import { UnlockedCursor } from './cursor.js'
import { allocateList, checkMemory, type FenceList } from './fence-list.js'
import type { FenceTable } from './fence-table.js'
import { putAll } from './quiet-fence.js'
import { usageOrder, USAGES, type Usage } from './usage.js'

/**
 * The pending fences up to a usage, each with a reference that is now the caller's.
 *
 * @kernel dma_resv_get_fences
 * @rule RESV-26, RESV-27
 * @throws {DmaBufError} ENOMEM
 */
export function collectFences(table: FenceTable, usage: Usage, operation: string): Fence[] {
  let fences: Fence[] = []
  const cursor = new UnlockedCursor(table, usage)
  try {
    for (;;) {
      const fence = cursor.step()
      // Also where the walk began anew and found nothing more: what was gathered is of another list.
      if (cursor.isRestarted) {
        putAll(fences)
        fences = []
        if (fence !== undefined) checkMemory(table.list!.fences.length, operation)
      }
      if (fence === undefined) return fences
      fences.push(getFence(fence))
    }
  } finally {
    cursor.end()
  }
}

/**
 * One fence for all pending ones up to a usage; undefined where there are none.
 *
 * @kernel dma_resv_get_singleton
 * @rule RESV-28
 * @returns with a reference, the caller's: that very fence where there is one, else a new array
 * @throws {DmaBufError} ENOMEM
 */
export function singletonOf(table: FenceTable, usage: Usage): Fence | undefined {
  const fences = collectFences(table, usage, 'singleton')
  if (fences.length < 2) return fences[0]
  return createFenceArray(fences, { context: allocateContext(), seqno: 1 })
}

/**
 * A list of the pending fences of all usages, with references; none where there are none.
 *
 * @kernel dma_resv_copy_fences
 * @rule RESV-25
 * @throws {DmaBufError} ENOMEM
 */
export function copyList(table: FenceTable): FenceList | undefined {
  let list: FenceList | undefined
  const cursor = new UnlockedCursor(table, 'bookkeep')
  try {
    for (;;) {
      const fence = cursor.step()
      if (cursor.isRestarted) {
        if (list !== undefined) putAll(list.fences)
        list = undefined
        if (fence !== undefined) list = allocateList(table.list!.fences.length, 'copy')
      }
      if (fence === undefined) return list
      list!.fences.push(getFence(fence))
      list!.usages.push(usageOrder(cursor.usage))
    }
  } finally {
    cursor.end()
  }
}

/**
 * Waits for each pending fence up to a usage with the time that is left.
 *
 * @kernel dma_resv_wait_timeout
 * @rule RESV-29, RESV-30
 * @returns milliseconds left, at least 1; 0 where they were not enough
 */
export async function waitForAll(
  table: FenceTable,
  usage: Usage,
  timeoutMs: number,
  options: Pick<WaitOptions, 'signal'>,
): Promise<number> {
  let leftMs = timeoutMs
  const cursor = new UnlockedCursor(table, usage)
  try {
    for (let fence = cursor.step(); fence !== undefined; fence = cursor.step()) {
      const resultMs = await waitFenceTimeout(fence, leftMs, options)
      if (resultMs <= 0) return resultMs
      // A poll stays a poll for the fences after this one.
      if (timeoutMs > 0) leftMs = resultMs
    }
    return leftMs === 0 ? 1 : leftMs
  } finally {
    cursor.end()
  }
}

/** Tells each pending fence up to a usage when it is wanted. @kernel dma_resv_set_deadline @rule RESV-31 */
export function setDeadlines(table: FenceTable, usage: Usage, deadlineNs: number): void {
  const cursor = new UnlockedCursor(table, usage)
  try {
    for (let fence = cursor.step(); fence !== undefined; fence = cursor.step())
      fence.setDeadline(deadlineNs)
  } finally {
    cursor.end()
  }
}

const READ = usageOrder('read')

/**
 * A line for each fence but those that only keep books, each ended by a newline.
 *
 * @kernel dma_resv_describe
 * @rule RESV-32
 */
export function describeTable(table: FenceTable): string {
  const list = table.list
  let text = ''
  for (let i = 0; i < (list?.fences.length ?? 0); i++) {
    const usage = list!.usages[i]!
    if (usage <= READ) text += `\t${USAGES[usage]!} fence:${describeFence(list!.fences[i]!)}\n`
  }
  return text
}
