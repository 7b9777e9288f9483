// Goal: a path or a pipe becomes a source by what it holds, or one clear line says why not.
// Method: real files in a temporary folder, streams by hand, and the clip that the repository carries.
import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { openSource } from '#src/cli/media/source.js'
import { ROOT } from '../../helpers/source-tree.js'
import { jpegOf, readAll, readUntilError, streamOf, y4mFile, y4mPixels } from './samples.js'

const SIZE = { width: 6, height: 4 }
const folders: string[] = []

async function fileWith(bytes: Uint8Array | string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'dmabuf-source-'))
  folders.push(folder)
  const path = join(folder, 'clip')
  await writeFile(path, bytes)
  return path
}

after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))))

// Synchronous: a file that is still being closed counts.
const openFileCount = () => readdirSync('/proc/self/fd').length

async function refuses(input: Parameters<typeof openSource>[0], message: string | RegExp) {
  await assert.rejects(openSource(input), { name: 'InputError', message })
}

test('openSource knows Y4M by its first bytes', async () => {
  const source = await openSource({ path: await fileWith(y4mFile(SIZE)) })
  assert.equal(source.kind, 'y4m')
  assert.deepEqual(await readAll(source), [y4mPixels(SIZE, 0), y4mPixels(SIZE, 1)])
})

test('openSource knows motion JPEG by its first bytes', async () => {
  const jpeg = await jpegOf(SIZE)
  const source = await openSource({ path: await fileWith(Buffer.concat([jpeg, jpeg])) })
  assert.equal(source.kind, 'mjpeg')
  assert.equal((await readAll(source)).length, 2)
})

test('openSource reads a stream whose first bytes come one by one', async () => {
  const stream = streamOf(y4mFile(SIZE), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
  assert.equal((await readAll(await openSource({ stream }))).length, 2)
})

test('openSource reads a Node stream and destroys it at the end', async () => {
  const stream = Readable.from([y4mFile(SIZE)])
  assert.equal((await readAll(await openSource({ stream }))).length, 2)
  assert.ok(stream.destroyed)
})

test('openSource gives the rate it is told to both formats', async () => {
  const frameRate = { numerator: 7, denominator: 1 }
  for (const bytes of [y4mFile(SIZE), await jpegOf(SIZE)]) {
    const source = await openSource({ stream: streamOf(bytes) }, { frameRate })
    assert.deepEqual(source.format.frameRate, frameRate)
    await source.close()
  }
})

test('openSource reads the same file again when it is opened again', async () => {
  const path = await fileWith(y4mFile(SIZE))
  const first = await readAll(await openSource({ path }))
  assert.deepEqual(await readAll(await openSource({ path })), first)
})

test('openSource refuses a missing file', async () => {
  const path = (await fileWith('')) + '.y4m'
  await refuses({ path }, `no such file: ${path}`)
  const below = join(await fileWith(''), 'below')
  await refuses({ path: below }, `no such file: ${below}`)
})

test('openSource refuses a folder', async () => {
  const path = join(await fileWith(''), '..')
  await refuses({ path }, `${path} is a directory`)
})

test('openSource refuses an empty file or stream', async () => {
  const path = await fileWith('')
  await refuses({ path }, `${path} is empty`)
  await refuses({ stream: streamOf(Buffer.alloc(0)) }, 'the input is empty')
})

test('openSource refuses a file that may not be read', async () => {
  const path = await fileWith(y4mFile(SIZE))
  await chmod(path, 0)
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid?.(65534) // root may read everything
  try {
    await refuses({ path }, `no permission to read ${path}`)
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
})

test('openSource refuses what cannot be opened for any other reason', async () => {
  const path = (await fileWith('')) + '-loop'
  await symlink(path, path)
  await refuses({ path }, new RegExp(`^cannot open ${path}: ELOOP`))
})

test('openSource refuses anything else, shows how it starts and how to convert it', async () => {
  const convert = '; convert with: ffmpeg -i in -pix_fmt yuv420p out.y4m'
  const mp4 = Buffer.concat([Buffer.from([0, 0, 0, 32]), Buffer.from('ftypisom')])
  await refuses(
    { path: await fileWith(mp4) },
    `not Y4M or motion JPEG: starts with 00 00 00 20 66 74 79 70 69 73 (....ftypis)${convert}`,
  )
  await refuses(
    { stream: streamOf(Buffer.from('YUV4MPEG2')) },
    `not Y4M or motion JPEG: starts with 59 55 56 34 4d 50 45 47 32 (YUV4MPEG2)${convert}`,
  )
})

test('openSource closes the file when it refuses what it holds', async () => {
  // Longer than what is read at once: at its end a file closes by itself.
  const rest = ' '.repeat(1e6)
  const files = [await fileWith('hello' + rest), await fileWith('YUV4MPEG2 W0\n' + rest)]
  files.push(join(await fileWith(''), '..'))
  const before = openFileCount()
  for (const path of files) await assert.rejects(openSource({ path }))
  assert.equal(openFileCount(), before)
})

test('MediaSource.close closes the file, before, during and after its frames', async () => {
  const path = await fileWith(y4mFile({ ...SIZE, frameCount: 5 }))
  const before = openFileCount()
  const unread = await openSource({ path })
  assert.equal(openFileCount(), before + 1)
  await unread.close()
  assert.equal(openFileCount(), before)
  const left = await openSource({ path })
  for await (const { index } of left.frames()) if (index === 1) break
  assert.equal(openFileCount(), before)
  await readAll(await openSource({ path }))
  assert.equal(openFileCount(), before)
})

test('MediaSource.close ends a loop that waits for a pipe', async () => {
  const stream = new Readable({ read: () => {} })
  stream.push(y4mFile({ ...SIZE, frameCount: 1 }))
  const source = await openSource({ stream })
  const frames = source.frames()
  assert.equal((await frames.next()).done, false)
  const waiting = frames.next()
  await source.close()
  assert.equal((await waiting).done, true)
})

test('MediaSource.close does not wait for a generator that is busy', async () => {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield y4mFile({ ...SIZE, frameCount: 1 })
    await new Promise(() => {})
  }
  const source = await openSource({ stream: chunks() })
  const frames = source.frames()
  await frames.next()
  void frames.next()
  await source.close()
})

test('MediaSource.frames reports a stream that fails', async () => {
  const stream = new Readable({ read: () => {} })
  stream.push(y4mFile({ ...SIZE, frameCount: 1 }))
  const source = await openSource({ stream })
  const frames = source.frames()
  await frames.next()
  stream.destroy(new Error('EIO: i/o error, read'))
  await assert.rejects(frames.next(), { message: 'cannot read the input: EIO: i/o error, read' })
})

test('openSource reads the clip of this repository: 150 frames of 640x360', async () => {
  const source = await openSource({ path: join(ROOT, 'assets/blue-marble.mjpeg') })
  const { width, height, range } = source.format
  assert.deepEqual({ width, height, range }, { width: 640, height: 360, range: 'full' })
  const { indexes, error } = await readUntilError(source)
  assert.equal(error, undefined)
  assert.equal(indexes.length, 150)
})
