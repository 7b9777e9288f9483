// Goal: the events have the numbers of the kernel's poll.
// Method: compared with those of the uapi zone, which the headers were compared with.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { POLL_ERR, POLL_IN, POLL_OUT } from '#src/core/buffer/poll-events.js'
import { POLLERR, POLLIN, POLLOUT } from '#src/uapi/file.js'

test('POLL_IN, POLL_OUT and POLL_ERR are the numbers of poll(2)', () => {
  assert.deepEqual([POLL_IN, POLL_OUT, POLL_ERR], [POLLIN, POLLOUT, POLLERR])
})
