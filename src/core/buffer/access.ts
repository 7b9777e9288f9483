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
