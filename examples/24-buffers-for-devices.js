// Buffers that devices can import: from the kernel's heaps, or made of a memfd's pages. On a machine that has neither it
// says why, and what to do, and ends well: with memory that only programs can share.
import { DmaBufError } from 'dmabuf'
import {
  createUdmabuf,
  exportFd,
  fdInfo,
  importFd,
  openDmaHeap,
  openHeap,
  openMemfdHeap,
  openUdmabufHeap,
} from 'dmabuf/linux'

const FRAME_BYTES = 640 * 360 * 2

/** @param {{ maxLengthBytes: number }} options */
const openSystemHeap = (options) => openDmaHeap('system', options)

function openBest() {
  try {
    return openHeap({ need: 'device' })
  } catch (error) {
    if (!DmaBufError.is(error, 'ENODEV')) throw error
    console.log(error.message)
    return openHeap()
  }
}

const heap = openBest()
console.log(`heap ${heap.name} of kind ${heap.kind}. ${heap.losses.join(' ')}`)

const buffer = heap.allocate(FRAME_BYTES, { name: 'frame' })
// Waits for the fences of drivers, then tells the exporter; the end tells it again.
const access = await buffer.beginCpuAccess('write', { timeoutMs: 1000 })
access.bytes.fill(128)
access.end()

// A descriptor is what goes to a driver or to another program; what comes back is the same buffer.
const fd = exportFd(buffer)
console.log(fdInfo(fd) ?? 'a memfd: the kernel tells nothing of it')
const again = importFd(fd.dup())
console.log('same buffer:', again.inode === buffer.inode)

if (heap.kind !== 'memfd') {
  // Memory that programs have shared all along becomes one that devices import, without a copy.
  const memory = openMemfdHeap().allocate(8192)
  try {
    const parts = createUdmabuf([
      { memory, offsetBytes: 4096 },
      { memory, lengthBytes: 4096 },
    ])
    console.log(`${parts.exporterName}: ${parts.lengthBytes} bytes, the second page first`)
    parts.close()
    // Both by name, with a limit of our own.
    for (const open of [openUdmabufHeap, openSystemHeap]) {
      const one = open({ maxLengthBytes: 8192 })
      one.allocate(8192).close()
      one.close()
    }
  } catch (error) {
    if (!DmaBufError.is(error)) throw error
    console.log(error.message)
  }
  memory.close()
}

again.close()
fd.close()
buffer.close()
heap.close()
