import { bug, DmaBufError } from '../errors.js'
import { checkHeld, type Held } from '../reservation/held.js'
import { thrownText } from '../thrown.js'
import { warn } from '../warn.js'
import type { AttachableBuffer } from './attachment-ops.js'
import { reportRejection, reportThrown } from './exporter-calls.js'
import { IosysMap } from './iosys-map.js'

let warned = false

/**
 * Maps the whole buffer for kernel code; the exporter is asked only where nobody has it mapped yet. Says nothing
 * about coherency: bracket the accesses.
 *
 * @kernel dma_buf_vmap
 * @rule CPU-9, CPU-10, CPU-11, CPU-15
 * @requires the buffer's lock
 * @param map - cleared first, in all cases; then the map that all callers share
 * @throws {DmaBufError} EINVAL for no buffer and where the exporter has no vmap; what the exporter says
 */
export async function vmapBuffer(
  buffer: AttachableBuffer | null | undefined,
  held: Held,
  map: IosysMap,
): Promise<void> {
  map.clear()
  const live = checkBuffer(buffer, 'vmap')
  checkHeld(held, live.reservation, 'vmap')
  await mapFirst(live, held)
  map.set(live.vmapPointer!)
}

/**
 * Takes back one vmap of the buffer.
 *
 * @kernel dma_buf_vunmap
 * @rule CPU-12
 * @requires the buffer's lock
 * @throws {DmaBufError} ERR_DMABUF_BUG where nothing is mapped, or another map is given
 */
export function vunmapBuffer(
  buffer: AttachableBuffer | null | undefined,
  held: Held,
  map: IosysMap,
): void {
  if (!buffer) {
    warn({ rule: 'CPU-12', message: 'vunmap needs a buffer: nothing was done' })
    return
  }
  checkHeld(held, buffer.reservation, 'vunmap')
  const { vmapPointer: pointer } = buffer
  if (pointer === undefined || pointer.isNull) bug('CPU-12', 'vunmap', 'The buffer is not mapped')
  if (buffer.vmapCount === 0) bug('CPU-12', 'vunmap', 'The buffer is mapped for nobody')
  if (!pointer.equals(map)) bug('CPU-12', 'vunmap', 'The buffer is mapped somewhere else')
  if (--buffer.vmapCount > 0) return
  callVunmap(buffer, pointer)
  buffer.vmapPointer = undefined
}

function callVunmap({ ops, state }: AttachableBuffer, pointer: IosysMap): void {
  try {
    reportRejection('vunmap', ops.vunmap?.(pointer, state))
  } catch (error) {
    reportThrown('vunmap', error)
  }
}

/**
 * Maps the whole buffer for kernel code, and takes the lock for that.
 *
 * @kernel dma_buf_vmap_unlocked
 * @rule CPU-9, CPU-13
 * @param map - cleared before anything else
 * @throws {DmaBufError} as vmapBuffer()
 */
export async function vmapUnlocked(
  buffer: AttachableBuffer | null | undefined,
  map: IosysMap,
): Promise<void> {
  map.clear()
  const live = checkBuffer(buffer, 'vmap')
  using held = await live.reservation.lock()
  await vmapBuffer(live, held, map)
}

/** Takes back one vmap, and takes the lock for that. @kernel dma_buf_vunmap_unlocked @rule CPU-12, CPU-13 */
export async function vunmapUnlocked(
  buffer: AttachableBuffer | null | undefined,
  map: IosysMap,
): Promise<void> {
  if (!buffer) {
    warn({ rule: 'CPU-12', message: 'vunmap needs a buffer: nothing was done' })
    return
  }
  using held = await buffer.reservation.lockHere()
  vunmapBuffer(buffer, held, map)
}

/** A buffer whose references can be counted. */
export interface CountedBuffer extends AttachableBuffer {
  get(): void
  put(): void
}

/**
 * The whole buffer for kernel code, until end(). It keeps the buffer alive.
 *
 * @rule CPU-15
 */
export class Vmap implements AsyncDisposable {
  /** Where the memory is; not to be changed. */
  readonly map: IosysMap
  readonly #buffer: CountedBuffer
  #ending: Promise<void> | undefined

  /** @internal Use DmaBuf.vmap(). */
  constructor(buffer: CountedBuffer, map: IosysMap) {
    this.#buffer = buffer
    this.map = map
  }

  /** Takes the map back. Idempotent. @kernel dma_buf_vunmap_unlocked */
  end(): Promise<void> {
    return (this.#ending ??= this.#end())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end()
  }

  async #end(): Promise<void> {
    try {
      await vunmapUnlocked(this.#buffer, this.map)
    } finally {
      this.#buffer.put()
    }
  }
}

/** Maps a buffer for kernel code, and keeps it alive that long. @internal */
export async function openVmap(buffer: CountedBuffer): Promise<Vmap> {
  buffer.get()
  try {
    const map = new IosysMap()
    await vmapUnlocked(buffer, map)
    return new Vmap(buffer, map)
  } catch (error) {
    buffer.put()
    throw error
  }
}

async function mapFirst(buffer: AttachableBuffer, held: Held): Promise<void> {
  const { ops, state, vmapPointer: pointer } = buffer
  if (ops.vmap === undefined)
    throw new DmaBufError('EINVAL', 'vmap', `${buffer.exporterName} cannot map for kernel code`, {
      rule: 'CPU-9',
    })
  if (buffer.vmapCount > 0) {
    if (pointer === undefined || pointer.isNull)
      bug('CPU-11', 'vmap', 'The buffer is mapped, but nowhere')
    buffer.vmapCount++
    return
  }
  if (pointer?.isNull === false) bug('CPU-11', 'vmap', 'The buffer is mapped for nobody')
  try {
    const result = await ops.vmap(state)
    if (!(result instanceof IosysMap))
      throw new DmaBufError('ENOMEM', 'vmap', `${buffer.exporterName} mapped nothing`)
    if (held.released) {
      callVunmap(buffer, result)
      held.check('vmap')
    }
    if (buffer.vmapCount > 0) {
      // Another call in the same lock hold asked before, and its answer came first: that one is for all.
      callVunmap(buffer, result)
      buffer.vmapCount++
      return
    }
    const own = new IosysMap()
    own.set(result)
    buffer.vmapPointer = own
    buffer.vmapCount = 1
  } catch (error) {
    warnOnce(buffer, error)
    throw error
  }
}

// Once in the life of the program, however many buffers fail.
function warnOnce({ exporterName }: AttachableBuffer, error: unknown): void {
  if (warned) return
  warned = true
  warn({ rule: 'CPU-10', message: `vmap of ${exporterName} failed: ${thrownText(error)}` })
}

function checkBuffer(
  buffer: AttachableBuffer | null | undefined,
  operation: string,
): AttachableBuffer {
  if (buffer) return buffer
  const rule = 'CPU-9'
  warn({ rule, message: `${operation} needs a buffer` })
  throw new DmaBufError('EINVAL', operation, 'There is no buffer', { rule })
}
