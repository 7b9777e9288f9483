// What reservations and their locks cost, many times each.
//
//   reservations NAME CPU    answers rounds: nanoseconds for one
import { Fence } from '#src/core/fence/fence.js'
import { Reservation } from '#src/core/reservation/reservation.js'
import { answerBatches, type Batch, nowNs } from './rounds.js'

const OPS = { driverName: 'bench', timelineName: 'ring' }
let lastContext = 0

/** A reservation with so many pending fences, each of a timeline of its own. */
function reservationWith(fenceCount: number): Reservation {
  const reservation = new Reservation()
  using held = reservation.tryLock()!
  if (fenceCount > 0) held.reserve(fenceCount + 1)
  for (let i = 0; i < fenceCount; i++) held.add(new Fence(OPS, ++lastContext, 1), 'bookkeep')
  return reservation
}

/** With seven that stay: the added one takes over the slot of the one before. */
function addAndLook(): Batch {
  const reservation = reservationWith(7)
  const held = reservation.tryLock()!
  const context = ++lastContext
  let seqno = 0
  let pending = 0
  return (count) => {
    const fences = Array.from({ length: count }, () => new Fence(OPS, context, ++seqno))
    const startNs = nowNs()
    for (let i = 0; i < count; i++) {
      held.add(fences[i]!, 'write')
      if (!reservation.isSignaled('write')) pending++
    }
    return nowNs() - startNs + (pending & 0)
  }
}

function look(fenceCount: number): () => Batch {
  return () => {
    const reservation = reservationWith(fenceCount)
    let signaled = 0
    return (count) => {
      const startNs = nowNs()
      for (let i = 0; i < count; i++) if (reservation.isSignaled('read')) signaled++
      return nowNs() - startNs + (signaled & 0)
    }
  }
}

function tryLock(): Batch {
  const reservation = new Reservation()
  return (count) => {
    const startNs = nowNs()
    for (let i = 0; i < count; i++) reservation.tryLock()!.release()
    return nowNs() - startNs
  }
}

function lock(): Batch {
  const reservation = new Reservation()
  return async (count) => {
    const startNs = nowNs()
    for (let i = 0; i < count; i++) {
      const held = await reservation.lock()
      held.release()
    }
    return nowNs() - startNs
  }
}

async function resolved(count: number): Promise<number> {
  const value = {}
  let sum = 0
  const startNs = nowNs()
  for (let i = 0; i < count; i++) if ((await Promise.resolve(value)) === value) sum++
  return nowNs() - startNs + (sum & 0)
}

const operations: Readonly<Record<string, () => Batch>> = {
  'reservation-add': addAndLook,
  'reservation-empty': look(0),
  'reservation-signaled': look(8),
  'reservation-trylock': tryLock,
  'reservation-lock': lock,
  'resolved-promise': () => resolved,
}

const BATCH = 1000
const [name = ''] = process.argv.slice(2)
const open = operations[name]
if (open === undefined) throw new RangeError(`No such operation: ${name}`)
const batch = open()
await answerBatches(batch, BATCH)
