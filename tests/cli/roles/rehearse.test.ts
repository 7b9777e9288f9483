// Goal: what a viewer does is done once before there is a camera, with pictures as cameras give them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { channelsOf } from '#src/cli/media/channels.js'
import { rehearse } from '#src/cli/roles/rehearse.js'
import { measuringViewer } from '#src/cli/roles/measuring-viewer.js'
import { pictureViewer } from '#src/cli/roles/picture-viewer.js'

test('rehearse shows whole pictures, with components apart and in between', () => {
  const steps = new Set<number>()
  rehearse(({ frame, picture }) => {
    const { first } = channelsOf(picture.fourcc ?? '', frame.planes)
    steps.add(first.stepBytes)
    for (const { offsetBytes, strideBytes, rowCount } of frame.planes)
      assert.ok(offsetBytes + strideBytes * rowCount <= frame.bytes.length)
  })
  assert.deepEqual([...steps], [1, 2])
})

test('A rehearsal leaves nothing of it in what a viewer reports', async () => {
  for (const role of [measuringViewer(), pictureViewer(undefined)]) {
    role.rehearse()
    assert.deepEqual(await role.end(), {})
  }
})
