// Several locks at a time, in any order: who is younger gives way, waits where it was refused, and tries again.
import assert from 'node:assert/strict'
import { createTimeline, Held, lockAll, Reservation } from 'dmabuf'
import {
  AcquireContext,
  checkHeld,
  describeHolder,
  nameTask,
  reservationWwClass,
  usageToObey,
  usageToPublish,
  usageToWaitFor,
  WwClass,
  WwMutex,
} from 'dmabuf/framework'

const accounts = new WwClass('accounts', 'wait-die')
const left = new WwMutex(accounts)
const right = new WwMutex(accounts)
const older = new AcquireContext(accounts) // the first one is the older one
const younger = new AcquireContext(accounts)
nameTask(older, 'older')
nameTask(younger, 'younger')

// Each holds what the other wants.
await left.lock(older)
await right.lock(younger)
const patient = right.lock(older) // may wait
await assert.rejects(left.lock(younger), { code: 'EDEADLK' }) // must not
assert.equal(younger.contended, left)

// So the younger gives back all that it has, and queues where it was refused: with nothing in its hands.
right.unlock()
await patient
const turn = left.lockSlow(younger)
const holder = describeHolder(left)
assert.deepEqual([holder?.name, holder?.waiters[0]?.name], ['older', 'younger'])
older.done()
left.unlock()
right.unlock()
older.finish()

await turn
await right.lock(younger) // it kept its age: nobody who comes later can send it back again
right.unlock()
left.unlock()
younger.finish()

// Reservations of buffers are locks of that kind, and lockAll() is that loop.
const input = new Reservation() // a buffer has one; several buffers may share one
const output = new Reservation()
const both = await lockAll([output, input, output])
const held = both.of(output)
assert.throws(() => checkHeld(held, input, 'copy'), { code: 'EINVAL' }) // the proof of another lock

// What a copy waits for, and as what others then find it.
const copier = createTimeline('copier')
const done = copier.fence(1)
const [read, write] = [{ write: false }, { write: true }]
assert.deepEqual([usageToObey(read), usageToObey(write)], ['write', 'read'])
assert.equal(usageToWaitFor(true), 'read', 'A writer waits for all up to the readers')
both.of(input).reserve(1)
held.reserve(1)
both.of(input).add(done, usageToPublish(read))
held.add(done, usageToPublish(write))
both.release()
assert.ok(input.isSignaled('write'), 'Readers need not wait for a reader')
assert.ok(!output.isSignaled('write'), 'but for a writer')

// One at a time, by hand, under a context of one's own.
const context = new AcquireContext(reservationWwClass)
const proof = await input.lock({ context })
assert.ok(proof instanceof Held && input.lockingContext === context)
console.log(proof.describe().trim())
copier.signal(1)
proof.release() // before the context is finished
context.finish()
copier.close()
output.destroy()
input.destroy()
