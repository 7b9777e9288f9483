// An exporter over plain memory that notes every call, and can wait or fail where a device could.
import type { ExportInfo } from '#src/core/buffer/buffer-object.js'
import { exportBuffer, type DmaBuf } from '#src/core/buffer/buffer.js'
import type { Access, CpuView, ViewLifetime } from '#src/core/buffer/access.js'
import type { Attachment } from '#src/core/buffer/attachment.js'
import type { Direction } from '#src/core/buffer/device.js'
import { mapForDma, unmapForDma } from '#src/core/buffer/dma-mapping.js'
import type { MapArea } from '#src/core/buffer/map-area.js'
import type { ExporterOps } from '#src/core/buffer/exporter.js'
import { isEscaped, RevocableBytes } from '#src/core/buffer/revocable-bytes.js'
import { SgTable } from '#src/core/buffer/sg-table.js'

/** Where a fake exporter behaves like a device. */
export interface FakeOptions {
  /** Called before each access; its promise is waited for. Absent: the exporter needs no begin. */
  readonly begin?: (direction: Direction) => void | Promise<void>
  /** Called when an access ends. */
  readonly end?: (direction: Direction) => unknown
  /** Called when a view is asked for, before it is made. */
  readonly open?: () => void
  /** Called when a program maps the buffer. Absent: it cannot. */
  readonly mmap?: (area: MapArea) => void | Promise<void>
  /** Called when the memory goes back. */
  readonly release?: () => unknown
}

/** Copies stand for the mapping: a bracket view is written back and detached at its end. */
export class FakeExporter implements ExporterOps<FakeExporter> {
  /** What was asked, in order: `open bracket read 16`, `end from-device`, `release` … */
  readonly calls: string[] = []
  readonly memory: Uint8Array
  readonly beginCpuAccess?: (direction: Direction) => void | Promise<void>
  readonly #release: (() => unknown) | undefined
  readonly #open: (() => void) | undefined
  readonly #end: ((direction: Direction) => unknown) | undefined
  #released = false

  constructor(lengthBytes: number, options: FakeOptions = {}) {
    this.memory = new Uint8Array(lengthBytes)
    this.#open = options.open
    this.#end = options.end
    this.#release = options.release
    const { begin, mmap } = options
    // Not declared, so that exporters of tests can have one as a method.
    if (mmap !== undefined)
      (this as ExporterOps).mmap = (area) => {
        this.calls.push(`mmap ${area.pageOffset} ${area.pageCount}`)
        return mmap(area)
      }
    if (begin !== undefined)
      this.beginCpuAccess = (direction) => {
        this.calls.push(`begin ${direction}`)
        return begin(direction)
      }
  }

  get released(): boolean {
    return this.#released
  }

  map({ device, buffer }: Attachment, direction: Direction): SgTable {
    const table = SgTable.fromRuns([{ address: 4096, lengthBytes: buffer.lengthBytes }])
    mapForDma(table, device, direction)
    return table
  }

  unmap({ device }: Attachment, table: SgTable, direction: Direction): void {
    unmapForDma(table, device, direction)
  }

  openView(access: Access, lifetime: ViewLifetime, lengthBytes: number): CpuView {
    if (this.#released) throw new Error('Opened after release')
    this.calls.push(`open ${lifetime} ${access} ${lengthBytes}`)
    this.#open?.()
    const buffer = this.memory.slice(0, lengthBytes).buffer
    const bytes = lifetime === 'bracket' ? new RevocableBytes(buffer) : new Uint8Array(buffer)
    const end = (): void => {
      this.calls.push(`close ${lifetime}`)
      this.memory.set(new Uint8Array(buffer))
      if (lifetime === 'bracket' && !isEscaped(buffer)) structuredClone(0, { transfer: [buffer] })
    }
    return { bytes, zeroCopy: false, end }
  }

  endCpuAccess(direction: Direction): unknown {
    this.calls.push(`end ${direction}`)
    return this.#end?.(direction)
  }

  release(): unknown {
    this.calls.push('release')
    this.#released = true
    return this.#release?.()
  }
}

/** A buffer of a fake exporter, with the exporter to look at. */
export function fakeBuffer(
  lengthBytes = 16,
  options: FakeOptions = {},
): { buffer: DmaBuf; exporter: FakeExporter } {
  const exporter = new FakeExporter(lengthBytes, options)
  const buffer = exportFake(exporter, { lengthBytes })
  return { buffer, exporter }
}

/** A buffer of an exporter that has its own memory for state. */
export function exportFake(
  exporter: FakeExporter,
  more: Partial<ExportInfo<FakeExporter>> = {},
): DmaBuf {
  const lengthBytes = exporter.memory.length
  return exportBuffer({
    exporterName: 'fake',
    lengthBytes,
    ops: exporter,
    state: exporter,
    ...more,
  })
}
