// A DRM device makes a picture and works on it; a fence of the kernel says when it is done. With vgem (`modprobe vgem`)
// there is such a device on every machine.
import assert from 'node:assert/strict'
import { exportSyncFile, importSyncFile, isKernelFence, openHeap } from 'dmabuf/linux'
import { listDrmNodes, openDrm, type DrmDevice } from 'dmabuf/devices/drm'

function openVgem(): DrmDevice | undefined {
  const nodes = listDrmNodes()
  for (const { path, driverName, error } of nodes)
    console.log(`${path}: ${driverName ?? error?.message}`)
  // Numbers differ from boot to boot: choose by name.
  const node = nodes.find(({ driverName, kind }) => driverName === 'vgem' && kind === 'card')
  return node === undefined ? undefined : openDrm(node.path)
}

async function produce(device: DrmDevice): Promise<void> {
  const { buffer, pitchBytes } = device.createDumb({ width: 640, height: 480 })
  using picture = buffer
  {
    using access = await picture.beginCpuAccess('write')
    access.bytes.fill(0x80)
  }

  // A GPU would do this when it is given work: until the fence signals the picture is being drawn.
  using drawing = device.attachVgemFence(picture, { write: true })
  assert.equal(picture.tryBeginCpuAccess('read'), undefined)

  // The same fence as a descriptor, for whatever takes those: Vulkan, a compositor, another process.
  using waitedFor = picture.exportSyncFile('read')
  using fd = exportSyncFile(waitedFor)
  using received = importSyncFile(fd.dup())
  console.log('of the kernel:', isKernelFence(received.fence), received.info().status)

  setTimeout(() => drawing.signal(), 50)
  // Waits on the event loop for what the kernel knows of.
  using access = await picture.beginCpuAccess('read')
  console.log(`drawn: ${access.bytes.length} bytes, ${pitchBytes} for each row`)
}

function consume(device: DrmDevice, heap: ReturnType<typeof openHeap>): void {
  using buffer = heap.allocate(640 * 480 * 4)
  // The device has it until the last import is closed; the handle is for ioctls of your own.
  using imported = device.import(buffer)
  console.log(
    `${heap.name} gave a buffer, ${device.driverName} has it as handle ${imported.handle}`,
  )
}

using device = openVgem()
if (device === undefined) console.log('No vgem here: `sudo modprobe vgem` makes one')
else {
  await produce(device)
  using heap = openHeap({ need: 'device' })
  consume(device, heap)
}
