// Goal: a machine without cameras has none, and what cannot be opened is listed with why.
// Method: folders with nodes that are none.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { listCameras, listNodes } from '#src/devices/v4l2/list-cameras.js'

test('listNodes has nothing where there is nothing', () => {
  assert.deepEqual(listNodes({ devices: '/nonexistent', names: '/nonexistent' }), [])
})

test('listCameras never throws', () => {
  assert.ok(Array.isArray(listCameras()))
})

test('listNodes names what it cannot open, by number', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dmabuf-video-'))
  try {
    symlinkSync('/dev/null', join(folder, 'video10'))
    symlinkSync('/nonexistent', join(folder, 'video9'))
    writeFileSync(join(folder, 'video-index'), '')
    mkdirSync(join(folder, 'video10.names'))
    mkdirSync(join(folder, 'class/video10'), { recursive: true })
    writeFileSync(join(folder, 'class/video10/name'), 'Webcam\n')
    const nodes = listNodes({ devices: folder, names: join(folder, 'class') })
    assert.deepEqual(
      nodes.map(({ path, name, kind }) => [path, name, kind]),
      [
        [join(folder, 'video9'), 'video9', undefined],
        [join(folder, 'video10'), 'Webcam', undefined],
      ],
    )
    assert.match(nodes[0]?.problem ?? '', /^ENOENT/)
    assert.match(nodes[1]?.problem ?? '', /is no video device/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
