import type { Usage } from '../reservation/usage.js'
import type { Direction } from './device.js'

/** What a CPU access will do with the bytes. */
export type Access = 'read' | 'write' | 'readwrite'

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

/** The CPU reads what a device wrote, and writes what a device will read. @rule BUF-50 */
export function directionOf(access: Access): Direction {
  if (access === 'read') return 'from-device'
  return access === 'write' ? 'to-device' : 'bidirectional'
}

/** Whose fences an access in a direction waits for: a reader for writers, a writer for everybody. @rule CPU-2 */
export function usageToBegin(direction: Direction): Usage {
  return direction === 'from-device' ? 'write' : 'read'
}
