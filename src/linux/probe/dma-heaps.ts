import { O_CLOEXEC, O_RDWR } from '../../uapi/file.js'
import {
  decodeAllocationData,
  DMA_HEAP_IOCTL_ALLOC,
  encodeAllocationData,
} from '../../uapi/dma-heap.js'
import { HEAP_FOLDER } from '../dma-heap.js'
import { ioctlOnThread } from '../ioctl.js'
import { PAGE_BYTES } from '../memfd.js'
import { OwnedFd } from '../owned-fd.js'
import type { Finding } from './capability.js'
import { openNodeSoon } from './open-node-soon.js'
import { explainRefusal, type NodeKind } from './refusal.js'
import type { Surroundings } from './surroundings.js'
import { codeOf } from './thrown-code.js'

const CLASS = '/sys/class/dma_heap'

/** The paths of the heaps that the kernel has or that there are nodes of; `system` always. */
export function heapPaths({ files }: Surroundings): string[] {
  const names = new Set(['system', ...files.names(HEAP_FOLDER), ...files.names(CLASS)])
  return [...names].map((name) => `${HEAP_FOLDER}/${name}`)
}

/** Whether a heap can be opened and gives a page. */
export async function probeHeap(path: string, surroundings: Surroundings): Promise<Finding> {
  const name = path.slice(HEAP_FOLDER.length + 1)
  const kind: NodeKind = {
    option: name === 'system' ? 'CONFIG_DMABUF_HEAPS_SYSTEM' : 'CONFIG_DMABUF_HEAPS_CMA',
    sysfs: `${CLASS}/${name}`,
    group: 'video',
    udev: `SUBSYSTEM=="dma_heap", KERNEL=="${name}"`,
  }
  try {
    using heap = await openNodeSoon(surroundings.files.at(path), O_RDWR)
    return await probeAllocation(path, heap)
  } catch (error) {
    return explainRefusal(path, kind, codeOf(error), surroundings)
  }
}

async function probeAllocation(path: string, heap: OwnedFd): Promise<Finding> {
  try {
    ;(await allocatePage(heap)).close()
    return { name: path, detail: 'opened; one page allocated and given back' }
  } catch (error) {
    const reason = `it can be opened, but gives no page (${codeOf(error)})`
    return { name: path, detail: '', reason, fix: FIXES[codeOf(error)] }
  }
}

const FIXES: Readonly<Record<string, string>> = {
  ENOMEM: 'give it more memory: cma=64M on the command line of the kernel; or end who uses it up',
  ENOTTY: 'this is no heap: look at what made the node',
}

/** A page of a heap, as a dma-buf. */
export async function allocatePage(heap: OwnedFd): Promise<OwnedFd> {
  const argument = encodeAllocationData({
    lengthBytes: BigInt(PAGE_BYTES),
    fd: 0,
    fdFlags: O_RDWR | O_CLOEXEC,
    heapFlags: 0n,
  })
  await ioctlOnThread(heap, DMA_HEAP_IOCTL_ALLOC, argument, {
    operation: 'allocate',
    message: () => 'Cannot allocate a page',
  })
  return OwnedFd.adopt(decodeAllocationData(argument).fd)
}
