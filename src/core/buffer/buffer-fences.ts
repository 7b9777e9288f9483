import { getFence, putFence, type Fence } from '../fence/fence.js'
import { mergeFences } from '../fence/merge.js'
import { stubFence } from '../fence/stub.js'
import { unwrapFences } from '../fence/unwrap.js'
import type { WaitOptions } from '../host.js'
import { usageToWaitFor } from '../reservation/usage.js'
import type { BufferObject } from './buffer-object.js'

/**
 * One fence for everything that a new access has to wait for, as it is now: what is added to the buffer
 * later changes nothing about it.
 *
 * @kernel DMA_BUF_IOCTL_EXPORT_SYNC_FILE
 * @rule BUF-55, BUF-56, BUF-59
 * @param write - whether the access writes: it waits for readers and writers then, otherwise for writers
 * @returns with a reference, the caller's; a signalled one where nothing is pending
 * @throws {DmaBufError} ENOMEM
 */
export function fenceOf(object: BufferObject, write: boolean): Fence {
  const others = object.ops.exportFence?.(write, object.state)
  if (others === undefined) return oursOf(object, write)
  let ours: Fence | undefined
  try {
    ours = oursOf(object, write)
    return mergeFences([ours, others])
  } finally {
    if (ours !== undefined) putFence(ours)
    putFence(others)
  }
}

function oursOf({ knownReservation }: BufferObject, write: boolean): Fence {
  return knownReservation?.singleton(usageToWaitFor(write)) ?? stubFence()
}

/**
 * Makes others wait for a fence, as for an access of a device. It is taken apart: each of its leaves is added.
 * Waits for the lock, never for the fence.
 *
 * @kernel DMA_BUF_IOCTL_IMPORT_SYNC_FILE
 * @rule BUF-57, BUF-58, BUF-59
 * @param fence - borrowed
 * @param write - whether the work behind it writes: nobody may read meanwhile then
 * @param options - of the wait for the lock
 * @throws {DmaBufError} ENOMEM; EINTR, ETIMEDOUT. As rejections
 */
export async function addFenceTo(
  object: BufferObject,
  fence: Fence,
  write: boolean,
  options?: WaitOptions,
): Promise<void> {
  object.get()
  const leaves: Fence[] = []
  try {
    for (const leaf of unwrapFences(fence)) leaves.push(getFence(leaf))
    const { ops, state } = object
    const ours = leaves.filter((leaf) => ops.importFence?.(leaf, write, state) !== true)
    if (ours.length === 0) return
    using held = await object.reservation.lock(options)
    held.reserve(ours.length)
    for (const leaf of ours) held.add(leaf, write ? 'write' : 'read')
  } finally {
    leaves.forEach(putFence)
    object.put()
  }
}
