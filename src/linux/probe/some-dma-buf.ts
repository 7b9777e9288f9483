import { O_RDWR } from '../../uapi/file.js'
import type { OwnedFd } from '../owned-fd.js'
import { UDMABUF_NODE } from '../udmabuf.js'
import { allocatePage, heapPaths } from './dma-heaps.js'
import { openNodeSoon } from './open-node-soon.js'
import type { Surroundings } from './surroundings.js'
import { createPage } from './udmabuf.js'

/** A dma-buf of one page, and who made it. */
export interface SomeDmaBuf {
  readonly fd: OwnedFd
  readonly from: string
}

/** A dma-buf of one page from whichever device gives one first; undefined where none does. Close it. */
export async function someDmaBuf(surroundings: Surroundings): Promise<SomeDmaBuf | undefined> {
  for (const from of [...heapPaths(surroundings), UDMABUF_NODE]) {
    try {
      using device = await openNodeSoon(surroundings.files.at(from), O_RDWR)
      const fd = from === UDMABUF_NODE ? createPage(device) : await allocatePage(device)
      return { fd, from }
    } catch {
      // The probe of that device says why.
    }
  }
  return undefined
}
