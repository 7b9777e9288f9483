// Fences of the kernel's own test driver, made by bare ioctls: vgem puts one into the reservation of a buffer, where
// EXPORT_SYNC_FILE finds it. Such a fence signals by itself after ten seconds.
import { readdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { native } from '#src/linux/native.js'
import {
  decodeSyncFileArgument,
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_SYNC_WRITE,
  encodeSyncFileArgument,
} from '#src/uapi/dma-buf.js'
import { O_CLOEXEC, O_RDWR } from '#src/uapi/file.js'
import { Struct } from '#src/uapi/struct.js'
import { Worker } from 'node:worker_threads'
import type { MachineFence, Outcome } from './machine.js'
import { mustCall, systemCall } from './raw-calls.js'

const CREATE_DUMB = 0xc02064b2
const PRIME_HANDLE_TO_FD = 0xc00c642d
const PRIME_FD_TO_HANDLE = 0xc00c642e
const GEM_CLOSE = 0x40086409
const FENCE_ATTACH = 0xc0106441
const FENCE_SIGNAL = 0x40086442
const FENCE_WRITE = 1
const ADDON = join(import.meta.dirname, `../../../prebuilds/linux-${process.arch}/dmabuf.node`)

/** The node of vgem, whatever number it has. */
function cardPath(): string {
  const folder = '/sys/class/drm'
  const name = readdirSync(folder).find(
    (entry) => /^card\d+$/.test(entry) && realpathSync(`${folder}/${entry}`).includes('/vgem/'),
  )
  if (name === undefined) throw new Error('There is no vgem here')
  return `/dev/dri/${name}`
}

/** A fence that another thread can signal, while this one stands still. */
export interface VgemFence extends MachineFence {
  signalOnThread(afterMs: number): Promise<void>
}

const SIGNAL_LATER = `
  const { workerData: { addon, call, afterMs } } = require('node:worker_threads')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, afterMs)
  require(addon).ioctl(...call)`

/** The card, open; each fence has a buffer of its own. */
export class Vgem {
  readonly #card = native().openFile(cardPath(), O_RDWR | O_CLOEXEC)

  /** A pending write fence in a sync_file. */
  fence(): VgemFence {
    const handle = this.#call(CREATE_DUMB, 32, [64, 64, 32]).u32(16)
    const buffer = this.#call(PRIME_HANDLE_TO_FD, 12, [handle, O_CLOEXEC]).s32(8)
    const fence = this.#call(FENCE_ATTACH, 16, [handle, FENCE_WRITE]).u32(8)
    const argument = encodeSyncFileArgument({ flags: DMA_BUF_SYNC_WRITE, fd: -1 })
    mustCall('ioctl', buffer, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, argument)
    mustCall('close', buffer)
    return {
      fd: decodeSyncFileArgument(argument).fd,
      signal: async () => void this.#call(FENCE_SIGNAL, 8, [fence, 0]),
      signalOnThread: (afterMs) =>
        new Promise((resolve, reject) => {
          const argument = Struct.ofSize(8).setU32(0, fence).bytes
          const call = [this.#card, FENCE_SIGNAL, argument]
          const workerData = { addon: ADDON, call, afterMs }
          const worker = new Worker(SIGNAL_LATER, { eval: true, workerData })
          worker.once('error', reject).once('exit', () => resolve())
        }),
    }
  }

  /** Imports a dma-buf, and lets go of it. @returns 0, or the error */
  importBuffer(fd: number): Outcome {
    const struct = Struct.ofSize(12).setS32(8, fd)
    const result = systemCall('ioctl', this.#card, PRIME_FD_TO_HANDLE, struct.bytes)
    if (result === 0) this.#call(GEM_CLOSE, 8, [struct.u32(0)])
    return result
  }

  /** Signals what is pending. */
  close(): void {
    mustCall('close', this.#card)
  }

  /** An ioctl on a structure that begins with these words. */
  #call(command: number, sizeBytes: number, words: readonly number[]): Struct {
    const struct = Struct.ofSize(sizeBytes)
    for (const [index, word] of words.entries()) struct.setU32(index * 4, word)
    mustCall('ioctl', this.#card, command, struct.bytes)
    return struct
  }
}
