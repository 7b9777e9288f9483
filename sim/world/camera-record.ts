import { FENCE_PENDING } from '#src/interprocess/frame-descriptor.js'
import type { QueueMemory } from '#src/frames/queue-memory.js'
import type { Page } from '../engine/memory.js'
import { must } from '../engine/violation.js'
import type { QueueLink } from './queue-link.js'
import type { Visit } from './visit.js'

/** Instead of a ticket: the slot is being filled. */
export const FILLING = -1

/** What is in a slot. */
export interface SlotFrame {
  /** 0: nothing. */
  readonly ticket: number
  readonly formatSerial: number
  readonly lengthBytes: number
  readonly page: Page | undefined
}

interface Outcome {
  readonly status: number
  /** Whoever looks now sees it. */
  isTold: boolean
}

export const EMPTY: SlotFrame = { ticket: 0, formatSerial: 0, lengthBytes: 0, page: undefined }

/** What a camera has done: what viewers see is held against it. */
export class CameraRecord {
  /** The newest ticket that it has begun to publish, and the newest that it has published. */
  announced = 0
  published = 0
  /** The newest frame whose fence has signalled, once everybody can see that. */
  knownReady = 0
  /** What is in each slot. */
  readonly slots: SlotFrame[]
  readonly filling: number[] = []
  /** Slots whose frames are published, and not painted yet. */
  readonly unpainted: number[] = []
  /** Of the fences, by ticket. */
  readonly #outcomes = new Map<number, Outcome>()

  constructor(slotCount: number) {
    this.slots = new Array<SlotFrame>(slotCount).fill(EMPTY)
  }

  /** The fence of a frame is about to signal. */
  settles(ticket: number, status: number): void {
    must(!this.#outcomes.has(ticket), `The fence of frame ${ticket} signals twice`)
    this.#outcomes.set(ticket, { status, isTold: false })
  }

  /** It has. */
  settled(ticket: number): void {
    this.#outcomes.get(ticket)!.isTold = true
    this.knownReady = Math.max(this.knownReady, ticket)
  }

  /** What a viewer sees of a fence, just now. @param gone - the errno of the camera's end, once it knows of that */
  checkFence(ticket: number, status: number, gone: number | undefined): void {
    const outcome = this.#outcomes.get(ticket)
    const isTold = outcome?.isTold === true
    if (status === FENCE_PENDING)
      must(
        !isTold && gone === undefined,
        `Frame ${ticket} is pending though its fence has signalled`,
      )
    else if (gone === undefined || isTold)
      must(
        outcome?.status === status,
        `The fence of frame ${ticket} is ${status} instead of ${outcome?.status ?? 'pending'}`,
      )
    else
      must(
        status === -gone || status === outcome?.status,
        `The fence of frame ${ticket} is ${status} after the camera's end`,
      )
  }

  /** Whether everybody can see that the fence of a frame has signalled. */
  isSettled(ticket: number): boolean {
    return this.#outcomes.get(ticket)?.isTold === true
  }

  /** Whether there is something that a viewer must not sleep through. */
  hasNewsFor(visit: Visit): boolean {
    return this.#hasFrameFor(visit) || visit.pending.some((ticket) => this.isSettled(ticket))
  }

  #hasFrameFor({ next, habits: { mode, fences } }: Visit): boolean {
    if (this.published < next) return false
    if (fences === 'pass') return true
    if (mode === 'fifo') return this.isSettled(next)
    return this.knownReady >= next
  }

  /** Slots that could be filled again: nobody waits for one of these. */
  freeSlots(memory: QueueMemory, links: readonly QueueLink[]): readonly number[] {
    const visits = links.map(({ visit }) => visit)
    const kept = links
      .filter(({ join, isEvicted }) => join?.mode === 'fifo' && !isEvicted)
      .map(({ visit }) => visit.next)
    const unreadFrom = Math.min(Number.POSITIVE_INFINITY, ...kept)
    const inUse = new Set(visits.flatMap((visit) => visit.slotsInUse))
    return memory.slots
      .filter(({ slot, buffer }) => {
        if (buffer === undefined || inUse.has(slot)) return false
        const { ticket } = this.slots[slot]!
        const isNewest = ticket === this.published && ticket > 0
        return !isNewest && ticket !== FILLING && ticket < unreadFrom
      })
      .map(({ slot }) => slot)
  }
}
