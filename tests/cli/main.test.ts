// Goal: a person who makes a mistake gets one clear line, the right exit code, and nothing left behind.
// Method: the real command in a folder of its own.
import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runDmabuf, scratchFolder, y4mClip } from '../helpers/dmabuf-command.js'

const clip = y4mClip({ width: 64, height: 36, frames: 8 })
const header = clip.subarray(0, clip.indexOf('\n') + 1).toString()

interface Mistake {
  readonly what: string
  readonly args: readonly string[]
  readonly files?: Readonly<Record<string, string | Uint8Array>>
  readonly code: number
  readonly says: RegExp
}

const mistakes: readonly Mistake[] = [
  {
    what: 'no such file',
    args: ['play', 'nowhere.y4m'],
    code: 1,
    says: /no such file: nowhere.y4m/,
  },
  { what: 'a folder', args: ['play', '.'], code: 1, says: /is a directory/ },
  {
    what: 'neither Y4M nor JPEG',
    args: ['play', 'text'],
    files: { text: 'hello, this is no video' },
    code: 1,
    says: /not Y4M or motion JPEG/,
  },
  { what: 'an empty file', args: ['play', 'empty'], files: { empty: '' }, code: 1, says: /empty/ },
  {
    what: '0x0 pixels',
    args: ['play', 'zero.y4m'],
    files: { 'zero.y4m': header.replace('W64', 'W0').replace('H36', 'H0') },
    code: 1,
    says: /bad width/,
  },
  {
    what: 'an absurd size',
    args: ['play', 'huge.y4m'],
    files: { 'huge.y4m': header.replace('W64', 'W16385') },
    code: 1,
    says: /width/,
  },
  {
    what: 'unsupported chroma',
    args: ['play', '444.y4m'],
    files: { '444.y4m': header.replace('F50:1', 'F50:1 C444') },
    code: 1,
    says: /unsupported chroma C444/,
  },
  { what: 'no camera', args: ['view', 'none.sock'], code: 1, says: /No server has this path/ },
  {
    what: 'a socket path that is a file',
    args: ['camera', 'file'],
    files: { file: 'mine' },
    code: 1,
    says: /not a socket; it was left as it is/,
  },
  { what: 'a long path', args: ['camera', 'x'.repeat(200)], code: 1, says: /Linux takes 107/ },
  {
    what: 'too many buffers',
    args: ['camera', 's', '--buffers', '65'],
    code: 1,
    says: /2 to 64: 65/,
  },
  { what: 'frames 0', args: ['play', '--frames', '0'], code: 2, says: /whole number from 1/ },
  { what: 'an unknown option', args: ['play', '--slow'], code: 2, says: /unknown option/ },
  { what: 'an unknown command', args: ['show'], code: 2, says: /unknown command/ },
  { what: 'a missing argument', args: ['view'], code: 2, says: /missing required argument/ },
]

for (const { what, args, files = {}, code, says } of mistakes) {
  test(`dmabuf says in one line what is wrong, and leaves nothing: ${what}`, async () => {
    using folder = scratchFolder()
    for (const [name, data] of Object.entries(files)) writeFileSync(join(folder.path, name), data)
    const ended = await runDmabuf(args, folder.path)
    assert.equal(ended.code, code, ended.stderr)
    assert.match(ended.stderr, says)
    const lines = ended.stderr.trimEnd().split('\n')
    assert.equal(lines.length, code === 2 ? 2 : 1, ended.stderr)
    assert.equal(ended.stdout, '')
    assert.deepEqual(readdirSync(folder.path), Object.keys(files))
  })
}

test('dmabuf --version prints the version of the package and exits with 0', async () => {
  using folder = scratchFolder()
  const ended = await runDmabuf(['--version'], folder.path)
  assert.equal(ended.code, 0)
  assert.match(ended.stdout, /^\d+\.\d+\.\d+\n$/)
})

test('dmabuf --help names every command and exits with 0', async () => {
  using folder = scratchFolder()
  const ended = await runDmabuf(['--help'], folder.path)
  assert.equal(ended.code, 0)
  for (const command of ['play', 'camera', 'view', 'doctor', 'bench'])
    assert.match(ended.stdout, new RegExp(command))
})
