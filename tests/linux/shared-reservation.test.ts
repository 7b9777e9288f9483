// Goal: locks of several contexts of one process and of another one never wait in a circle, and waits end as told.
// Method: contexts in both of two members; aborts and timeouts of waits; many rounds by seed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AcquireContext } from '#src/core/reservation/acquire-context.js'
import { lockAll } from '#src/core/reservation/lock-all.js'
import { reservationWwClass } from '#src/core/reservation/reservation.js'
import type { DmaBuf } from '#src/index.js'
import { addPending, DomainRig } from '../helpers/domain-rig.js'
import { errorCode } from '../helpers/error-code.js'
import { settled } from '../helpers/leaks.js'
import { Random } from '../helpers/random.js'

test('The younger of two contexts in different members gives way, whoever comes second [WW-7]', async (t) => {
  await using rig = await DomainRig.open(t)
  const member = await rig.join()
  const first = await rig.share(rig.hub, 'first', [member])
  const second = await rig.share(rig.hub, 'second', [member])
  const [older, younger] = [1, 2].map(() => new AcquireContext(reservationWwClass))
  const ours = await first[0]!.reservation.lock({ context: older })
  const theirs = await second[1]!.reservation.lock({ context: younger })
  const code = errorCode(() => first[1]!.reservation.lock({ context: younger }))
  assert.equal(await code, 'EDEADLK')
  const waiting = second[0]!.reservation.lock({ context: older })
  await settled()
  theirs.release()
  ;(await waiting).release()
  const slow = first[1]!.reservation.lockSlow(younger!)
  ours.release()
  ;(await slow).release()
})

test('A wait for another member ends with EINTR when it is aborted, and leaves the lock to others [WW-13]', async (t) => {
  await using rig = await DomainRig.open(t)
  const [ours, theirs] = await rig.share(rig.hub, 'frame', [await rig.join()])
  const held = theirs!.reservation.tryLock()!
  const abort = new AbortController()
  const waiting = ours!.reservation.lock({ signal: abort.signal })
  const other = ours!.reservation.lock()
  await settled()
  abort.abort(new Error('no more'))
  await assert.rejects(waiting, { code: 'EINTR' })
  held.release()
  ;(await other).release()
  theirs!.reservation.tryLock()!.release()
})

test('tryLock() of one task does not take back the wait of another', async (t) => {
  await using rig = await DomainRig.open(t)
  const [ours, theirs] = await rig.share(rig.hub, 'frame', [await rig.join()])
  const held = theirs!.reservation.tryLock()!
  const waiting = ours!.reservation.lock({ timeoutMs: 20_000 })
  await settled()
  assert.equal(ours!.reservation.tryLock(), undefined)
  held.release()
  ;(await waiting).release()
})

test('Tasks of two members that lock several buffers in any order all get on [WW-22]', async (t) => {
  const seed = 11
  const random = new Random(seed)
  await using rig = await DomainRig.open(t)
  const member = await rig.join()
  const buffers: DmaBuf[][] = []
  for (let i = 0; i < 3; i++) buffers.push(await rig.share(rig.hub, `buffer ${i}`, [member]))
  const inside = [0, 0, 0]
  let rounds = 0
  const task = async (side: 0 | 1): Promise<void> => {
    for (let round = 0; round < 40; round++) {
      const chosen = [...new Set([random.below(3), random.below(3)])]
      const held = await lockAll(
        chosen.map((index) => buffers[index]![side]!.reservation),
        { timeoutMs: 20_000 },
      )
      for (const index of chosen) assert.equal(inside[index]!++, 0, `seed ${seed}`)
      await new Promise((resolve) => setImmediate(resolve))
      for (const index of chosen) inside[index]!--
      held.release()
      rounds++
    }
  }
  await Promise.all([task(0), task(0), task(0), task(1), task(1)])
  assert.equal(rounds, 200)
})

test('Held.entries sees what other members have added before the lock was taken [RESV-17]', async (t) => {
  await using rig = await DomainRig.open(t)
  const [ours, theirs] = await rig.share(rig.hub, 'frame', [await rig.join()])
  addPending(theirs!.reservation, 'write')
  using held = ours!.reservation.tryLock()!
  using cursor = held.entries('write')
  assert.equal(cursor.step()?.timelineName, 'member 1')
})
