// Goal: between processes nobody's death, stop or malice hangs, tears or unlocks anything of the others.
// Method: members in processes of their own; killed, stopped and lied to at chosen and at random moments.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { DmaBuf, Timeline } from '#src/index.js'
import type { Held } from '#src/core/reservation/held.js'
import type { Domain } from '#src/linux/domain.js'
import { DomainRig } from '../helpers/domain-rig.js'
import { errorCode } from '../helpers/error-code.js'
import { countResources, openFds, settled, until } from '../helpers/leaks.js'
import { Random } from '../helpers/random.js'
import { Remote } from '../helpers/remote.js'
import { socketPath } from '../helpers/socket-path.js'

interface State {
  domain: Domain
  buffers: DmaBuf[]
  held: Held
  timeline: Timeline
  counts: { locked: number; refused: number }
}

/** A member in another process, with handles on buffers. */
async function member(path: string, names: readonly string[]): Promise<Remote<State>> {
  const remote = await Remote.start<State>()
  await remote.run(
    async ({ linux, state }, at, wanted) => {
      state.domain = await linux.joinDomain(at)
      state.buffers = []
      for (const name of wanted)
        state.buffers.push(await state.domain.open(name, { waitForBuffer: true }))
    },
    path,
    names,
  )
  return remote
}

async function rigWith(
  t: TestContext,
  count: number,
): Promise<{ rig: DomainRig; buffers: DmaBuf[] }> {
  const rig = await DomainRig.open(t)
  const buffers: DmaBuf[] = []
  for (let i = 0; i < count; i++) buffers.push((await rig.share(rig.hub, `buffer ${i}`, []))[0]!)
  return { rig, buffers }
}

/** Holds a lock there, with a pending fence in it. */
async function holdWithFence(remote: Remote<State>): Promise<void> {
  await remote.run(async ({ core, state }) => {
    const { reservation } = state.buffers[0]!
    state.timeline = core.createTimeline('theirs')
    const held = await reservation.lock()
    held.reserve(2)
    held.add(state.timeline.fence(1), 'write')
    held.release()
    state.held = await reservation.lock()
    state.held.reserve(1)
    state.held.add(state.timeline.fence(2), 'read')
  })
}

test('A holder that is killed leaves its lock free and its fences failed, once, with EOWNERDEAD', async (t) => {
  const { rig, buffers } = await rigWith(t, 1)
  await using _ = rig
  await using remote = await member(rig.path, ['buffer 0'])
  await using witness = await member(rig.path, ['buffer 0'])
  await holdWithFence(remote)
  const { reservation } = buffers[0]!
  const [fence, ...more] = reservation.fences('bookkeep')
  // What was added in the lock that is still held is nobody's business yet.
  assert.deepEqual(more, [])
  let signals = 0
  fence!.addCallback(() => signals++)
  const waiting = errorCode(() => fence!.wait())
  const locking = reservation.lock({ timeoutMs: 20_000 })
  const theirs = witness.run(async ({ state }) => {
    const [one] = state.buffers[0]!.reservation.fences('bookkeep')
    const code = await one!.wait().then(
      () => 'none',
      (error: unknown) => (error as { code: string }).code,
    )
    ;(await state.buffers[0]!.reservation.lock()).release()
    return code
  })
  await remote.kill()
  assert.equal(await waiting, 'EOWNERDEAD')
  ;(await locking).release()
  assert.equal(await theirs, 'EOWNERDEAD')
  assert.equal(signals, 1)
  assert.equal(reservation.isSignaled('bookkeep'), true)
})

test('A waiter for a lock that is killed keeps nobody from getting it', async (t) => {
  const { rig, buffers } = await rigWith(t, 1)
  await using _ = rig
  await using remote = await member(rig.path, ['buffer 0'])
  await using witness = await member(rig.path, ['buffer 0'])
  const held = buffers[0]!.reservation.tryLock()!
  const wait = async ({ state }: { state: State }): Promise<void> => {
    ;(await state.buffers[0]!.reservation.lock()).release()
  }
  const lost = remote.run(wait).catch(() => 'died')
  const kept = witness.run(wait)
  await remote.kill()
  assert.equal(await lost, 'died')
  held.release()
  await kept
})

test('A member that is stopped delays nobody who does not wait for it, and finds out what it missed', async (t) => {
  const { rig, buffers } = await rigWith(t, 2)
  await using _ = rig
  await using remote = await member(rig.path, ['buffer 0', 'buffer 1'])
  await remote.run(() => process.pid)
  remote.signal('SIGSTOP')
  // Somebody joins, locks and adds fences, though one member hears nothing of it.
  await using late = await member(rig.path, ['buffer 0'])
  await late.run(async ({ core, state }) => {
    const { reservation } = state.buffers[0]!
    state.timeline = core.createTimeline('late')
    const held = await reservation.lock()
    held.reserve(1)
    held.add(state.timeline.fence(1), 'write')
    held.release()
    state.held = await reservation.lock()
  })
  assert.equal(buffers[0]!.reservation.tryLock(), undefined)
  const looking = remote.run(({ state }) => {
    const [first, second] = state.buffers
    return {
      isSignaled: first!.reservation.isSignaled('write'),
      isFree: first!.reservation.tryLock() !== undefined,
      isOtherFree: second!.reservation.tryLock() !== undefined,
    }
  })
  remote.signal('SIGCONT')
  assert.deepEqual(await looking, { isSignaled: false, isFree: false, isOtherFree: true })
})

