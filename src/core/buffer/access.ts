import type { WaitOptions } from '../host.js'
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

/** How long the begin of an access may take, and what it may stop meanwhile. */
export interface CpuAccessOptions extends WaitOptions {
  /**
   * For memory whose exporter has to be called, and may find work that was added a moment ago: `'loop'` calls it here,
   * `'thread'` on another thread, which takes longer and never stops this one. Where absent `'thread'` for memory
   * that others have a descriptor of, else `'loop'`.
   */
  readonly blocking?: 'loop' | 'thread' | undefined
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
