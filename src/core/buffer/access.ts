import type { Direction } from './device.js'

/** What a CPU access will do with the bytes. */
export type Access = 'read' | 'write' | 'readwrite'

/** @throws {TypeError} for what is no access */
export function checkAccess(access: Access): void {
  if (access !== 'read' && access !== 'write' && access !== 'readwrite')
    throw new TypeError(`Access must be 'read', 'write' or 'readwrite': ${String(access)}`)
}

/**
 * Which way data goes, as exporters are told: the CPU reads what comes from a device, and writes what goes to one.
 *
 * @rule BUF-50
 */
export function directionOf(access: Access): Direction {
  if (access === 'read') return 'from-device'
  return access === 'write' ? 'to-device' : 'bidirectional'
}

/** Bytes of a buffer. */
export type Bytes<B extends ArrayBufferLike = ArrayBuffer> = Uint8Array<B>

/** How long a view is meant to live: to the end of its bracket, or for good (a loan to async code). */
export type ViewLifetime = 'bracket' | 'loan'

/** One view of a buffer's memory, made by an exporter. */
export interface CpuView {
  readonly bytes: Bytes
  /** False where the bytes are a copy, written back at the end. */
  readonly zeroCopy: boolean
  /** Takes the view back. Never throws. */
  end(): void
}
