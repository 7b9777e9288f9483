import { warnThrown } from '../warn.js'
import type { BufferObject } from './buffer-object.js'

/** Who wants to know of every buffer: statistics. */
export interface BufferWatch {
  /** Before the buffer can be reached. What it throws undoes the whole export. @rule BUF-11 */
  exported?(object: BufferObject): void
  /** Before the exporter gives the memory back. Must not throw. @rule BUF-23 */
  released?(object: BufferObject): void
}

const watches: BufferWatch[] = []

/** Tells `watch` of buffers until the result is disposed. @internal */
export function watchBuffers(watch: BufferWatch): Disposable {
  watches.push(watch)
  return {
    [Symbol.dispose]() {
      const index = watches.indexOf(watch)
      if (index >= 0) watches.splice(index, 1)
    },
  }
}

/** Tells of a buffer that is about to become reachable; all who were told are told of its end if one throws. @internal */
export function tellExported(object: BufferObject): void {
  let told = 0
  try {
    for (; told < watches.length; told++) watches[told]!.exported?.(object)
  } catch (error) {
    while (told > 0) callReleased(watches[--told]!, object)
    throw error
  }
}

/** Tells of a buffer that goes. Never throws. @internal */
export function tellReleased(object: BufferObject): void {
  for (let index = watches.length - 1; index >= 0; index--) callReleased(watches[index]!, object)
}

function callReleased(watch: BufferWatch, object: BufferObject): void {
  try {
    watch.released?.(object)
  } catch (error) {
    warnThrown('A watch of buffers threw', error)
  }
}
