// Counts what a garbage collector does not: open descriptors, and mappings of our memory.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'

/** What this process holds now. */
export interface Resources {
  /** Open descriptors. */
  readonly fds: number
  /** Mappings that name a memfd of this package; the kernel merges some neighbours of one file. */
  readonly mappings: number
}

/** Descriptors and mappings of this process; compare with deepEqual after `await settled()`. */
export function countResources(): Resources {
  return { fds: openFds().length, mappings: mappedMemfds().length }
}

/** What each descriptor is open on, `12 -> socket:[345]`; without the one that reads this list. */
export function openFds(): readonly string[] {
  const folder = '/proc/self/fd'
  return readdirSync(folder).flatMap((name) => {
    try {
      return [`${name} -> ${readlinkSync(`${folder}/${name}`)}`]
    } catch {
      return []
    }
  })
}

/** The lines of /proc/self/maps that are memfds of this package. */
export function mappedMemfds(): readonly string[] {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes('/memfd:dmabuf:'))
}

/**
 * Resolves when what was dropped is collected and finalizers, close callbacks and microtasks have run.
 * Needs --expose-gc.
 */
export async function settled(): Promise<void> {
  const { gc } = globalThis
  if (gc === undefined) throw new Error('Run with --expose-gc: node scripts/test.mjs does')
  for (let round = 0; round < 3; round++) {
    gc()
    for (let i = 0; i < 4; i++) await turn()
  }
}

/** Resolves once the condition holds; rejects with what `describe` says after `boundMs`. */
export async function until(
  condition: () => boolean,
  describe: () => string = () => 'Condition never held',
  boundMs = 20_000,
): Promise<void> {
  const deadline = performance.now() + boundMs
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(describe())
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
