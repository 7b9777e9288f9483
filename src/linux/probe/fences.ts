import {
  decodeSyncFileArgument,
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_SYNC_RW,
  encodeSyncFileArgument,
} from '../../uapi/dma-buf.js'
import { O_RDWR } from '../../uapi/file.js'
import { encodeSetDeadline, SYNC_IOC_SET_DEADLINE } from '../../uapi/sync-file.js'
import { ioctl } from '../ioctl.js'
import { OwnedFd } from '../owned-fd.js'
import type { Finding } from './capability.js'
import { explainDebugfs } from './debugfs.js'
import { openNodeSoon } from './open-node-soon.js'
import { someDmaBuf } from './some-dma-buf.js'
import type { Surroundings } from './surroundings.js'
import { codeOf } from './thrown-code.js'

const SYNC_FILES = 'sync files'
const DEADLINES = 'deadlines of fences'
const SW_SYNC = '/sys/kernel/debug/sync/sw_sync'

/** Fences of the kernel: in and out of buffers, with deadlines, and made by hand. */
export async function probeFences(surroundings: Surroundings): Promise<Finding[]> {
  const buffer = await someDmaBuf(surroundings)
  const ofBuffer =
    buffer === undefined ? notTried() : probeSyncFiles(buffer.fd, buffer.from, surroundings)
  return [...ofBuffer, await probeSwSync(surroundings)]
}

function notTried(): Finding[] {
  const reason = 'not tried: no dma-buf can be made here'
  const fix = 'see /dev/dma_heap/system and /dev/udmabuf'
  return [SYNC_FILES, DEADLINES].map((name) => ({ name, detail: '', reason, fix }))
}

/** @param buffer - moved */
function probeSyncFiles(buffer: OwnedFd, from: string, { kernel }: Surroundings): Finding[] {
  try {
    using fence = exportFence(buffer)
    const detail = `exported from a buffer of ${from}`
    return [{ name: SYNC_FILES, detail }, probeDeadline(fence, kernel.release)]
  } catch (error) {
    const reason = `DMA_BUF_IOCTL_EXPORT_SYNC_FILE is refused (${codeOf(error)})`
    const fix = kernel.isAtLeast(6, 0)
      ? 'boot a kernel that was built with CONFIG_SYNC_FILE'
      : `boot Linux 6.0 or newer: this is ${kernel.release}`
    return [SYNC_FILES, DEADLINES].map((name) => ({ name, detail: '', reason, fix }))
  } finally {
    buffer.close()
  }
}

function exportFence(buffer: OwnedFd): OwnedFd {
  const argument = encodeSyncFileArgument({ flags: DMA_BUF_SYNC_RW, fd: -1 })
  const purpose = { operation: 'export', message: () => 'Cannot export fences' }
  ioctl(buffer, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, argument, purpose)
  return OwnedFd.adopt(decodeSyncFileArgument(argument).fd)
}

function probeDeadline(fence: OwnedFd, release: string): Finding {
  const argument = encodeSetDeadline({ deadlineNs: 1n, pad: 0n })
  const purpose = { operation: 'deadline', message: () => 'Cannot set a deadline' }
  try {
    ioctl(fence, SYNC_IOC_SET_DEADLINE, argument, purpose)
    return { name: DEADLINES, detail: 'SYNC_IOC_SET_DEADLINE' }
  } catch (error) {
    const reason = `SYNC_IOC_SET_DEADLINE is refused (${codeOf(error)}): setDeadline() does nothing`
    return {
      name: DEADLINES,
      detail: '',
      reason,
      fix: `boot Linux 6.6 or newer: this is ${release}`,
    }
  }
}

async function probeSwSync(surroundings: Surroundings): Promise<Finding> {
  try {
    ;(await openNodeSoon(surroundings.files.at(SW_SYNC), O_RDWR)).close()
    return { name: 'sw_sync', detail: 'timelines for tests' }
  } catch (error) {
    const finding = { name: 'sw_sync', path: SW_SYNC, option: 'CONFIG_SW_SYNC' }
    return explainDebugfs(finding, codeOf(error), surroundings)
  }
}
