// A buffer whose exporter notes each call, and whether the lock was held; any of its ops can be replaced.
import type { AttachableBuffer, AttachmentOps } from '#src/core/buffer/attachment-ops.js'
import type { Attachment } from '#src/core/buffer/attachment.js'
import { AttachmentList } from '#src/core/buffer/attachment-list.js'
import { IosysMap } from '#src/core/buffer/iosys-map.js'
import { mapForDma } from '#src/core/buffer/dma-mapping.js'
import { SgTable } from '#src/core/buffer/sg-table.js'
import { allocateContext } from '#src/core/fence/context.js'
import { Fence, signalFence } from '#src/core/fence/fence.js'
import type { ImporterOps } from '#src/core/buffer/attachment-ops.js'
import { Reservation } from '#src/core/reservation/reservation.js'
import type { Usage } from '#src/core/reservation/usage.js'

export type OpName = 'attach' | 'detach' | 'pin' | 'unpin' | 'map' | 'unmap' | 'vmap' | 'vunmap'

export interface RecordingOptions {
  /** With pin and unpin. */
  readonly dynamic?: boolean
  readonly cachesMappings?: boolean
  /** Called in an op's place, after it was noted. */
  readonly replace?: Partial<Record<OpName, (attachment: Attachment) => unknown>>
  /** Ops that are not there at all. */
  readonly without?: readonly OpName[]
}

/** A buffer on its own, with what its exporter was asked: `map npu to-device, locked` … */
export class RecordingBuffer implements AttachableBuffer {
  readonly exporterName = 'recorder'
  readonly lengthBytes = 8192
  readonly state = { own: 'state' }
  readonly reservation = new Reservation()
  readonly attachments = new AttachmentList()
  readonly ops: AttachmentOps<unknown>
  released = false
  vmapCount = 0
  vmapPointer: IosysMap | undefined = undefined
  alive = 0
  readonly calls: string[] = []
  readonly memory = new Uint8Array(8192)
  readonly #replace: Partial<Record<OpName, (attachment: Attachment) => unknown>>
  readonly #fences: Fence[] = []

  constructor(options: RecordingOptions = {}) {
    const { dynamic = false, cachesMappings = false, replace = {}, without = [] } = options
    this.#replace = replace
    const ops: Partial<Record<string, unknown>> = { cachesMappings }
    const own: OpName[] = ['attach', 'detach', 'map', 'unmap', 'vmap', 'vunmap']
    const moving: OpName[] = ['pin', 'unpin']
    for (const name of dynamic ? [...own, ...moving] : own)
      if (!without.includes(name)) ops[name] = this.#op(name)
    this.ops = ops as unknown as AttachmentOps<unknown>
  }

  /** The calls since the last time. */
  take(): readonly string[] {
    return this.calls.splice(0)
  }

  async whileAlive<T>(promise: Promise<T>): Promise<T> {
    this.alive++
    try {
      return await promise
    } finally {
      this.alive--
    }
  }

  /** Adds a pending fence. */
  async add(usage: Usage): Promise<Fence> {
    const ops = { driverName: 'test', timelineName: 'recorder' }
    const fence = new Fence(ops, allocateContext(), 1)
    using held = await this.reservation.lock()
    held.reserve(1)
    held.add(fence, usage)
    this.#fences.push(fence)
    return fence
  }

  signalAll(): void {
    for (const fence of this.#fences.splice(0)) signalFence(fence)
  }

  #op(name: OpName): (...args: unknown[]) => unknown {
    return (...args) => {
      const state = args.at(-1)
      if (state !== this.state) throw new Error(`${name} got another state: ${String(state)}`)
      const [first] = args as [Attachment]
      const isCpu = name === 'vmap' || name === 'vunmap'
      const direction = name === 'map' ? args[1] : name === 'unmap' ? args[2] : undefined
      const parts = [name, isCpu ? undefined : first.device.name, direction].filter(Boolean)
      this.calls.push(`${parts.join(' ')}${this.reservation.isLocked ? ', locked' : ''}`)
      const replacement = this.#replace[name]
      if (replacement !== undefined) return replacement(first)
      if (name === 'map') return this.newTable(first)
      return name === 'vmap' ? IosysMap.ofMemory(this.memory) : undefined
    }
  }

  /** What map() answers where nothing else was wanted: two pages that are apart. */
  newTable(attachment: Attachment): SgTable {
    const table = SgTable.fromPages([16, 32])
    mapForDma(table, attachment.device, 'bidirectional')
    return table
  }
}

/** An importer that notes who was told of a move. */
export function recordingImporter(
  notes: string[] = [],
  allowPeerToPeer = false,
): ImporterOps & { readonly notes: string[] } {
  return {
    notes,
    allowPeerToPeer,
    moveNotify: (attachment) => {
      notes.push(attachment.device.name)
    },
  }
}

/** Whether a promise settles without anything else happening. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const note = (): void => {
    settled = true
  }
  promise.then(note, note)
  for (let turn = 0; turn < 30; turn++) await Promise.resolve()
  return settled
}
