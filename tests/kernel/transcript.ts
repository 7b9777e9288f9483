// What a machine showed, as a file.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Observation, Sight, Value } from './observation.js'

/** By the observation's name: what was looked at and what was there; null where the machine lacks what is needed. */
export type Seen = Readonly<Record<string, Readonly<Record<string, Value>> | null>>

const FILE = 'transcript.json'

export class Transcript {
  readonly #seen: Record<string, Readonly<Record<string, Value>> | null> = {}

  get seen(): Seen {
    return this.#seen
  }

  add({ name }: Observation, sights: readonly Sight[] | undefined): void {
    this.#seen[name] =
      sights === undefined
        ? null
        : Object.fromEntries(sights.map(({ what, got }, index) => [`${index + 1} ${what}`, got]))
  }

  /** Puts it where the VM's results go; nowhere outside of the VM. */
  save(): void {
    const folder = process.env['DMABUF_KERNEL_RESULTS']
    if (folder === undefined) return
    writeFileSync(join(folder, FILE), `${JSON.stringify(this.#seen, undefined, 1)}\n`)
  }
}

/** What a folder of results has. */
export function readTranscript(folder: string): Seen {
  return JSON.parse(readFileSync(join(folder, FILE), 'utf8')) as Seen
}
