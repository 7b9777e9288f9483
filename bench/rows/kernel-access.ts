// What it costs that the CPU looks at a buffer of the kernel's.
import type { Measurement } from '../measurement.js'
import type { Effort } from '../side.js'
import { moreThan, ratioTo, timeCalls, type Call, type Source } from './kernel-calls.js'

const BUFFERS: readonly (readonly [Source, string])[] = [
  ['heap', 'system heap'],
  ['udmabuf', 'udmabuf'],
]

/** Promised of a bracket that waits for nobody, on the same processor. */
const MOST_MORE_US = 3

/** Brackets of both kinds of buffers, with and without an attachment; and one whose SYNC is on another thread. */
export async function kernelAccessCosts(effort: Effort): Promise<readonly Measurement[]> {
  const brackets = BUFFERS.flatMap(([source, name]) =>
    (['bracket', 'attached'] as const).map((operation) => {
      const where = operation === 'attached' ? `${name}, attached` : name
      const call = access(`${operation}-${source}`, where, operation, source)
      const more = moreThan(
        `${call.id}-more`,
        'tryBeginCpuAccess() and end() more than C',
        MOST_MORE_US,
      )
      return [call, more] as const
    }),
  )
  const unseen = BUFFERS.map(([source, name]) => {
    const call = access(`sync-${source}`, `${name}, bytes not looked at`, 'bracket', source)
    const more = moreThan(`${call.id}-more`, 'the same without `bytes`, more than C', MOST_MORE_US)
    return [{ ...call, ours: 'sync' }, more] as const
  })
  const thread = access('thread-heap', 'system heap, on a thread', 'bracket', 'heap')
  return timeCalls(
    [
      ...brackets,
      ...unseen,
      [
        { ...thread, ours: 'thread' },
        ratioTo('thread-times', "beginCpuAccess({ blocking: 'thread' }), times C without one"),
      ],
    ],
    effort,
  )
}

function access(id: string, where: string, operation: string, source: Source): Call {
  const what = `SYNC begin, a byte read, SYNC end; ${where}`
  return { id, what, operation, source, lengthBytes: 4096, row: `SYNC, ${where}` }
}
