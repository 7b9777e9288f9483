import type { Mapping } from './mapping.js'
import { native } from './native.js'

/** Sleepers that are to be woken: those on one word of a page. */
export interface Wake {
  readonly mapping: Mapping
  /** Of the word, in bytes. */
  readonly offset: number
}

let owed: Wake[] | undefined

/** Wakes all threads that sleep on a word: now, or when whoever asked to owe it does. */
export function wakeSleepers(wake: Wake): void {
  if (owed === undefined) native().futexWake(wake.mapping.handle, wake.offset)
  else owed.push(wake)
}

/**
 * Runs `signal`, and says which sleepers the caller still has to wake: at most one word, so that a blocking
 * wait can do it in the system call that it makes anyway.
 */
export function signalOwing(signal: () => void): Wake | undefined {
  const outer = owed
  const wakes: Wake[] = []
  owed = wakes
  try {
    signal()
  } finally {
    owed = outer
    for (const wake of wakes.splice(1)) wakeSleepers(wake)
  }
  return wakes[0]
}
