// Goal: limits are those of this process, and few open files are a reason to raise theirs.
// Method: machines in folders.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { probeLimits } from '#src/linux/probe/limits.js'
import { lookAround } from '#src/linux/probe/surroundings.js'
import { fakeMachine } from '../../helpers/fake-machine.js'

function limits(soft: string): string {
  return (
    'Limit                     Soft Limit           Hard Limit           Units     \n' +
    `Max open files            ${soft.padEnd(20)} 524288               files     \n` +
    'Max locked memory         8388608              unlimited            bytes     \n'
  )
}

test('probeLimits: 1024 open files are enough, 1023 are few', () => {
  using enough = fakeMachine({ '/proc/self/limits': limits('1024') })
  const [files, locked] = probeLimits(enough.look())
  assert.deepEqual([files?.detail, files?.reason], ['1024, at most 524288', undefined])
  assert.equal(locked?.detail, '8192 KiB, at most unlimited')
  using few = fakeMachine({ '/proc/self/limits': limits('1023') })
  const [scarce] = probeLimits(few.look())
  assert.match(scarce?.reason ?? '', /1023 are few/)
  assert.match(scarce?.fix ?? '', /ulimit -n/)
})

test('probeLimits: unlimited is not few, and what cannot be read is unknown', () => {
  using unlimited = fakeMachine({ '/proc/self/limits': limits('unlimited') })
  assert.equal(probeLimits(unlimited.look())[0]?.reason, undefined)
  using none = fakeMachine()
  assert.deepEqual(probeLimits(none.look())[0]?.detail, 'unknown, at most unknown')
})

test('probeLimits reads this process', () => {
  assert.match(
    probeLimits(lookAround())[0]?.detail ?? '',
    /^(\d+|unlimited), at most (\d+|unlimited)$/,
  )
})
