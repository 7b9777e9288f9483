// Goal: request numbers are those of the kernel's macros.
// Method: a table of whole numbers from the specification, and one number that the C compiler makes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IOC_NONE, IOC_READ, IOC_WRITE, ioctlCommand, ioctlParts } from '#src/uapi/ioctl.js'
import { uapiLayout } from '../helpers/uapi-layout.js'

const cases = [
  { parts: { direction: IOC_WRITE, magic: 'b', number: 0, sizeBytes: 8 }, command: 0x40086200 },
  {
    parts: { direction: IOC_READ | IOC_WRITE, magic: 'H', number: 0, sizeBytes: 24 },
    command: 0xc0184800,
  },
  { parts: { direction: IOC_NONE, magic: 'Z', number: 1, sizeBytes: 0 }, command: 0x5a01 },
  {
    parts: { direction: IOC_READ, magic: 'z', number: 255, sizeBytes: 16383 },
    command: 0xbfff7aff,
  },
]

for (const { parts, command } of cases) {
  const name = `0x${command.toString(16)}`
  test(`ioctlCommand makes ${name}, an unsigned number, of its parts`, () => {
    assert.equal(ioctlCommand(parts), command)
  })
  test(`ioctlParts takes ${name} apart`, () => {
    assert.deepEqual(ioctlParts(command), parts)
  })
}

test('ioctlParts takes a negative number for the unsigned one of the same bits', () => {
  assert.deepEqual(ioctlParts(0xc0184800 | 0), ioctlParts(0xc0184800))
})

test('ioctlCommand agrees with the C macro', (t) => {
  const layout = uapiLayout(t)
  if (layout === undefined) return
  const command = ioctlCommand({ direction: IOC_READ, magic: 'z', number: 255, sizeBytes: 0x1fff })
  assert.equal(command, layout.get('_IOC(0x1fff)'))
})
