import type { Words } from './words.js'

// Whole numbers from 0 below 2^53 in two words: low, high. From another process's words may come one that is no
// safe integer, but nothing negative. All of it is in the shortest form: every frame goes through it.

const WORD = 2 ** 32

/** The number of two words. */
export function numberOf(high: number, low: number): number {
  return (high >>> 0) * WORD + (low >>> 0)
}

/** Writes a number as payload: plain. */
export function writeNumber(words: Words, index: number, value: number): void {
  words.write(index, value | 0)
  words.write(index + 1, Math.floor(value / WORD) | 0)
}

/** Reads a number that is payload, or that we have written ourselves: plain. */
export function readNumber(words: Words, index: number): number {
  return numberOf(words.read(index + 1), words.read(index))
}

/**
 * Writes a number into two words of ours, in atomic stores.
 *
 * The low word is stored first: of a number that rises, a reader between the two stores sees a value that is too
 * small, never one that is too large, and the store of the high word follows at once.
 */
export function storeNumber(words: Words, index: number, value: number): void {
  words.store(index, value | 0)
  const high = Math.floor(value / WORD)
  if (words.read(index + 1) !== high) words.store(index + 1, high)
}

/**
 * Reads a number in atomic loads.
 *
 * The high word first: of a number that rises meanwhile comes one that it had, or one that is too small.
 */
export function loadNumber(words: Words, index: number): number {
  return numberOf(words.load(index + 1), words.load(index))
}
