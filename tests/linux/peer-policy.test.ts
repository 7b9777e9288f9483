// Goal: who is at the other end is what the kernel says, and strangers are refused in words.
// Method: a socket pair of this process, and made-up peers.
import assert from 'node:assert/strict'
import { openSync } from 'node:fs'
import { test } from 'node:test'
import { native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { peerOf, refusalOf } from '#src/linux/peer-policy.js'

const OWN = { pid: process.pid, uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1 }

test('peerOf names the process, user and group at the other end', () => {
  const pair = new Int32Array(2)
  assert.equal(native().socketPair(pair), 0)
  using here = OwnedFd.adopt(pair[0]!)
  using _there = OwnedFd.adopt(pair[1]!)
  assert.deepEqual(peerOf(here), OWN)
})

test('peerOf fails for what is no socket, or closed', () => {
  using file = OwnedFd.adopt(openSync('/dev/null', 'r'))
  assert.throws(() => peerOf(file), { code: 'ENOTSOCK', message: /who the peer is/ })
  file.close()
  assert.throws(() => peerOf(file), { code: 'EBADF' })
})

test('refusalOf admits our own user, and those of the list', () => {
  assert.equal(refusalOf(OWN, {}), undefined)
  assert.equal(refusalOf({ ...OWN, uid: 4711 }, { uids: [1, 4711] }), undefined)
})

test('refusalOf refuses everybody else, and says what to add where', () => {
  const stranger = { ...OWN, uid: 4711 }
  for (const policy of [{}, { uids: [] }, { uids: [4710, 4712] }]) {
    const refusal = refusalOf(stranger, policy)
    assert.equal(refusal?.code, 'EACCES')
    assert.match(refusal.message, new RegExp(`uid 4711 is not admitted by uid ${OWN.uid}`))
    assert.match(refusal.message, /add it to \{ uids: \[4711\] \}/)
  }
})
