import { DmaBufError } from '../core/errors.js'
import type { Heap, HeapKind } from '../core/heap/heap.js'
import { openMemoryHeap } from '../core/heap/memory-heap.js'
import { openDmaHeap } from './dma-heap.js'
import { openMemfdHeap } from './memfd-heap.js'
import { openUdmabufHeap } from './udmabuf.js'

/** What buffers are for. */
export interface OpenHeapOptions {
  /**
   * `'cpu'` (where absent): for programs. The memory can be sealed, other processes can be kept from writing to it,
   * and an access is no call to the kernel. `'device'`: for devices to import: a kernel's dma-buf, or an error.
   */
  readonly need?: 'cpu' | 'device'
  /** Which kinds will do: one demands it, a list without it excludes it. All but `memory` where absent. */
  readonly kinds?: readonly HeapKind[]
  /** The one of the kernel's heaps to use, a name in /dev/dma_heap; demands a `dma-heap`. */
  readonly name?: string
  /** Longest buffer, in bytes; where absent half of the memory that is available when it is asked for. */
  readonly maxLengthBytes?: number
}

/** The kernel's heaps in the order in which they are tried: any device, then those that need one piece. */
const DMA_HEAPS = ['system', 'reserved', 'linux,cma', 'default_cma_region']

/** Memory that other processes can have. */
const WITH_DESCRIPTORS: readonly HeapKind[] = ['memfd', 'dma-heap', 'udmabuf']

const RUNGS: Readonly<Record<'cpu' | 'device', readonly HeapKind[]>> = {
  cpu: ['memfd', 'dma-heap', 'udmabuf', 'memory'],
  device: ['dma-heap', 'udmabuf'],
}

/**
 * Opens the best heap that this machine has for a need; its `kind` and `losses` say what it is.
 *
 * @returns owned: close it. Its buffers live on
 * @throws {DmaBufError} ENODEV where there is none, with what was tried and what to do about each
 */
export function openHeap(options: OpenHeapOptions = {}): Heap {
  const errors: DmaBufError[] = []
  for (const open of rungsOf(options).flatMap((kind) => waysOf(kind, options))) {
    try {
      return open()
    } catch (error) {
      if (!DmaBufError.is(error)) throw error
      errors.push(error)
    }
  }
  throw nothingHere(options.need ?? 'cpu', errors)
}

/** One line for all that was tried: who says the same stands together. */
function nothingHere(need: 'cpu' | 'device', errors: readonly DmaBufError[]): DmaBufError {
  const said = new Map<string, string[]>()
  for (const { code, details, operation } of errors) {
    const { path } = details
    const what = typeof path === 'string' ? path : operation
    said.set(code, [...(said.get(code) ?? []), what])
  }
  const tried = Array.from(said, ([code, paths]) => `${code}: ${paths.join(', ')}`).join('; ')
  const other = need === 'device' ? `; memory for programs alone is need: 'cpu'` : ''
  const message = `No memory here for need: '${need}' (${tried}). \`dmabuf doctor\` says what to do${other}`
  const reasons = errors.map((error) => error.message)
  return new DmaBufError('ENODEV', 'openHeap', message, { details: { need, reasons } })
}

function rungsOf({ need = 'cpu', kinds, name }: OpenHeapOptions): readonly HeapKind[] {
  const rungs = Object.hasOwn(RUNGS, need) ? RUNGS[need] : undefined
  if (rungs === undefined) throw new TypeError(`need must be 'cpu' or 'device': ${need}`)
  if (typeof kinds === 'string') throw new TypeError(`kinds must be a list: ['${String(kinds)}']`)
  const wrong = kinds?.find((kind) => !RUNGS.cpu.includes(kind))
  if (wrong !== undefined) throw new TypeError(`kinds are ${RUNGS.cpu.join(', ')}, not: ${wrong}`)
  const allowed = rungs.filter((kind) => (kinds ?? WITH_DESCRIPTORS).includes(kind))
  const named = name === undefined ? allowed : allowed.filter((kind) => kind === 'dma-heap')
  if (named.length > 0) return named
  throw new TypeError(
    `Nothing is left for need: '${need}' with kinds: [${(kinds ?? rungs).join(', ')}]` +
      (name === undefined ? '' : ` and name: '${name}', which is a dma-heap's`),
  )
}

function waysOf(kind: HeapKind, options: OpenHeapOptions): readonly (() => Heap)[] {
  const { maxLengthBytes } = options
  const limit = maxLengthBytes === undefined ? {} : { maxLengthBytes }
  switch (kind) {
    case 'memfd':
      return [() => openMemfdHeap(limit)]
    // Only the driver itself can give it.
    case 'driver':
      return []
    case 'memory':
      return [() => openMemoryHeap(limit)]
    case 'udmabuf':
      return [() => openUdmabufHeap(limit)]
    case 'dma-heap':
      return (options.name === undefined ? DMA_HEAPS : [options.name]).map(
        (name) => () => openDmaHeap(name, limit),
      )
  }
}
