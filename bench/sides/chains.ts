// Chains of fences, and lists of plain objects of the same length to compare their growth with.
//
//   chains NAME CPU    answers rounds: nanoseconds for one link, or one merge
import { drainDeferred } from '#src/core/deferred.js'
import { createFenceChain, walkChain } from '#src/core/fence/fence-chain.js'
import { Fence, getFence, isFlaggedSignaled, putFence, signalFence } from '#src/core/fence/fence.js'
import { mergeFences } from '#src/core/fence/merge.js'
import { answerRounds, nowNs } from './rounds.js'

const OPS = { driverName: 'bench', timelineName: 'bench' }

/** A life of a chain: built, walked, waited for, signalled oldest first, put. */
function chain(length: number): void {
  const fences: Fence[] = []
  let head: Fence | undefined = undefined
  for (let seqno = 1; seqno <= length; seqno++) {
    const fence = new Fence(OPS, 1, seqno)
    fences.push(getFence(fence))
    head = createFenceChain(head, fence, seqno)
  }
  let count = 0
  for (let node = getFence(head); node !== undefined; node = walkChain(node)) count++
  head!.enableSignaling()
  for (let index = 0; index < length; index++) {
    signalFence(fences[index]!)
    putFence(fences[index])
  }
  drainDeferred()
  if (count !== length || !isFlaggedSignaled(head!)) throw new Error('The chain did not signal')
  putFence(head)
}

interface Link {
  isDone: boolean
  readonly seqno: number
}

interface Node {
  readonly own: Link
  readonly previous: Node | undefined
}

/** The same with objects that can do nothing. */
function list(length: number): void {
  const links: Link[] = []
  let head: Node | undefined = undefined
  for (let seqno = 1; seqno <= length; seqno++) {
    const own = { isDone: false, seqno }
    links.push(own)
    head = { own, previous: head }
  }
  let count = 0
  for (let node = head; node !== undefined; node = node.previous) if (!node.own.isDone) count++
  for (const link of links) link.isDone = true
  if (count !== length) throw new Error('The list is broken')
}

/** Merges of eight pending fences of as many contexts. */
function merges(count: number): void {
  const fences = Array.from({ length: 8 }, (_, context) => new Fence(OPS, 9 - context, 1))
  for (let index = 0; index < count; index++) putFence(mergeFences(fences))
}

/** Does a whole life of that length as often as it takes for `count` links. */
function lives(live: (length: number) => void, length: number) {
  return (count: number): number => {
    const times = Math.max(1, Math.round(count / length))
    const startNs = nowNs()
    for (let i = 0; i < times; i++) live(length)
    return (nowNs() - startNs) / (times * length)
  }
}

const sides: Readonly<Record<string, (count: number) => number>> = {
  'chain-1000': lives(chain, 1000),
  'chain-100000': lives(chain, 100_000),
  'list-1000': lives(list, 1000),
  'list-100000': lives(list, 100_000),
  'merge-8': lives(merges, 100),
}

const [name = ''] = process.argv.slice(2)
const side = sides[name]
if (side === undefined) throw new RangeError(`No such side: ${name}`)
await answerRounds(async (count) => ({ ns: side(count) }))
