import type { DmaBufError } from '../core/errors.js'
import { isFlaggedSignaled, putFence, type Fence } from '../core/fence/fence.js'
import type { FenceTable } from '../core/reservation/fence-table.js'
import { FenceListReader, type ListedFence } from '../interprocess/fence-lists.js'
import type { DomainGroup } from './domain-group.js'
import type { DomainPeer } from './domain-peer.js'

/** A list is read again where a slot that it names is used for something else by now: so often, then it is a lie. */
const READS = 16

interface Imported {
  readonly entry: ListedFence
  /** With a reference of ours. */
  readonly fence: Fence
}

/** The fences of one other member in one shared buffer, as ordinary fences in our table. */
export class PeerFences {
  readonly #group: DomainGroup
  readonly #peer: DomainPeer
  readonly #table: FenceTable
  readonly #reader: FenceListReader
  #imported: readonly Imported[] = []

  constructor(
    group: DomainGroup,
    peer: DomainPeer,
    { buffer, table }: { readonly buffer: number; readonly table: FenceTable },
  ) {
    this.#group = group
    this.#peer = peer
    this.#table = table
    const { layout } = group
    this.#reader = new FenceListReader(peer.words, layout.listAt(buffer), layout.shape.slots)
  }

  /** Takes over what the member has changed; a member whose list is none is ignored from now on. */
  refresh(): void {
    if (!this.#reader.hasChanged) return
    try {
      for (let reads = 0; reads < READS; reads++) {
        this.#reader.refresh()
        if (this.#import() || !this.#reader.hasChanged) return
      }
    } catch (error) {
      this.#group.remove(this.#peer, { kind: 'evicted', error: error as DmaBufError })
    }
  }

  /** @returns false where an entry names a slot that is used for something else */
  #import(): boolean {
    const before = new Set(this.#imported)
    const imported: Imported[] = []
    let isWhole = true
    for (const entry of this.#reader.fences) {
      const known = this.#imported.find((one) => before.has(one) && isSame(one.entry, entry))
      if (known !== undefined) {
        before.delete(known)
        imported.push(known)
        continue
      }
      const fence = this.#fenceOf(entry)
      if (fence === undefined) isWhole = false
      else imported.push({ entry, fence })
    }
    this.#imported = imported
    for (const { fence } of before) {
      this.#table.remove(fence)
      putFence(fence)
    }
    return isWhole
  }

  #fenceOf(entry: ListedFence): Fence | undefined {
    const { name, index, fences } = this.#peer
    const names = { owner: name, driverName: 'dmabuf', timelineName: `member ${index}` }
    const fence = fences.fence(entry, names)
    if (fence !== undefined && !isFlaggedSignaled(fence)) this.#table.insert(fence, entry.usage)
    return fence
  }

  /** The table was emptied: puts in again what is pending. */
  restore(): void {
    for (const { entry, fence } of this.#imported)
      if (!isFlaggedSignaled(fence)) this.#table.insert(fence, entry.usage)
  }

  /** The member is gone, or the reservation: its fences are left to the table. */
  forget(): void {
    const imported = this.#imported
    this.#imported = []
    for (const { fence } of imported) putFence(fence)
  }
}

function isSame(a: ListedFence, b: ListedFence): boolean {
  return (
    a.slot === b.slot && a.generation === b.generation && a.seqno === b.seqno && a.usage === b.usage
  )
}
