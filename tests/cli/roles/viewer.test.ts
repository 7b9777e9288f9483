// Goal: a viewer reports what it was handed, to the end, and gives everything back.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { measuringViewer } from '#src/cli/roles/measuring-viewer.js'
import { pictureViewer } from '#src/cli/roles/picture-viewer.js'
import type { Report, ViewerProgress } from '#src/cli/roles/report.js'
import { runViewer, type ViewerRole } from '#src/cli/roles/viewer.js'
import { serveFrames } from '#src/linux/index.js'
import { scratchFolder } from '../../helpers/dmabuf-command.js'

const format = { fourcc: 'YU12', width: 16, height: 8 }

/** Shows `lumas` as frames of one grey each to a viewer. */
async function show(
  role: ViewerRole,
  lumas: readonly number[],
  options: { frames?: number; picture?: { columns: number; rows: number }; fourcc?: string } = {},
): Promise<ViewerProgress[]> {
  using folder = scratchFolder()
  const socket = join(folder.path, 'queue.sock')
  await using queue = await serveFrames(socket, {
    format: { ...format, fourcc: options.fourcc ?? 'YU12' },
    buffers: 5,
  })
  const reports: Report[] = []
  const { frames, picture } = options
  const viewing = runViewer(
    role,
    { socket, frames, wait: false, picture },
    (report) => reports.push(report),
    new AbortController().signal,
  )
  const joined = new Promise<void>((resolve) => {
    queue.watchConsumers(() => {
      resolve()
    })
  })
  await joined
  for (const luma of lumas) {
    using frame = await queue.dequeue()
    frame.bytes.fill(luma)
    frame.queue()
  }
  await queue.close()
  await viewing
  return reports.filter((report) => report.kind === 'viewer')
}

test('measuringViewer sees every frame: its mean luma, and how far it moved', async () => {
  const seen: Partial<ViewerProgress>[] = []
  const role = measuringViewer()
  const reports = await show(
    { ...role, look: (frame) => (seen.push(role.look(frame)), {}) },
    [10, 30, 25],
  )
  assert.deepEqual(seen, [{ luma: 10 }, { luma: 30, motion: 20 }, { luma: 25, motion: 5 }])
  const last = reports.at(-1)
  assert.deepEqual([last?.received, last?.missed, last?.bytesCopied, last?.done], [3, 0, 0, true])
  assert.equal(last?.bytesShared, 3 * 192)
})

test('A viewer that copies each frame once is found out', async () => {
  const role = pictureViewer(undefined)
  const copying: ViewerRole = {
    ...role,
    mode: 'fifo',
    look(frame) {
      frame.bytes.slice()
      return role.look(frame)
    },
  }
  const last = (await show(copying, [1, 2])).at(-1)
  assert.equal(last?.bytesCopied, 2 * 192)
})

test('runViewer stops after the frames it was asked for', async () => {
  const last = (await show(measuringViewer(), [1, 2, 3], { frames: 2 })).at(-1)
  assert.deepEqual([last?.received, last?.done], [2, true])
})

test('runViewer draws a small picture of the shared memory where one is wanted', async () => {
  const [first] = await show(measuringViewer(), [200], { picture: { columns: 4, rows: 2 } })
  assert.equal(Buffer.from(first?.picture?.rgb ?? '', 'base64').length, 4 * 2 * 3)
})

test('A viewer of pictures takes other formats, too', async () => {
  const last = (await show(measuringViewer(), [77], { fourcc: 'R8  ' })).at(-2)
  assert.equal(last?.luma, 77)
})
