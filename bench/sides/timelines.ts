// Many shared timelines, of which the other process waits for one at a time.
//
//   timelines first|other trips|signals TIMELINES CPU          answers rounds
//   timelines first trips TIMELINES CPU TRIPS                  makes so many round trips, says what they hold, exits
//
// `trips`: one is signalled, the other process wakes and signals its own. `signals`: ten
// others are signalled meanwhile.
import { createTimeline, type Timeline } from 'dmabuf'
import {
  inheritLink,
  linkPair,
  receiveTimeline,
  shareTimeline,
  type Link,
  type RemoteTimeline,
} from 'dmabuf/linux'
import { readdirSync, readFileSync } from 'node:fs'
import { answerRounds, nowNs, startOther, timeBatches, type Timing } from './rounds.js'

const [role = '', what = '', many = '', cpu = '', once] = process.argv.slice(2)
const TIMELINES = Number(many)
/** Shares no factor with the numbers of timelines: all have their turn, each far from the one before. */
const STRIDE = 617

/** What this process holds that must not grow with the number of timelines. */
function holdings(): string {
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n')
  const mappings = maps.filter((line) => line.includes('/memfd:dmabuf:')).length
  // One of them reads the list.
  return `${readdirSync('/proc/self/fd').length - 1} ${mappings}`
}

/** Round trips, one after the other: each on another timeline. */
class Trips {
  readonly #timelines: readonly Timeline[]
  readonly #answers: RemoteTimeline
  #seqno = 0

  constructor(timelines: readonly Timeline[], answers: RemoteTimeline) {
    this.#timelines = timelines
    this.#answers = answers
  }

  async make(count: number): Promise<Timing> {
    const startNs = nowNs()
    for (let i = 0; i < count; i++) {
      const seqno = ++this.#seqno
      this.#timelines[(seqno * STRIDE) % TIMELINES]!.signal(seqno)
      await this.#answers.wait(seqno)
    }
    // The mean: on one core every second signal comes before the other side sleeps, and wakes nobody.
    return { ns: Math.round((nowNs() - startNs) / Math.max(1, count)) }
  }
}

/** The same ten, wherever they lie among the others: what grows then is no matter of caches. */
function signalOthers(timelines: readonly Timeline[]): (count: number) => Promise<Timing> {
  const waited = STRIDE % TIMELINES
  const others = timelines.filter((_, index) => index !== waited)
  const step = Math.floor(others.length / 9)
  const ten = others.filter((_, index) => index % step === 0)
  let seqno = 0
  return async (count) => timeBatches(count, () => ten[++seqno % ten.length]!.signal(seqno))
}

async function runFirst(link: Link): Promise<void> {
  const timelines = Array.from({ length: TIMELINES }, (_, i) => createTimeline(`work ${i}`))
  const receiving = receiveTimeline(link)
  for (const timeline of timelines) await shareTimeline(timeline, link)
  const trips = new Trips(timelines, await receiving)
  if (once === undefined) {
    if (what === 'signals') return answerRounds(signalOthers(timelines))
    return answerRounds((count) => trips.make(count))
  }
  await trips.make(Number(once))
  await link.send(new TextEncoder().encode('holdings'))
  const answer = await link.receive()
  process.stdout.write(`${holdings()} ${new TextDecoder().decode(answer?.bytes)}\n`)
  process.exit()
}

async function runOther(link: Link): Promise<void> {
  const mine = createTimeline('answers')
  const sharing = shareTimeline(mine, link)
  const theirs: RemoteTimeline[] = []
  while (theirs.length < TIMELINES) theirs.push(await receiveTimeline(link))
  await sharing
  void tellHoldings(link)
  for (let seqno = 1; ; seqno++) {
    await theirs[(seqno * STRIDE) % TIMELINES]!.wait(seqno)
    mine.signal(seqno)
  }
}

async function tellHoldings(link: Link): Promise<void> {
  await link.receive()
  await link.send(new TextEncoder().encode(holdings()))
}

if (role === 'first') {
  const [link, fd] = linkPair()
  startOther(cpu, [what, many], [fd])
  await runFirst(link)
} else {
  // The link ends with an error when the first side is stopped.
  await runOther(inheritLink(3)).catch(() => {})
  process.exit()
}