test('A stopped holder that is evicted loses its lock, and cannot lock alone when it goes on', async (t) => {
  const { rig, buffers } = await rigWith(t, 1)
  await using _ = rig
  await using remote = await member(rig.path, ['buffer 0'])
  await holdWithFence(remote)
  remote.signal('SIGSTOP')
  const { reservation } = buffers[0]!
  assert.equal(await errorCode(() => reservation.lock({ timeoutMs: 5 })), 'ETIMEDOUT')
  rig.hub.evict(1, 'it is stuck')
  const held = await reservation.lock()
  const going = remote.run(async ({ state }) => {
    const [buffer] = state.buffers
    state.held.release()
    const calls = [
      () => buffer!.reservation.lock(),
      () => buffer!.beginCpuAccess('read'),
      async () => buffer!.reservation.isSignaled('kernel'),
    ]
    const answers = calls.map((call) =>
      call().then(
        () => 'none',
        (error: unknown) => (error as { code: string }).code,
      ),
    )
    return [...(await Promise.all(answers)), state.domain.closed]
  })
  remote.signal('SIGCONT')
  assert.deepEqual(await going, ['ECONNRESET', 'ECONNRESET', 'ECONNRESET', true])
  held.check('test')
  held.release()
  assert.equal(reservation.isSignaled('bookkeep'), true)
})

test('The death of the hub fails its fences, and the living go on with locks and fences', async (t) => {
  const path = socketPath(t)
  await using hub = await Remote.start<State>()
  await hub.run(async ({ core, linux, state }, at) => {
    state.domain = await linux.serveDomain(at)
    state.buffers = [linux.openMemfdHeap().allocate(4096)]
    await state.domain.share(state.buffers[0]!, 'buffer 0')
    state.timeline = core.createTimeline('hub')
    const held = await state.buffers[0]!.reservation.lock()
    held.reserve(1)
    held.add(state.timeline.fence(1), 'write')
    held.release()
    state.held = await state.buffers[0]!.reservation.lock()
  }, path)
  await using first = await member(path, ['buffer 0'])
  await using second = await member(path, ['buffer 0'])
  const waiting = first.run(async ({ state }) => {
    const [fence] = state.buffers[0]!.reservation.fences('write')
    return fence!.wait().then(
      () => 'none',
      (error: unknown) => (error as { code: string }).code,
    )
  })
  const locking = second.run(async ({ core, state }) => {
    state.held = await state.buffers[0]!.reservation.lock()
    state.timeline = core.createTimeline('after')
    state.held.reserve(1)
    state.held.add(state.timeline.fence(1), 'write')
    state.held.release()
  })
  await hub.kill()
  assert.equal(await waiting, 'EOWNERDEAD')
  await locking
  const access = first.run(async ({ state }) => {
    const before = state.buffers[0]!.reservation.isSignaled('write')
    ;(await state.buffers[0]!.beginCpuAccess('read')).end()
    return before
  })
  await second.run(({ state }) => state.timeline.signal(1))
  assert.equal(typeof (await access), 'boolean')
  const open = await first.run(async ({ state }) =>
    state.domain.open('other').then(
      () => 'none',
      (error: unknown) => (error as { code: string }).code,
    ),
  )
  assert.equal(open, 'EPIPE')
})

test('Members that could not send each other their bells before the hub died wake each other all the same', async (t) => {
  const path = socketPath(t)
  await using hub = await Remote.start<State>()
  await hub.run(async ({ linux, state }, at) => {
    state.domain = await linux.serveDomain(at)
    state.buffers = [linux.openMemfdHeap().allocate(4096)]
    await state.domain.share(state.buffers[0]!, 'buffer 0')
  }, path)
  await using owner = await member(path, ['buffer 0'])
  await owner.run(async ({ core, state }) => {
    state.timeline = core.createTimeline('theirs')
    const held = await state.buffers[0]!.reservation.lock()
    held.reserve(1)
    held.add(state.timeline.fence(1), 'write')
    held.release()
  })
  owner.signal('SIGSTOP')
  // It joins, and the owner hears of that when there is no hub any more that would hand its bell on.
  await using late = await member(path, ['buffer 0'])
  const waiting = late.run(async ({ state }) => {
    const [fence] = state.buffers[0]!.reservation.fences('write')
    return fence!.wait({ timeoutMs: 20_000 }).then(
      () => 'signalled',
      (error: unknown) => (error as { code: string }).code,
    )
  })
  await hub.kill()
  owner.signal('SIGCONT')
  await owner.run(async ({ state }) => {
    while (state.domain.members.length !== 1 || state.domain.members[0]!.index === 0)
      await new Promise((resolve) => setTimeout(resolve, 5))
  })
  await owner.run(({ state }) => state.timeline.signal(1))
  assert.equal(await waiting, 'signalled')
})

