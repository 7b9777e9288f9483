// System calls by number: what a C program would see, without anything of ours between.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { errnoName } from '#src/core/errors.js'
import type { Outcome } from './machine.js'

type Word = number | bigint | Uint8Array

interface RawCalls {
  call(number: number, ...words: Word[]): bigint
  addressOf(bytes: Uint8Array): bigint
  copy(from: Word, to: Word, lengthBytes: number): void
}

const ROOT = join(import.meta.dirname, '../../..')

/** Numbers of x86-64. */
export const NUMBERS = {
  read: 0,
  write: 1,
  close: 3,
  fstat: 5,
  poll: 7,
  lseek: 8,
  mmap: 9,
  mprotect: 10,
  munmap: 11,
  ioctl: 16,
  dup: 32,
  fcntl: 72,
  ftruncate: 77,
  fstatfs: 138,
  prlimit64: 302,
} as const

/** Built by `node scripts/build-native.mjs --variant raw`. */
export const raw = createRequire(import.meta.url)(
  join(ROOT, 'build/native/raw/raw-calls.node'),
) as RawCalls

/** Makes a system call. @returns what it returned; the name of its error */
export function systemCall(name: keyof typeof NUMBERS, ...words: Word[]): Outcome {
  const result = wordOf(name, ...words)
  return result < 0n && result > -4096n ? errnoName(Number(-result)) : Number(result)
}

/** The same for results that are addresses. */
export function wordOf(name: keyof typeof NUMBERS, ...words: Word[]): bigint {
  return raw.call(NUMBERS[name], ...words)
}

/** A call that cannot fail here. */
export function mustCall(name: keyof typeof NUMBERS, ...words: Word[]): number {
  const result = systemCall(name, ...words)
  if (typeof result === 'number') return result
  throw new Error(`${name}: ${result}`)
}
