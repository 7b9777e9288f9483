// Buffers of fake exporters behind descriptors, and the fences that tests put into them.
import assert from 'node:assert/strict'
import type { MapArea } from '#src/core/buffer/map-area.js'
import { allocateContext } from '#src/core/fence/context.js'
import { Fence, type FenceOps } from '#src/core/fence/fence.js'
import type { Usage } from '#src/core/reservation/usage.js'
import { bufferOfDescriptor, descriptorForBuffer, OpenBuffer } from '#src/syscalls/open-buffer.js'
import { O_RDWR } from '#src/uapi/file.js'
import { exportFake, FakeExporter, type FakeOptions } from './fake-exporter.js'
import type { Program } from './program.js'

/** An exporter that maps, and notes what it was asked to. */
export class MappingExporter extends FakeExporter {
  readonly areas: MapArea[] = []
  fail: (() => void) | undefined = undefined

  mmap(area: MapArea): void {
    this.areas.push(area)
    this.fail?.()
  }
}

export interface OpenOptions extends FakeOptions {
  readonly lengthBytes?: number
  readonly flags?: number
  readonly exporter?: FakeExporter
}

/** A buffer of a fake exporter behind a descriptor. */
export function openBuffer(
  program: Program,
  options: OpenOptions = {},
): { fd: number; exporter: FakeExporter; file: OpenBuffer } {
  const { lengthBytes = 8192, flags = O_RDWR } = options
  const exporter = options.exporter ?? new FakeExporter(0, options)
  const fd = descriptorForBuffer(program.table, exportFake(exporter, { lengthBytes, flags }))
  const file = program.table.file(fd)
  assert(file instanceof OpenBuffer)
  return { fd, exporter, file }
}

/** What fdinfo says of a buffer's references. */
export function countOf(file: OpenBuffer): number {
  return Number(/count:\t(\d+)/.exec(file.fdinfo({ closeOnExec: false, mountId: 1 }))![1])
}

/** A pending fence on a context of its own. */
export function gpuFence(ops: Partial<FenceOps> = {}): Fence {
  return new Fence({ driverName: 'gpu', timelineName: 'ring', ...ops }, allocateContext(1), 1)
}

/** Puts a fence into the reservation of a buffer. */
export async function addFence(
  program: Program,
  fd: number,
  fence: Fence,
  usage: Usage,
): Promise<void> {
  using handle = bufferOfDescriptor(program.table, fd)
  using held = await handle.reservation.lock()
  held.reserve(1)
  held.add(fence, usage)
}

/** The pending fences of a buffer up to a usage. */
export function fencesOf(program: Program, fd: number, usage: Usage): readonly Fence[] {
  using handle = bufferOfDescriptor(program.table, fd)
  return handle.reservation.fences(usage)
}
