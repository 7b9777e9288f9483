import { bufferObjects } from '../buffer/buffer-list.js'
import type { BufferObject } from '../buffer/buffer-object.js'
import type { WaitOptions } from '../host.js'

/** Mode bits of an open file: read, write, seek, and opened. @kernel FMODE_READ … FMODE_OPENED */
const MODE_READ = 0x1
const MODE_WRITE = 0x2
const MODE_SEEK = 0x4
const MODE_OPENED = 0x80000

const HEADER = ['size    ', 'flags   ', 'mode    ', 'count   ', 'exp_name', 'ino     ', 'name']

/**
 * The kernel's table of all buffers, byte for byte: what they are, the fences on them, and who is attached.
 * For people; programs take snapshot().
 *
 * @kernel debugfs dma_buf/bufinfo
 * @rule STAT-6, STAT-7, STAT-8, STAT-9, STAT-10
 * @throws {DmaBufError} what ends the wait for a buffer's lock: ETIMEDOUT, EINTR
 */
export async function describeBuffers(options: WaitOptions = {}): Promise<string> {
  let text = `\nDma-buf Objects:\n${HEADER.join('\t')}\n`
  let count = 0
  let bytes = 0
  for (const object of bufferObjects()) {
    object.get()
    try {
      text += await describeBuffer(object, options)
    } finally {
      object.put()
    }
    count++
    bytes += object.lengthBytes
  }
  return `${text}\nTotal ${count} objects, ${bytes} bytes\n`
}

async function describeBuffer(object: BufferObject, options: WaitOptions): Promise<string> {
  using held = await object.reservation.lockHere(options)
  const devices = Array.from(object.attachments, ({ device }) => `\t${device.name}\n`)
  const total = `Total ${devices.length} devices attached\n\n`
  return `${rowOf(object)}${held.describe()}\tAttached Devices:\n${devices.join('')}${total}`
}

// Our own reference for the time of the look is not the buffer's.
function rowOf(object: BufferObject): string {
  const columns = [
    String(object.lengthBytes).padStart(8, '0'),
    object.flags.toString(16).padStart(8, '0'),
    modeOf(object.flags).toString(16).padStart(8, '0'),
    String(object.references - 1).padStart(8, '0'),
    object.exporterName,
    String(object.inode).padStart(8, '0'),
    object.name ?? '<none>',
  ]
  return `${columns.join('\t')}\n`
}

// Access mode 3 opens for neither.
function modeOf(flags: number): number {
  const access = ((flags & 3) + 1) & (MODE_READ | MODE_WRITE)
  return MODE_OPENED | MODE_SEEK | access
}
