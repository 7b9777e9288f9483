// Goal: the kernel's own user-space tests of sync files hold here, through descriptors and ioctls.
// Method: the same stories over sw_sync; threads are tasks, and the stress counts are cut to run in seconds.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { POLLIN } from '#src/uapi/file.js'
import { encodeCreateFenceData, SW_SYNC_IOC_CREATE_FENCE } from '#src/uapi/sw-sync.js'
import { errorCode } from '../helpers/error-code.js'
import { Program } from '../helpers/program.js'
import { Random } from '../helpers/random.js'

const ACTIVE = 0
const SIGNALED = 1

test('A timeline opens as a descriptor [T-S1]', () => {
  using program = new Program()
  assert.equal(program.openTimeline(), 0)
})

test('A fence of a timeline is a descriptor [T-S2]', async () => {
  using program = new Program()
  const fd = await program.createFence(program.openTimeline(), 1)
  assert.ok(fd > 0)
  assert.equal((await program.fileInfo(fd)).fenceCount, 1)
})

test('A fence of descriptor -1 cannot be made [T-S3]', async () => {
  using program = new Program()
  const bytes = encodeCreateFenceData({ value: 1, name: 'fence', fence: 0 })
  assert.equal(await errorCode(() => program.ioctl(-1, SW_SYNC_IOC_CREATE_FENCE, bytes)), 'EBADF')
  assert.equal(program.table.takenCount, 0)
})

test('A wait for 5 on one timeline: not at 0 and 1, at 5 and still at 15 [T-S4]', async () => {
  using program = new Program()
  const timeline = program.openTimeline()
  const fd = await program.createFence(timeline, 5)
  assert.equal(await program.waitFor(fd, 0), false)
  await program.increment(timeline, 1)
  assert.equal(await program.waitFor(fd, 0), false)
  await program.increment(timeline, 4)
  assert.equal(await program.waitFor(fd, 0), true)
  await program.increment(timeline, 10)
  assert.equal(await program.waitFor(fd, 0), true)
})

test('1, 2 and 3 of one timeline merge to the last of them [T-S5]', async () => {
  using program = new Program()
  const timeline = program.openTimeline()
  const a = await program.createFence(timeline, 1)
  const b = await program.createFence(timeline, 2)
  const c = await program.createFence(timeline, 3)
  const d = await program.merge(await program.merge(a, b), c)
  assert.equal((await program.fileInfo(d)).fenceCount, 1)
  for (const value of [1, 2]) {
    await program.increment(timeline, 1)
    assert.equal((await program.fileInfo(d)).status, ACTIVE, `at ${value}`)
    assert.equal(await program.countWithStatus(d, ACTIVE), 1)
  }
  await program.increment(timeline, 1)
  assert.equal((await program.fileInfo(d)).status, SIGNALED)
  assert.equal(await program.countWithStatus(d, SIGNALED), 1)
})

test('A fence merged with itself is signalled once, when it is [T-S6]', async () => {
  using program = new Program()
  const timeline = program.openTimeline()
  const fd = await program.createFence(timeline, 5)
  const merged = await program.merge(fd, fd)
  assert.equal(await program.countWithStatus(merged, SIGNALED), 0)
  await program.increment(timeline, 5)
  assert.equal(await program.countWithStatus(merged, SIGNALED), 1)
})

test('Three timelines merged: each moves one to signalled, the last one ends the wait [T-S7]', async () => {
  using program = new Program()
  const timelines = ['A', 'B', 'C'].map((name) => program.openTimeline(name))
  const fds: number[] = []
  for (const timeline of timelines) fds.push(await program.createFence(timeline, 5))
  const merged = await program.merge(await program.merge(fds[0]!, fds[1]!), fds[2]!)
  assert.equal(await program.countWithStatus(merged, ACTIVE), 3)
  assert.equal(await program.waitFor(merged, 0), false)
  for (const [index, timeline] of timelines.entries()) {
    await program.increment(timeline, 5)
    assert.equal(await program.countWithStatus(merged, ACTIVE), 2 - index)
    assert.equal(await program.countWithStatus(merged, SIGNALED), index + 1)
    assert.equal(await program.waitFor(merged, 0), index === 2)
  }
})

