// What a reservation costs that several processes share, many times each.
//
//   shared-reservations NAME:MEMBERS CPU    answers rounds: nanoseconds for one
//   shared-reservations other CPU PATH MEMBERS
//
// MEMBERS other members of the domain are there, all in one other process; with 0 the buffer is of no domain.
import { createTimeline, type DmaBuf, type Timeline } from 'dmabuf'
import { joinDomain, openMemfdHeap, serveDomain } from 'dmabuf/linux'
import { once } from 'node:events'
import { join } from 'node:path'
import { answerBatches, type Batch, endWithStdin, nowNs, startOther } from './rounds.js'
import { temporaryFolder } from './temporary-folder.js'

function tryLock({ reservation }: DmaBuf): Batch {
  return (count) => {
    const startNs = nowNs()
    for (let i = 0; i < count; i++) reservation.tryLock()!.release()
    return nowNs() - startNs
  }
}

function lock({ reservation }: DmaBuf): Batch {
  return async (count) => {
    const startNs = nowNs()
    for (let i = 0; i < count; i++) {
      const held = await reservation.lock()
      held.release()
    }
    return nowNs() - startNs
  }
}

/** One piece of work: published when the lock is released, and over at once. */
function add({ reservation }: DmaBuf): Batch {
  const timeline = createTimeline('bench')
  let seqno = 0
  return (count) => {
    const startNs = nowNs()
    for (let i = 0; i < count; i++) {
      const held = reservation.tryLock()!
      held.reserve(1)
      held.add(timeline.fence(++seqno), 'write')
      held.release()
      timeline.signal(seqno)
    }
    return nowNs() - startNs
  }
}

/** With a pending fence of another member in it, where there is one; of our own otherwise. */
function look({ reservation }: DmaBuf): Batch {
  return (count) => {
    let pending = 0
    const startNs = nowNs()
    for (let i = 0; i < count; i++) if (!reservation.isSignaled('write')) pending++
    const tookNs = nowNs() - startNs
    if (pending !== count) throw new Error('The fence is not there')
    return tookNs
  }
}

/** Leaves a fence that never signals. */
function addPending({ reservation }: DmaBuf): Timeline {
  const timeline = createTimeline('pending')
  using held = reservation.tryLock()!
  held.reserve(1)
  held.add(timeline.fence(1), 'write')
  return timeline
}

const operations: Readonly<Record<string, (buffer: DmaBuf) => Batch>> = {
  try: tryLock,
  lock,
  add,
  look,
}

const BATCH = 100

// Handles that are never closed: a side ends with its process.
const open: DmaBuf[] = []

async function runFirst(name: string, members: number, cpu: string): Promise<void> {
  const buffer = openMemfdHeap().allocate(4096)
  if (members > 0) {
    const path = join(temporaryFolder(), 'hub')
    const hub = await serveDomain(path)
    await hub.share(buffer, 'buffer')
    const other = startOther(cpu, [path, String(members), name], [])
    await once(other.stdout!, 'data')
  } else if (name === 'look') addPending(buffer)
  const batch = operations[name]!(buffer)
  await answerBatches(batch, BATCH)
}

async function runOther(path: string, members: number, name: string): Promise<void> {
  for (let i = 0; i < members; i++) {
    const domain = await joinDomain(path)
    const buffer = await domain.open('buffer')
    open.push(buffer)
    if (i === 0 && name === 'look') addPending(buffer)
  }
  endWithStdin()
  process.stdout.write('ready\n')
}

const [kind = '', ...rest] = process.argv.slice(2)
if (kind === 'other') await runOther(rest[0]!, Number(rest[1]), rest[2]!)
else {
  const [name = '', members = ''] = kind.split(':')
  await runFirst(name, Number(members), rest[0]!)
}
