// An exporter over plain memory that notes every call, and can wait or fail where a device could.
import { exportBuffer, type DmaBuf } from '#src/core/buffer/buffer.js'
import type { Access, CpuView, ViewLifetime } from '#src/core/buffer/access.js'
import type { ExporterOps } from '#src/core/buffer/exporter.js'
import { isEscaped, RevocableBytes } from '#src/core/buffer/revocable-bytes.js'

/** Where a fake exporter behaves like a device. */
export interface FakeOptions {
  /** Called before each access; its promise is waited for. Absent: the exporter needs no begin. */
  readonly begin?: (access: Access) => void | Promise<void>
  /** Called when a view is asked for, before it is made. */
  readonly open?: () => void
}

/** Copies stand for the mapping: a bracket view is written back and detached at its end. */
export class FakeExporter implements ExporterOps {
  /** What was asked, in order: `open bracket read 16`, `end read`, `release` … */
  readonly calls: string[] = []
  readonly memory: Uint8Array
  readonly beginCpuAccess?: (access: Access) => void | Promise<void>
  readonly #open: (() => void) | undefined
  #released = false

  constructor(lengthBytes: number, options: FakeOptions = {}) {
    this.memory = new Uint8Array(lengthBytes)
    this.#open = options.open
    const { begin } = options
    if (begin !== undefined)
      this.beginCpuAccess = (access) => {
        this.calls.push(`begin ${access}`)
        return begin(access)
      }
  }

  get released(): boolean {
    return this.#released
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

  endCpuAccess(access: Access): void {
    this.calls.push(`end ${access}`)
  }

  release(): void {
    this.calls.push('release')
    this.#released = true
  }
}

/** A buffer of a fake exporter, with the exporter to look at. */
export function fakeBuffer(
  lengthBytes = 16,
  options: FakeOptions = {},
): { buffer: DmaBuf; exporter: FakeExporter } {
  const exporter = new FakeExporter(lengthBytes, options)
  const buffer = exportBuffer({ exporterName: 'fake', lengthBytes, ops: exporter })
  return { buffer, exporter }
}