test('Two tasks alternate over one timeline, strictly [T-S8]', async () => {
  using program = new Program()
  const timeline = program.openTimeline()
  const ROUNDS = 1500
  let counter = 0
  const turn = async (task: number): Promise<void> => {
    for (let round = 0; round < ROUNDS; round++) {
      // One waits for even values and counts to odd ones, the other the other way round.
      const fd = await program.createFence(timeline, round * 2 + task)
      assert.equal(await program.waitFor(fd), true)
      assert.equal(counter, round * 2 + task)
      counter++
      await program.increment(timeline, 1)
      program.table.close(fd)
    }
  }
  await Promise.all([turn(0), turn(1)])
  assert.equal(counter, ROUNDS * 2)
  assert.equal(program.table.openCount, 1)
})

for (const wait of ['poll', 'status'] as const)
  test(`One consumer sees what five producers made, waiting by ${wait} [T-S9]`, async () => {
    using program = new Program()
    const ROUNDS = 200
    const consumer = program.openTimeline('consumer')
    const producers = Array.from({ length: 5 }, (_, i) => program.openTimeline(`producer${i}`))
    let counter = 0
    const until = async (fd: number): Promise<void> => {
      if (wait === 'poll') assert.equal(await program.waitFor(fd), true)
      while (wait === 'status' && (await program.fileInfo(fd)).status === ACTIVE)
        await new Promise((resolve) => setImmediate(resolve))
      assert.equal((await program.fileInfo(fd)).status, SIGNALED)
      program.table.close(fd)
    }
    const produce = async (timeline: number): Promise<void> => {
      for (let round = 0; round < ROUNDS; round++) {
        await until(await program.createFence(consumer, round))
        counter++
        await program.increment(timeline, 1)
      }
    }
    const consume = async (): Promise<void> => {
      for (let round = 1; round <= ROUNDS; round++) {
        let merged = await program.createFence(producers[0]!, round)
        for (const producer of producers.slice(1)) {
          const fd = await program.createFence(producer, round)
          const both = await program.merge(merged, fd)
          program.table.close(merged)
          program.table.close(fd)
          merged = both
        }
        await until(merged)
        assert.equal(counter, producers.length * round)
        await program.increment(consumer, 1)
      }
    }
    await Promise.all([consume(), ...producers.map(produce)])
    assert.equal(program.table.openCount, 6)
  })

test('Random fences of 32 timelines merge to one per timeline, ready with the last [T-S10]', async () => {
  const seed = 0x5eed
  const random = new Random(seed)
  using program = new Program()
  const timelines = Array.from({ length: 32 }, (_, i) => program.openTimeline(`t${i}`))
  // What each timeline must reach: the latest seqno that was merged.
  const latest = timelines.map(() => 0)
  let merged = await program.createFence(timelines[0]!, 0)
  for (let i = 0; i < 2000; i++) {
    const index = random.below(32)
    const seqno = random.below(2 ** 31 - 1)
    latest[index] = Math.max(latest[index]!, seqno)
    const fd = await program.createFence(timelines[index]!, seqno)
    const next = await program.merge(merged, fd)
    program.table.close(merged)
    program.table.close(fd)
    merged = next
  }
  const used = latest.filter((seqno) => seqno > 0).length
  assert.equal((await program.fileInfo(merged)).fenceCount, used, `seed ${seed}`)
  for (const [index, timeline] of timelines.entries()) {
    assert.equal(await program.waitFor(merged, 0), false, `seed ${seed}, timeline ${index}`)
    await program.increment(timeline, latest[index]!)
  }
  assert.equal(await program.waitFor(merged, 0), true)
  assert.equal(program.table.file(merged).poll(POLLIN), POLLIN)
})
