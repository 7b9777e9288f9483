// Locks, with and without others who want them: one process for each kind.
//
//   locks NAME CPU      answers rounds: nanoseconds for one; a number ends the name for so many waiters
import { AcquireContext } from '#src/core/reservation/acquire-context.js'
import { WwClass } from '#src/core/reservation/ww-class.js'
import { WwMutex } from '#src/core/reservation/ww-mutex.js'
import { answerRounds, nowNs } from './rounds.js'

/** Does an operation `count` times, and says what one took. */
type Batch = (count: number) => number | Promise<number>

const wwClass = new WwClass('bench', 'wait-die')

const tries: Batch = (count) => {
  const mutex = new WwMutex(wwClass)
  const startNs = nowNs()
  for (let i = 0; i < count; i++) {
    mutex.tryLock()
    mutex.unlock()
  }
  return (nowNs() - startNs) / count
}

const triesInContext: Batch = (count) => {
  const mutex = new WwMutex(wwClass)
  const context = new AcquireContext(wwClass)
  const startNs = nowNs()
  for (let i = 0; i < count; i++) {
    mutex.tryLock(context)
    mutex.unlock()
  }
  return (nowNs() - startNs) / count
}

const locks: Batch = async (count) => {
  const mutex = new WwMutex(wwClass)
  const context = new AcquireContext(wwClass)
  const startNs = nowNs()
  for (let i = 0; i < count; i++) {
    await mutex.lock(context)
    mutex.unlock()
  }
  return (nowNs() - startNs) / count
}

const resolved: Batch = async (count) => {
  const startNs = nowNs()
  for (let i = 0; i < count; i++) await Promise.resolve()
  return (nowNs() - startNs) / count
}

/** Each holds the lock for a turn, so that the other always waits for it. */
const handOvers: Batch = async (count) => {
  const mutex = new WwMutex(wwClass)
  const task = async (context: AcquireContext): Promise<void> => {
    for (let i = 0; i < count / 2; i++) {
      await mutex.lock(context)
      await Promise.resolve()
      mutex.unlock()
    }
  }
  const startNs = nowNs()
  await Promise.all([task(new AcquireContext(wwClass)), task(new AcquireContext(wwClass))])
  return (nowNs() - startNs) / count
}

/** So many queue for one lock, one after the other has it. */
function waiters(together: number): Batch {
  return async (count) => {
    const batches = Math.ceil(count / together)
    const startNs = nowNs()
    for (let batch = 0; batch < batches; batch++) {
      const mutex = new WwMutex(wwClass)
      mutex.tryLock()
      const done = Array.from({ length: together }, async () => {
        await mutex.lock(new AcquireContext(wwClass))
        mutex.unlock()
      })
      mutex.unlock()
      await Promise.all(done)
    }
    return (nowNs() - startNs) / (batches * together)
  }
}

function batchOf(name: string): Batch | undefined {
  const [kind, together] = name.split(':')
  if (kind === 'waiters' && Number(together) > 0) return waiters(Number(together))
  return { tries, 'tries-in-context': triesInContext, locks, resolved, 'hand-overs': handOvers }[
    name
  ]
}

const name = process.argv[2] ?? ''
const batch = batchOf(name)
if (batch === undefined) throw new RangeError(`No such kind: ${name}`)
await answerRounds(async (count) => ({ ns: await batch(count) }))
