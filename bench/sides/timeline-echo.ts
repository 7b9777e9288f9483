// Two processes that block: each signals its own timeline and waits for the other's.
//
//   timeline-echo first|other CPU
import { createTimeline } from 'dmabuf'
import { inheritLink, linkPair, receiveTimeline, shareTimeline, type Link } from 'dmabuf/linux'
import { answerRounds, startOther, timingOf, type Timing } from './rounds.js'

const [role = '', cpu = ''] = process.argv.slice(2)
const mine = createTimeline(role)
let seqno = 0

async function runFirst(link: Link): Promise<void> {
  const sharing = shareTimeline(mine, link)
  const theirs = await receiveTimeline(link)
  await sharing
  const round = async (count: number): Promise<Timing> => {
    // The other side leaves its event loop for a round: only this link wakes it.
    await link.send(new TextEncoder().encode(String(count)))
    const samples = new Float64Array(count)
    let lastMs = performance.now()
    for (let i = 0; i < count; i++) {
      seqno++
      theirs.waitSync(seqno, { signalFirst: { timeline: mine, seqno } })
      const nowMs = performance.now()
      samples[i] = (nowMs - lastMs) * 1e6
      lastMs = nowMs
    }
    return timingOf(samples)
  }
  await answerRounds(round)
}

async function runOther(link: Link): Promise<void> {
  const sharing = shareTimeline(mine, link)
  const theirs = await receiveTimeline(link)
  await sharing
  for await (const message of link) {
    const count = Number(new TextDecoder().decode(message.bytes))
    theirs.waitSync(seqno + 1)
    for (let i = 1; i < count; i++) {
      seqno++
      theirs.waitSync(seqno + 1, { signalFirst: { timeline: mine, seqno } })
    }
    mine.signal(++seqno)
  }
}

if (role === 'first') {
  const [link, fd] = linkPair()
  startOther(cpu, [], [fd])
  await runFirst(link)
} else {
  // The link ends with an error when the first side is stopped.
  await runOther(inheritLink(3)).catch(() => {})
  process.exit()
}