/** Locks two or three of the buffers together, again and again, and counts in their memory what it did. */
async function contend(
  remote: Remote<State>,
  rounds: number,
  seed: number,
): Promise<{ rounds: number }> {
  return remote.run(
    async ({ core, state }, count, start) => {
      let random = start
      const below = (end: number): number => {
        random = (Math.imul(random, 1103515245) + 12345) >>> 0
        return (random >>> 8) % end
      }
      for (let round = 0; round < count; round++) {
        const chosen = new Set([below(3), below(3)])
        const reservations = [...chosen].map((index) => state.buffers[index]!.reservation)
        const all = await core.lockAll(reservations, { timeoutMs: 20_000 })
        for (const index of chosen) {
          const access = await state.buffers[index]!.beginCpuAccess('readwrite')
          const words = new Int32Array(access.bytes.buffer, 0, 2)
          // Two plain words, and a turn of the event loop between them: nobody else may come in between.
          words[0]!++
          if (below(4) === 0) await new Promise((resolve) => setImmediate(resolve))
          words[1]!++
          access.end()
        }
        all.release()
      }
      return { rounds: count }
    },
    rounds,
    seed,
  )
}

test('Processes that lock several buffers in any order never deadlock nor meet inside [WW-7] [WW-22]', async (t) => {
  const { rig, buffers } = await rigWith(t, 3)
  await using _ = rig
  const names = ['buffer 0', 'buffer 1', 'buffer 2']
  const remotes = await Promise.all([1, 2, 3].map(() => member(rig.path, names)))
  try {
    await Promise.all(remotes.map((remote, i) => contend(remote, 150, 17 * (i + 1))))
    for (const buffer of buffers) {
      using access = await buffer.beginCpuAccess('read')
      const [before, after] = new Int32Array(access.bytes.buffer, 0, 2)
      assert.equal(before, after)
      assert.ok(before! > 100)
    }
  } finally {
    for (const remote of remotes) await remote.kill()
  }
})

test('Processes that are killed at random while they lock several buffers hang nobody, and leak nothing', async (t) => {
  const seed = 5
  const random = new Random(seed)
  const { rig } = await rigWith(t, 3)
  await using _ = rig
  const names = ['buffer 0', 'buffer 1', 'buffer 2']
  await settled()
  const before = countResources()
  await using survivor = await member(rig.path, names)
  const surviving = contend(survivor, 300, 3)
  for (let kill = 0; kill < 4; kill++) {
    const victim = await member(rig.path, names)
    const contending = contend(victim, 1_000_000, random.below(1000)).catch(() => 'killed')
    await new Promise((resolve) => setTimeout(resolve, random.below(60)))
    await victim.kill()
    assert.equal(await contending, 'killed', `seed ${seed}`)
  }
  assert.deepEqual(await surviving, { rounds: 300 }, `seed ${seed}`)
  await survivor.kill()
  await until(() => rig.hub.members.length === 0)
  await until(
    () => countResources().fds <= before.fds,
    () => `More than ${before.fds}: ${openFds().join(' ')}`,
  )
  await settled()
  assert.deepEqual(countResources(), before)
})

test('A member that writes garbage into its page loses its own place, and nothing of the others', async (t) => {
  const { rig, buffers } = await rigWith(t, 1)
  await using _ = rig
  const hostile = await rig.joinByHand()
  const victim = await hostile.domain.open('buffer 0')
  await using honest = await member(rig.path, ['buffer 0'])
  await honest.run(async ({ core, state }) => {
    state.timeline = core.createTimeline('honest')
    const held = await state.buffers[0]!.reservation.lock()
    held.reserve(1)
    held.add(state.timeline.fence(1), 'write')
    held.release()
  })
  const { reservation } = buffers[0]!
  assert.equal(reservation.isSignaled('write'), false)
  const [fence] = reservation.fences('write')
  const { words } = hostile.group
  for (let at = 16; at < words.length; at++) words.store(at, (at * 2654435761) | 0)
  assert.equal(reservation.isSignaled('write'), false)
  assert.equal(fence!.isSignaled(), false)
  await until(() => rig.hub.members.every(({ index }) => index !== 1))
  const locking = reservation.lock({ timeoutMs: 20_000 })
  ;(await locking).release()
  await honest.run(({ state }) => state.timeline.signal(1))
  await fence!.wait()
  assert.equal(reservation.isSignaled('write'), true)
  victim.close()
})
