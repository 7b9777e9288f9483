// DRM devices as the tests in the VM have them, and what the kernel says of buffers that they import.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { DmaBuf } from '#src/core/buffer/buffer.js'
import { listDrmNodes, openDrm, type DrmDevice } from '#src/devices/drm/index.js'
import { exportFd } from '#src/linux/buffer-fd.js'
import { statFd } from '#src/linux/memfd.js'

/** Opens the device of a driver, whatever number it has. */
export function openDriver(driverName: string, kind: 'card' | 'render' = 'card'): DrmDevice {
  const nodes = listDrmNodes()
  const node = nodes.find((one) => one.driverName === driverName && one.kind === kind)
  assert.ok(node !== undefined, `no ${driverName} among ${JSON.stringify(nodes)}`)
  return openDrm(node.path)
}

/** Whether a driver has a device here. */
export function hasDriver(driverName: string): boolean {
  return listDrmNodes().some((node) => node.driverName === driverName)
}

/** The inode of the kernel's buffer. */
export function inodeOf(buffer: DmaBuf): bigint {
  using fd = exportFd(buffer)
  return statFd(fd).inode
}

/** The devices that are attached to a buffer, as debugfs lists them. */
export function attached(buffer: DmaBuf): string[] {
  const text = readFileSync('/sys/kernel/debug/dma_buf/bufinfo', 'utf8')
  const inode = String(inodeOf(buffer)).padStart(8, '0')
  const row = text.split('\n').findIndex((line) => line.includes(`\t${inode}\t`))
  assert.ok(row >= 0, `${inode} is not in ${text}`)
  const rest = text.split('\n').slice(row + 1)
  const from = rest.findIndex((line) => line.includes('Attached Devices:'))
  const to = rest.findIndex((line) => line.startsWith('Total'))
  return rest.slice(from + 1, to).map((line) => line.trim())
}
