// Goal: where the runtime tells that a thread has died, the queue hears of it; elsewhere nothing happens.
// Method: locks of our own make in place of the runtime's, which has them in browsers and from Node 24.5.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasLifeLocks, holdLifeLock, watchLifeLock } from '#src/threads/life-lock.js'

test('Life locks: a watch hears when the holder lets go, and not before', async (t) => {
  if (!hasLifeLocks()) {
    const letGo = await holdLifeLock('dmabuf:none')
    letGo()
    watchLifeLock('dmabuf:none', () => assert.fail('Nobody tells'))()
    t.skip('This Node has no navigator.locks: looked only that nothing happens')
    return
  }
  const letGo = await holdLifeLock('dmabuf:test')
  let isGone = false
  const gone = new Promise<void>((resolve) => {
    watchLifeLock('dmabuf:test', () => {
      isGone = true
      resolve()
    })
  })
  watchLifeLock('dmabuf:test', () => assert.fail('This watch has ended'))()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(isGone, false)
  letGo()
  await gone
})
