import { debug } from '../debug.js'
import { DmaBufError } from '../errors.js'
import { directionOf, type Access, type Bytes, type CpuView, type ViewLifetime } from './access.js'
import type { BufferObject } from './buffer-object.js'
import { reportRejection, reportThrown } from './exporter-calls.js'
import { guardView } from './stale-access.js'

/**
 * One bracket of CPU access: the memory is yours to read or write until end().
 *
 * `bytes` is for code that is done before the bracket ends. What goes on afterwards (streams, zlib,
 * sharp, a socket) needs `lend()` instead.
 *
 * @kernel DMA_BUF_IOCTL_SYNC
 * @rule CPU-1, CPU-6
 */
export class CpuAccess implements Disposable {
  readonly access: Access
  readonly #object: BufferObject
  readonly #lengthBytes: number
  #view: CpuView | undefined
  #ended = false

  /** @internal */
  constructor(object: BufferObject, access: Access, lengthBytes = object.lengthBytes) {
    object.get()
    this.#object = object
    this.access = access
    this.#lengthBytes = lengthBytes
  }

  /**
   * The whole buffer, as the memory itself where `zeroCopy`. Dead after end(): length 0, and methods throw.
   * @throws {DmaBufError} EBADF after end()
   */
  get bytes(): Bytes {
    return this.#open().bytes
  }

  /** False where the runtime forbids views of foreign memory: then `bytes` is a copy, written back at the end. */
  get zeroCopy(): boolean {
    return this.#open().zeroCopy
  }

  /**
   * Ends the access and takes the view back. Idempotent. Never throws, never waits: what the exporter says is
   * reported, and endCpuAccess() is for those who must know.
   *
   * @rule CPU-6
   */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    const object = this.#object
    const view = this.#view
    if (view !== undefined) {
      try {
        view.end()
      } catch (error) {
        reportThrown('end of a view', error)
      }
    }
    if (object.ops.endCpuAccess !== undefined) this.#tellExporter()
    object.put()
  }

  #tellExporter(): void {
    const { ops, state } = this.#object
    try {
      reportRejection('endCpuAccess', ops.endCpuAccess?.(directionOf(this.access), state))
    } catch (error) {
      reportThrown('endCpuAccess', error)
    }
  }

  [Symbol.dispose](): void {
    this.end()
  }

  #open(): CpuView {
    if (this.#ended)
      throw new DmaBufError('EBADF', 'bytes', 'CPU access has ended: begin another, or use lend()')
    if (this.#view === undefined) {
      const view = openView(this.#object, this.access, 'bracket', this.#lengthBytes)
      const { name, inode } = this.#object
      this.#view =
        debug.staleAccess === 'ignore'
          ? view
          : guardView(view, this.access, `buffer ${name ?? inode}`)
    }
    return this.#view
  }
}

const EMPTY: CpuView = { bytes: new Uint8Array(0), zeroCopy: true, end() {} }

/** A view of an object's first bytes; one of no bytes needs no exporter. @internal */
export function openView(
  object: BufferObject,
  access: Access,
  lifetime: ViewLifetime,
  lengthBytes: number,
): CpuView {
  if (lengthBytes === 0) return EMPTY
  const { ops, state } = object
  if (ops.openView === undefined)
    throw new DmaBufError('EINVAL', 'bytes', `${object.exporterName} has no view for the CPU`)
  const view = ops.openView(access, lifetime, lengthBytes, state)
  // A promise, from an op that waits and must not.
  if (view?.bytes === undefined) {
    reportRejection('openView', view)
    throw new TypeError(`openView of ${object.exporterName} must return a view`)
  }
  return view
}
