// What a machine showed, as a file.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Sight, Value } from './observation.js'

/** What was looked at, and what was there. */
export type Shown = Readonly<Record<string, Value>>

/** By the name of what was tried; null where the machine lacks what it needs. */
export type Seen = Readonly<Record<string, Shown | null>>

/** The files that a run in the VM leaves. */
export const TRANSCRIPTS = ['observations', 'contract'] as const

export class Transcript {
  readonly #name: (typeof TRANSCRIPTS)[number]
  readonly #seen: Record<string, Shown | null> = {}

  constructor(name: (typeof TRANSCRIPTS)[number]) {
    this.#name = name
  }

  note(title: string, shown: Shown | null): void {
    this.#seen[title] = shown
  }

  /** Puts it where the VM's results go; nowhere outside of the VM. */
  save(): void {
    const folder = process.env['DMABUF_KERNEL_RESULTS']
    if (folder === undefined) return
    writeFileSync(
      join(folder, `${this.#name}.json`),
      `${JSON.stringify(this.#seen, undefined, 1)}\n`,
    )
  }
}

/** What was shown by sights; the order is part of their names, for some look at one thing twice. */
export function shownBy(sights: readonly Sight[] | undefined): Shown | null {
  if (sights === undefined) return null
  return Object.fromEntries(sights.map(({ what, got }, index) => [`${index + 1} ${what}`, got]))
}

/** All that the VM left in a folder. */
export function readTranscripts(folder: string): Seen {
  const texts = TRANSCRIPTS.map((name) => readFileSync(join(folder, `${name}.json`), 'utf8'))
  return Object.assign({}, ...texts.map((text) => JSON.parse(text) as Seen)) as Seen
}
