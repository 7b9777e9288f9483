// Goal: who has a device open is found and named.
// Method: /dev/null, which this process and a child open; a made-up /proc.
import assert from 'node:assert/strict'
import {
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { describeHolders, deviceHolders } from '#src/devices/v4l2/device-holders.js'

test('deviceHolders finds this process by the device it has open', () => {
  const before = deviceHolders('/dev/full').some(({ pid }) => pid === process.pid)
  const fd = openSync('/dev/full', 'r')
  try {
    const own = deviceHolders('/dev/full').find(({ pid }) => pid === process.pid)
    assert.equal(before, false)
    assert.match(own?.command ?? '', /node/)
  } finally {
    closeSync(fd)
  }
})

test('deviceHolders knows a device by its number, and cuts what a command may be', () => {
  const proc = mkdtempSync(join(tmpdir(), 'dmabuf-proc-'))
  try {
    for (const [pid, target] of [
      ['7', '/dev/full'],
      ['8', '/dev/null'],
      ['self', '/dev/full'],
    ] as const) {
      mkdirSync(join(proc, pid, 'fd'), { recursive: true })
      symlinkSync(target, join(proc, pid, 'fd', '3'))
      writeFileSync(join(proc, pid, 'cmdline'), `cam\0--evil\n\x1b[31m\0${'x'.repeat(99)}`)
    }
    const holders = deviceHolders('/dev/full', proc)
    assert.deepEqual(
      holders.map(({ pid }) => pid),
      [7],
    )
    const { command = '' } = holders[0] ?? {}
    assert.match(command, /^cam --evil\?\?\[31m x+…$/)
    assert.equal(command.length, 60)
  } finally {
    rmSync(proc, { recursive: true })
  }
})

test('deviceHolders has nobody for what is no device', () => {
  assert.deepEqual(deviceHolders('/etc/passwd'), [])
  assert.deepEqual(deviceHolders('/nonexistent'), [])
})

test('describeHolders names them, and says where nobody can be named', () => {
  const holders = [
    { pid: 7, command: 'cam' },
    { pid: 9, command: 'node' },
  ]
  assert.equal(describeHolders(holders, 9), 'pid 7 (cam), this process (pid 9)')
  assert.equal(describeHolders([], 9), 'a process that this user may not see')
})
