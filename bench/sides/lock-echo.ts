// Three shared reservations that two processes lock in turn: each holds one, takes the next, and releases its
// own. The next is always the other side's, so every lock is waited for, and goes from hand to hand.
//
//   lock-echo first CPU
//   lock-echo other PATH
import type { DmaBuf } from 'dmabuf'
import { joinDomain, openMemfdHeap, serveDomain } from 'dmabuf/linux'
import { once } from 'node:events'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { answerRounds, endWithStdin, Round, startOther, type Timing } from './rounds.js'
import { temporaryFolder } from './temporary-folder.js'

const NAMES = ['one', 'two', 'three'] as const
const [role = '', rest = ''] = process.argv.slice(2)

/** One side. `own` is which lock it has at first. */
async function begin(buffers: readonly DmaBuf[], own: number): Promise<() => Promise<void>> {
  let index = own
  let held = await buffers[index]!.reservation.lock()
  return async () => {
    index = (index + 1) % buffers.length
    const next = await buffers[index]!.reservation.lock()
    held.release()
    held = next
  }
}

async function runFirst(): Promise<void> {
  const path = join(temporaryFolder(), 'hub')
  const hub = await serveDomain(path)
  const buffers = NAMES.map(() => openMemfdHeap().allocate(4096))
  for (const [index, buffer] of buffers.entries()) await hub.share(buffer, NAMES[index]!)
  const takeNext = await begin(buffers, 0)
  const other = startOther(rest, [path], [])
  await once(other.stdout!, 'data')
  await answerRounds(async (count) => {
    let settle!: (timing: Timing) => void
    const timing = new Promise<Timing>((resolve) => (settle = resolve))
    const round = new Round(count, settle)
    do await takeNext()
    while (round.next())
    return timing
  })
}

async function runOther(): Promise<void> {
  const domain = await joinDomain(rest)
  const buffers: DmaBuf[] = []
  for (const name of NAMES) buffers.push(await domain.open(name))
  const takeNext = await begin(buffers, 1)
  endWithStdin()
  process.stdout.write('ready\n')
  // Once the first side is gone no lock is waited for any more: only a turn of the event loop tells of it.
  for (;;) {
    for (let i = 0; i < 100; i++) await takeNext()
    await turn()
  }
}

if (role === 'first') await runFirst()
else await runOther()
