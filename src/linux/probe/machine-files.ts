import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** More of a text file than any of those that are read here has. */
const MAX_TEXT_BYTES = 1 << 20

/** The files of a machine, by their absolute paths: the tests have machines in folders. */
export class MachineFiles {
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  /** Where a path of the machine lies. */
  at(path: string): string {
    return this.#root === '' ? path : join(this.#root, path)
  }

  /** A file's text, cut where it is absurdly long; undefined where it cannot be read. */
  text(path: string): string | undefined {
    return this.bytes(path)?.toString('latin1')
  }

  /** A file's bytes, cut like that. */
  bytes(path: string): Buffer | undefined {
    try {
      return readFileSync(this.at(path)).subarray(0, MAX_TEXT_BYTES)
    } catch {
      return undefined
    }
  }

  /** The names in a folder, sorted; none where it cannot be read. */
  names(path: string): string[] {
    try {
      return readdirSync(this.at(path)).sort()
    } catch {
      return []
    }
  }

  /** Of a folder's names those that are `prefix` and a number, by number. */
  numbered(path: string, prefix: string): string[] {
    const numberOf = (name: string): number => Number(name.slice(prefix.length))
    return this.names(path)
      .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
      .sort((a, b) => numberOf(a) - numberOf(b))
  }
}
