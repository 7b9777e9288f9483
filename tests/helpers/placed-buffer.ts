// A buffer whose memory is placed in page frames, with an exporter that is or is not dynamic.
import { attachDevice } from '#src/core/buffer/attach.js'
import type { AttachmentOps } from '#src/core/buffer/attachment-ops.js'
import type { Attachment } from '#src/core/buffer/attachment.js'
import type { DeviceConstraints } from '#src/core/buffer/device.js'
import { PageFrames } from '#src/core/heap/page-frames.js'
import { PlacedMemory } from '#src/core/heap/placed-memory.js'
import { RecordingBuffer, recordingImporter } from './recording-buffer.js'

export const PAGE = 4096

/** A buffer of so many pages in a memory of so many, from address 4096 on. */
export function placedBuffer(pages: number, { memoryPages = 64, movable = false } = {}) {
  const frames = new PageFrames({ sizeBytes: memoryPages * PAGE })
  const bytes = new Uint8Array(pages * PAGE)
  const placed = new PlacedMemory(frames, pages * PAGE, {
    deviceBytes: (offset, lengthBytes) => bytes.subarray(offset, offset + lengthBytes),
  })
  if (movable) placed.allowMoves()
  const buffer = new RecordingBuffer({ dynamic: movable })
  const ops: Partial<AttachmentOps<unknown>> = {
    attach: (attachment) => placed.attach(attachment),
    map: (attachment, direction) => placed.map(attachment, direction),
    unmap: (attachment, table, direction) => placed.unmap(attachment, table, direction),
  }
  if (movable)
    Object.assign(ops, {
      pin: (attachment: Attachment) => placed.pin(attachment),
      unpin: () => placed.unpin(),
    })
  Object.assign(buffer.ops, ops)
  const notes: string[] = []
  const attach = (name: string, constraints: DeviceConstraints = {}, dynamic = movable) =>
    attachDevice(buffer, { name, constraints }, dynamic ? recordingImporter(notes) : undefined)
  return { frames, placed, buffer, attach, notes, bytes }
}
