// Goal: on a machine that has devices the doctor finds them, and tells an ordinary user what to do.
// Method: probe() in this process, and the command as root and as a user whom the nodes refuse.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { probe, type Capability } from '#src/linux/index.js'
import { countResources } from '../helpers/leaks.js'

const MAIN = fileURLToPath(import.meta.resolve('#src/cli/main.js'))
const HEAP = '/dev/dma_heap/system'

function doctorAs(uid: number): ReadonlyMap<string, Capability> {
  const ids = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups']
  const args = [...ids, process.execPath, MAIN, 'doctor', '--json']
  const { status, stdout, stderr } = spawnSync('setpriv', args, { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  const { capabilities } = JSON.parse(stdout) as { capabilities: Capability[] }
  return new Map(capabilities.map((capability) => [capability.name, capability]))
}

void test('probe finds heaps, udmabuf, sync files and the files that tell of buffers', async () => {
  const capabilities = new Map((await probe()).map((one) => [one.name, one]))
  for (const name of [
    'memfd',
    HEAP,
    '/dev/udmabuf',
    'sync files',
    'deadlines of fences',
    'bufinfo',
    'fdinfo of dma-bufs',
  ])
    assert.equal(capabilities.get(name)?.available, true, JSON.stringify(capabilities.get(name)))
  assert.match(capabilities.get('/dev/udmabuf')?.detail ?? '', /size_limit_mb=\d+ list_limit=\d+/)
  assert.match(capabilities.get('sync files')?.detail ?? '', /\/dev\/dma_heap\//)
})

void test('probe tells cameras from other video devices', async () => {
  const vivid = (await probe()).filter(({ detail }) => detail.includes('vivid'))
  assert.ok(vivid.some(({ available, detail }) => available && detail.endsWith('gives pictures')))
  assert.ok(vivid.some(({ reason }) => reason === 'it gives no pictures'))
})

void test('probe finds vgem, and that it imports and exports buffers', async () => {
  const vgem = (await probe()).filter(({ detail }) => detail.startsWith('vgem'))
  assert.ok(vgem.length > 0)
  for (const { group, available, detail } of vgem) {
    assert.deepEqual([group, available], ['drm', true])
    assert.match(detail, /^vgem, imports, exports/)
  }
})

void test('probe leaves nothing open, mapped or allocated', async () => {
  await probe()
  const before = countResources()
  await probe()
  assert.deepEqual(countResources(), before)
})

void test('dmabuf doctor tells a user whom the nodes refuse who owns them, and how to change that', () => {
  const capabilities = doctorAs(65534)
  assert.equal(capabilities.get('memfd')?.available, true)
  for (const name of [HEAP, '/dev/udmabuf']) {
    const { available, detail, reason, fix } = capabilities.get(name)!
    assert.equal(available, false)
    assert.match(detail, /^mode 0600, group root$/)
    assert.equal(reason, 'only root may open it')
    assert.match(fix ?? '', /KERNEL=="(system|udmabuf)", GROUP="video", MODE="0660"/)
  }
  assert.match(capabilities.get('sync files')?.reason ?? '', /not tried/)
  assert.match(capabilities.get('bufinfo')?.fix ?? '', /sudo/)
})
