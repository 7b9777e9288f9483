import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFrameMemory, readFrameMemory } from '#src/cli/play/frame-memory.js'

const area = (name: string, inode: number, fields: string): string =>
  `7f0000000000-7f0000001000 rw-p 00000000 00:01 ${String(inode)}                       ${name}\n${fields}`

test('parseFrameMemory adds up frames only, in the order of their inodes', () => {
  const smaps = [
    area('/memfd:dmabuf:frame (deleted)', 12, 'Pss:                 100 kB\nAnonymous:  0 kB'),
    area('/memfd:dmabuf:queue (deleted)', 13, 'Pss:                 999 kB\nAnonymous:  9 kB'),
    area('/memfd:dmabuf:frame (deleted)', 11, 'Pss:                  50 kB\nAnonymous:  4 kB'),
    area('', 0, 'Pss:                 777 kB\nAnonymous: 777 kB'),
  ].join('\n')
  assert.deepEqual(parseFrameMemory(smaps), {
    inodes: ['11', '12'],
    pssBytes: 150 * 1024,
    copiedBytes: 4 * 1024,
  })
})

test('readFrameMemory of a process that maps no frames is empty', () => {
  assert.deepEqual(readFrameMemory(process.pid), { inodes: [], pssBytes: 0, copiedBytes: 0 })
})

test('readFrameMemory of a process that is gone is undefined', () => {
  assert.equal(readFrameMemory(2 ** 22 + 1), undefined)
})
