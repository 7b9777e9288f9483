import { O_RDWR } from '../../uapi/file.js'
import { encodeUdmabufCreate, UDMABUF_CREATE, UDMABUF_FLAGS_CLOEXEC } from '../../uapi/udmabuf.js'
import { ioctl } from '../ioctl.js'
import { createMemfd, PAGE_BYTES } from '../memfd.js'
import { OwnedFd } from '../owned-fd.js'
import { UDMABUF_NODE } from '../udmabuf.js'
import type { Finding } from './capability.js'
import { openNodeSoon } from './open-node-soon.js'
import { explainRefusal, type NodeKind } from './refusal.js'
import type { Surroundings } from './surroundings.js'
import { codeOf } from './thrown-code.js'

const PARAMETERS = '/sys/module/udmabuf/parameters'
const KIND: NodeKind = {
  option: 'CONFIG_UDMABUF',
  load: 'sudo modprobe udmabuf',
  sysfs: '/sys/class/misc/udmabuf',
  group: 'video',
  udev: 'KERNEL=="udmabuf"',
}

/** Whether a memfd can be made a dma-buf, and how large and of how many parts. */
export async function probeUdmabuf(surroundings: Surroundings): Promise<Finding> {
  const { files } = surroundings
  try {
    using device = await openNodeSoon(files.at(UDMABUF_NODE), O_RDWR)
    return probeCreation(device, surroundings)
  } catch (error) {
    return explainRefusal(UDMABUF_NODE, KIND, codeOf(error), surroundings)
  }
}

function probeCreation(device: OwnedFd, { files }: Surroundings): Finding {
  try {
    createPage(device).close()
  } catch (error) {
    const reason = `it can be opened, but makes no dma-buf of a page (${codeOf(error)})`
    return { name: UDMABUF_NODE, detail: '', reason }
  }
  const limit = (which: string): string => files.text(`${PARAMETERS}/${which}`)?.trim() ?? 'unknown'
  const detail = `one page made; size_limit_mb=${limit('size_limit_mb')} list_limit=${limit('list_limit')}`
  return { name: UDMABUF_NODE, detail }
}

/** A dma-buf of a new page. */
export function createPage(device: OwnedFd): OwnedFd {
  using memfd = createMemfd('doctor', PAGE_BYTES)
  const argument = encodeUdmabufCreate({
    memfd: memfd.number,
    flags: UDMABUF_FLAGS_CLOEXEC,
    offsetBytes: 0n,
    lengthBytes: BigInt(PAGE_BYTES),
  })
  const purpose = { operation: 'udmabuf', message: () => 'Cannot make a dma-buf of a page' }
  return OwnedFd.adopt(ioctl(device, UDMABUF_CREATE, argument, purpose))
}
