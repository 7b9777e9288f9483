// Goal: what the VM boots from is whole, also where making it was cut short; its archive is one that Linux reads.
// Method: a cache in a folder of the test's own; an archive whose bytes are looked at field by field.
import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { scriptModule } from '../helpers/script-module.js'

interface Entry {
  readonly name: string
  readonly mode: number
}

interface Cache {
  cacheFolder(): string
  keyOf(...parts: unknown[]): string
  part(name: string, make: (folder: string) => void | Promise<void>): Promise<string>
}

const cache = await scriptModule<Cache>('kernel-vm/cache.mjs')
const { cpio, file, folder, link } = await scriptModule<{
  cpio(entries: readonly Entry[]): Buffer
  file(name: string, bytes: Uint8Array, permissions?: number): Entry
  folder(name: string): Entry
  link(name: string, target: string): Entry
}>('kernel-vm/cpio.mjs')
const { dependencies } = await scriptModule<{
  dependencies(bytes: Uint8Array): readonly string[]
}>('kernel-vm/kernel-modules.mjs')

const home = mkdtempSync(join(tmpdir(), 'kernel-vm-test-'))
const before = process.env['DMABUF_KERNEL_VM_CACHE']

beforeEach(() => {
  const fresh = mkdtempSync(join(home, 'cache-'))
  process.env['DMABUF_KERNEL_VM_CACHE'] = fresh
})

after(() => {
  rmSync(home, { recursive: true })
  if (before === undefined) delete process.env['DMABUF_KERNEL_VM_CACHE']
  else process.env['DMABUF_KERNEL_VM_CACHE'] = before
})

function fill(into: string): void {
  writeFileSync(join(into, 'file'), 'whole')
}

test('A part is made once, and found after', async () => {
  let made = 0
  const make = (into: string) => {
    made++
    fill(into)
  }
  const first = await cache.part('linux-1', make)
  assert.equal(await cache.part('linux-1', make), first)
  assert.equal(readFileSync(join(first, 'file'), 'utf8'), 'whole')
  assert.equal(made, 1)
})

test('A part whose making fails is not there, and is made again', async () => {
  const failing = cache.part('linux-1', (into) => {
    fill(into)
    throw new Error('cut short')
  })
  await assert.rejects(failing, /cut short/)
  assert.deepEqual(readdirSync(cache.cacheFolder()), [])
  assert.ok(existsSync(join(await cache.part('linux-1', fill), 'file')))
})

test('While a part is made nobody finds it', async () => {
  const whole = join(cache.cacheFolder(), 'linux-1')
  await cache.part('linux-1', () => {
    assert.equal(existsSync(whole), false)
  })
  assert.ok(existsSync(whole))
})

test('What a killed process left is not taken for a part', async () => {
  mkdirSync(join(cache.cacheFolder(), `linux-1.unfinished-${process.pid}`, 'rest'), {
    recursive: true,
  })
  const whole = await cache.part('linux-1', fill)
  assert.deepEqual(readdirSync(whole), ['file'])
})

test('Who comes second keeps what the first has made', async () => {
  const whole = await cache.part('linux-1', (into) => {
    fill(into)
    // Another process was faster.
    mkdirSync(join(cache.cacheFolder(), 'linux-1'))
    writeFileSync(join(cache.cacheFolder(), 'linux-1', 'file'), 'the first')
  })
  assert.equal(readFileSync(join(whole, 'file'), 'utf8'), 'the first')
  assert.deepEqual(readdirSync(cache.cacheFolder()), ['linux-1'])
})

test('Another content has another key', () => {
  assert.equal(cache.keyOf('a', ['b']), cache.keyOf('a', ['b']))
  assert.notEqual(cache.keyOf('a', ['b']), cache.keyOf('a', ['c']))
  assert.notEqual(cache.keyOf('a', 'b'), cache.keyOf('ab'))
})

/** The entries of an archive, read back as the kernel does it. */
function entriesOf(archive: Buffer) {
  const entries: { name: string; mode: number; bytes: string }[] = []
  for (let at = 0; at < archive.length;) {
    assert.equal(archive.toString('latin1', at, at + 6), '070701')
    const field = (index: number) =>
      parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16)
    const [mode, size, nameLength] = [field(1), field(6), field(11)]
    const name = archive.toString('utf8', at + 110, at + 110 + nameLength - 1)
    assert.equal(archive[at + 110 + nameLength - 1], 0)
    const start = Math.ceil((at + 110 + nameLength) / 4) * 4
    entries.push({ name, mode, bytes: archive.toString('utf8', start, start + size) })
    at = Math.ceil((start + size) / 4) * 4
  }
  return entries
}

test('An archive has folders, files and links, each where a multiple of four begins', () => {
  const archive = cpio([
    folder('bin'),
    file('bin/sh', Buffer.from('12345'), 0o755),
    link('bin/ls', 'sh'),
    file('empty', Buffer.alloc(0)),
  ])
  assert.deepEqual(entriesOf(archive), [
    { name: 'bin', mode: 0o40755, bytes: '' },
    { name: 'bin/sh', mode: 0o100755, bytes: '12345' },
    { name: 'bin/ls', mode: 0o120777, bytes: 'sh' },
    { name: 'empty', mode: 0o100644, bytes: '' },
    { name: 'TRAILER!!!', mode: 0, bytes: '' },
  ])
})

for (const [info, needed] of [
  ['license=GPL\0depends=drm,drm-shmem-helper\0name=vgem\0', ['drm', 'drm_shmem_helper']],
  ['license=GPL\0depends=\0name=mc\0', []],
  ['license=GPL\0name=mc\0', []],
] as const)
  test(`A module needs what its own text says: ${needed.join(', ') || 'nothing'}`, () => {
    const bytes = Buffer.from(`\x7fELF\0\0${info}\0rest`, 'latin1')
    assert.deepEqual(dependencies(bytes), needed)
  })
