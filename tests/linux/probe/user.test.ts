// Goal: people and groups have their names, from lists that anybody may have written.
// Method: machines in folders.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeUser, ownIds } from '#src/linux/probe/user.js'
import { ANA, fakeMachine } from '../../helpers/fake-machine.js'

test('describeUser names the user and the groups, by number where they have no name', () => {
  using machine = fakeMachine()
  const { user } = machine.look({ user: { uid: 1000, groupIds: [1000, 44, 999] } })
  assert.equal(user.name, 'ana')
  assert.deepEqual(
    user.groupIds.map((id) => user.groupName(id)),
    ['ana', 'video', '999'],
  )
})

test('describeUser: who has no name is $USER, for a shell to fill in', () => {
  using machine = fakeMachine()
  assert.equal(machine.look({ user: { uid: 4711, groupIds: [] } }).user.name, '$USER')
})

test('describeUser takes no name that would do something in a shell', () => {
  using machine = fakeMachine({ '/etc/passwd': '$(reboot):x:1000:1000::/:/bin/sh\n' })
  assert.equal(describeUser(machine.look().files, ANA).name, '$USER')
})

test('ownIds are those of this process, each once', () => {
  const { uid, groupIds } = ownIds()
  assert.equal(uid, process.geteuid?.())
  assert.ok(groupIds.includes(process.getegid?.() ?? -1))
  assert.equal(new Set(groupIds).size, groupIds.length)
})
