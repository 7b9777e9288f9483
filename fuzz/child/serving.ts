import { behave } from './mutant.js'

let serving: (() => Promise<void>) | undefined

/** What ends what this process serves; one thing at a time. */
export function serveUntil(stop: () => Promise<void>): void {
  serving = stop
}

/** Repeats something until what this process serves is to end, and ends it then. */
export function serveWhile(turn: () => Promise<void>, end: () => Promise<void>): void {
  let stopped = false
  const loop = (async () => {
    while (!stopped) await turn()
    await end()
  })().catch(() => {})
  serveUntil(async () => {
    stopped = true
    await loop
  })
}

/** Leaves, honestly or not. */
export async function stopServing(): Promise<void> {
  const stop = serving
  serving = undefined
  await stop?.()
  behave()
}
