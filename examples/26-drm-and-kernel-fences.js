// A DRM device makes a picture and works on it; a fence of the kernel says when it is done. With vgem (`modprobe vgem`)
// there is such a device on every machine. In JavaScript without `using`.
import assert from 'node:assert/strict'
import { exportSyncFile, importSyncFile, isKernelFence, openHeap } from 'dmabuf/linux'
import { listDrmNodes, openDrm } from 'dmabuf/devices/drm'

function openVgem() {
  const nodes = listDrmNodes()
  for (const { path, driverName, error } of nodes)
    console.log(`${path}: ${driverName ?? error?.message}`)
  // Numbers differ from boot to boot: choose by name.
  const node = nodes.find(({ driverName, kind }) => driverName === 'vgem' && kind === 'card')
  return node === undefined ? undefined : openDrm(node.path)
}

/** @param {import('dmabuf/devices/drm').DrmDevice} device */
async function produce(device) {
  const { buffer, pitchBytes } = device.createDumb({ width: 640, height: 480 })
  try {
    const writing = await buffer.beginCpuAccess('write')
    writing.bytes.fill(0x80)
    writing.end()

    // A GPU would do this when it is given work: until the fence signals the picture is being drawn.
    const drawing = device.attachVgemFence(buffer, { write: true })
    assert.equal(buffer.tryBeginCpuAccess('read'), undefined)

    // The same fence as a descriptor, for whatever takes those: Vulkan, a compositor, another process.
    const waitedFor = buffer.exportSyncFile('read')
    const fd = exportSyncFile(waitedFor)
    const received = importSyncFile(fd.dup())
    console.log('of the kernel:', isKernelFence(received.fence), received.info().status)
    for (const file of [received, fd, waitedFor]) file.close()

    setTimeout(() => drawing.signal(), 50)
    // Waits on the event loop for what the kernel knows of.
    const reading = await buffer.beginCpuAccess('read')
    console.log(`drawn: ${reading.bytes.length} bytes, ${pitchBytes} for each row`)
    reading.end()
  } finally {
    buffer.close()
  }
}

/**
 * @param {import('dmabuf/devices/drm').DrmDevice} device
 * @param {ReturnType<typeof openHeap>} heap
 */
function consume(device, heap) {
  const buffer = heap.allocate(640 * 480 * 4)
  // The device has it until the last import is closed; the handle is for ioctls of your own.
  const imported = device.import(buffer)
  console.log(
    `${heap.name} gave a buffer, ${device.driverName} has it as handle ${imported.handle}`,
  )
  imported.close()
  buffer.close()
}

const device = openVgem()
if (device === undefined) console.log('No vgem here: `sudo modprobe vgem` makes one')
else {
  await produce(device)
  const heap = openHeap({ need: 'device' })
  consume(device, heap)
  heap.close()
  device.close()
}
