import { release } from 'node:os'
import { gunzipSync } from 'node:zlib'
import type { MachineFiles } from './machine-files.js'

/** How a kernel was built with an option: in, as a module, or not at all. */
export type BuiltAs = 'y' | 'm' | 'n'

const MAX_CONFIG_BYTES = 4 << 20

/** The running kernel: its version, and how it was built where that can be read. */
export class Kernel {
  /** As `uname -r` prints it. */
  readonly release: string
  #config: ReadonlyMap<string, BuiltAs> | undefined

  constructor(files: MachineFiles) {
    this.release = files.text('/proc/sys/kernel/osrelease')?.trim() ?? release()
    const text =
      unpack(files.bytes('/proc/config.gz')) ?? files.text(`/boot/config-${this.release}`)
    this.#config = text === undefined ? undefined : parseConfig(text)
  }

  /** Whether it is known how the kernel was built. */
  get isConfigKnown(): boolean {
    return this.#config !== undefined
  }

  /** How it was built with an option, `CONFIG_UDMABUF`; undefined where nobody can know. */
  builtWith(option: string): BuiltAs | undefined {
    return this.#config === undefined ? undefined : (this.#config.get(option) ?? 'n')
  }

  /** Whether it is this version or a later one. */
  isAtLeast(major: number, minor: number): boolean {
    const [, first = '0', second = '0'] = /^(\d+)\.(\d+)/.exec(this.release) ?? []
    return Number(first) > major || (Number(first) === major && Number(second) >= minor)
  }
}

function unpack(bytes: Buffer | undefined): string | undefined {
  try {
    if (bytes === undefined) return undefined
    return gunzipSync(bytes, { maxOutputLength: MAX_CONFIG_BYTES }).toString('latin1')
  } catch {
    return undefined
  }
}

function parseConfig(text: string): ReadonlyMap<string, BuiltAs> {
  const lines = text.matchAll(/^(CONFIG_\w+)=([ym])$/gm)
  return new Map([...lines].map(([, name, built]) => [name!, built as BuiltAs]))
}
