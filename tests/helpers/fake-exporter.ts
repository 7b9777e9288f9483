// An exporter over plain memory that notes every call, and can wait or fail where a device could.
import { exportBuffer, type DmaBuf } from '#src/core/buffer/buffer.js'
import type { Access, CpuView, ViewLifetime } from '#src/core/buffer/access.js'
import type { Direction } from '#src/core/buffer/device.js'
import type { ExporterOps } from '#src/core/buffer/exporter.js'
import { SgTable } from '#src/core/buffer/sg-table.js'
import { isEscaped, RevocableBytes } from '#src/core/buffer/revocable-bytes.js'

/** Where a fake exporter behaves like a device. */
export interface FakeOptions {
  /** Called before each access; its promise is waited for. Absent: the exporter needs no begin. */
  readonly begin?: (direction: Direction) => void | Promise<void>
  /** Called when a view is asked for, before it is made. */
  readonly open?: () => void
  /** Called at the end of each access: may throw. */
  readonly end?: () => void
}

/** Copies stand for the mapping: a bracket view is written back and detached at its end. */
export class FakeExporter {
  /** What was asked, in order: `open bracket read 16`, `end from-device`, `release` … */
  readonly calls: string[] = []
  readonly memory: Uint8Array
  readonly ops: ExporterOps<FakeExporter>
  readonly #options: FakeOptions
  #released = false

  constructor(lengthBytes: number, options: FakeOptions = {}) {
    this.memory = new Uint8Array(lengthBytes)
    this.#options = options
    this.ops = options.begin === undefined ? OPS : OPS_WITH_BEGIN
  }

  get released(): boolean {
    return this.#released
  }

  begin(direction: Direction): void | Promise<void> {
    this.calls.push(`begin ${direction}`)
    return this.#options.begin?.(direction)
  }

  openView(access: Access, lifetime: ViewLifetime, lengthBytes: number): CpuView {
    if (this.#released) throw new Error('Opened after release')
    this.calls.push(`open ${lifetime} ${access} ${lengthBytes}`)
    this.#options.open?.()
    const buffer = this.memory.slice(0, lengthBytes).buffer
    const bytes = lifetime === 'bracket' ? new RevocableBytes(buffer) : new Uint8Array(buffer)
    const end = (): void => {
      this.calls.push(`close ${lifetime}`)
      this.memory.set(new Uint8Array(buffer))
      if (lifetime === 'bracket' && !isEscaped(buffer)) structuredClone(0, { transfer: [buffer] })
    }
    return { bytes, zeroCopy: false, end }
  }

  end(direction: Direction): void {
    this.calls.push(`end ${direction}`)
    this.#options.end?.()
  }

  release(): void {
    this.calls.push('release')
    this.#released = true
  }
}

const OPS: ExporterOps<FakeExporter> = {
  map(_attachment, direction, fake) {
    fake.calls.push(`map ${direction}`)
    return SgTable.fromPages(
      Array.from({ length: Math.ceil(fake.memory.length / 4096) }, (_, i) => i),
    )
  },
  unmap(_attachment, _table, direction, fake) {
    fake.calls.push(`unmap ${direction}`)
  },
  openView: (access, lifetime, lengthBytes, fake) => fake.openView(access, lifetime, lengthBytes),
  endCpuAccess: (direction, fake) => fake.end(direction),
  release: (fake) => fake.release(),
}

const OPS_WITH_BEGIN: ExporterOps<FakeExporter> = {
  ...OPS,
  beginCpuAccess: (direction, fake) => fake.begin(direction),
}

/** What the export of a fake exporter says. */
export function fakeInfo(exporter: FakeExporter, lengthBytes = exporter.memory.length) {
  return { exporterName: 'fake', lengthBytes, ops: exporter.ops, state: exporter }
}

/** A buffer of a fake exporter, with the exporter to look at. */
export function fakeBuffer(
  lengthBytes = 16,
  options: FakeOptions = {},
): { buffer: DmaBuf; exporter: FakeExporter } {
  const exporter = new FakeExporter(lengthBytes, options)
  const buffer = exportBuffer(fakeInfo(exporter))
  return { buffer, exporter }
}
