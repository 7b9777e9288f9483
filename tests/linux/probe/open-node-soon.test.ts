// Goal: opening owns what it opened, and its errors have names.
// Method: /dev/null, and what is not there.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { closeSync, fstatSync, openSync } from 'node:fs'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { openNodeSoon } from '#src/linux/probe/open-node-soon.js'

test('openNodeSoon gives a descriptor that is the caller’s', async () => {
  const fd = await openNodeSoon('/dev/null', 2)
  assert.ok(fd.number > 2)
  fd.close()
  assert.equal(fd.closed, true)
})

test('What a worker has opened and closed is nobody’s: its end closes no number of others', async () => {
  const program = `
    const { parentPort } = require('node:worker_threads')
    import(${JSON.stringify(import.meta.resolve('#src/linux/probe/open-node-soon.js'))})
      .then(async ({ openNodeSoon }) => {
        for (let round = 0; round < 3; round++) (await openNodeSoon('/dev/null', 2)).close()
        parentPort.postMessage('done')
      })
    setInterval(() => {}, 1000)`
  const worker = new Worker(program, { eval: true })
  await once(worker, 'message')
  const ours = Array.from({ length: 8 }, () => openSync('/dev/null', 'r'))
  await worker.terminate()
  for (const fd of ours) {
    fstatSync(fd)
    closeSync(fd)
  }
})

test('openNodeSoon rejects with the code of the system', async () => {
  await assert.rejects(openNodeSoon('/nonexistent', 0), { code: 'ENOENT' })
})
