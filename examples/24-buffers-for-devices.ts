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

function openBest(): ReturnType<typeof openHeap> {
  try {
    return openHeap({ need: 'device' })
  } catch (error) {
    if (!DmaBufError.is(error, 'ENODEV')) throw error
    console.log(error.message)
    return openHeap()
  }
}

using heap = openBest()
console.log(`heap ${heap.name} of kind ${heap.kind}. ${heap.losses.join(' ')}`)

using buffer = heap.allocate(FRAME_BYTES, { name: 'frame' })
{
  // Waits for the fences of drivers, then tells the exporter; the end of the scope tells it again.
  using access = await buffer.beginCpuAccess('write', { timeoutMs: 1000 })
  access.bytes.fill(128)
}

// A descriptor is what goes to a driver or to another program; what comes back is the same buffer.
using fd = exportFd(buffer)
console.log(fdInfo(fd) ?? 'a memfd: the kernel tells nothing of it')
using again = importFd(fd.dup())
console.log('same buffer:', again.inode === buffer.inode)

if (heap.kind !== 'memfd') {
  // Memory that programs have shared all along becomes one that devices import, without a copy.
  using memory = openMemfdHeap().allocate(8192)
  try {
    using parts = createUdmabuf([
      { memory, offsetBytes: 4096 },
      { memory, lengthBytes: 4096 },
    ])
    console.log(`${parts.exporterName}: ${parts.lengthBytes} bytes, the second page first`)
    // Both by name, with a limit of our own.
    using system = openDmaHeap('system', { maxLengthBytes: 8192 })
    using pages = openUdmabufHeap({ maxLengthBytes: 8192 })
    for (const one of [system, pages]) one.allocate(8192).close()
  } catch (error) {
    if (!DmaBufError.is(error)) throw error
    console.log(error.message)
  }
}
