// Goal: where the runtime tells that a thread has died, the queue hears of it; elsewhere nothing happens.
// Method: locks of our own make; a browser's are in tests/browser/threads.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { holdLifeLock, watchLifeLock, type Locks } from '#src/threads/life-lock.js'

/** One lock of each name, granted in the order of the requests. */
function makeLocks(): Locks {
  const tails = new Map<string, Promise<void>>()
  return {
    async request(name, { signal }, granted) {
      const before = tails.get(name) ?? Promise.resolve()
      let release = (): void => {}
      tails.set(
        name,
        before.then(() => new Promise((resolve) => (release = resolve))),
      )
      const aborted = new Promise<never>((_, reject) => {
        ;(signal as AbortSignal | undefined)?.addEventListener('abort', () => {
          reject(new Error('Aborted'))
        })
      })
      await Promise.race([before, aborted])
      await granted()
      release()
    },
  }
}

test('watchLifeLock calls back when the holder lets go, and not before', async () => {
  const locks = makeLocks()
  const letGo = await holdLifeLock('dmabuf:test', locks)
  let isGone = false
  const gone = new Promise<void>((resolve) => {
    const tell = (): void => {
      isGone = true
      resolve()
    }
    watchLifeLock('dmabuf:test', tell, locks)
  })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(isGone, false)
  letGo()
  await gone
})

test('watchLifeLock is quiet once its watch has ended', async () => {
  const locks = makeLocks()
  const letGo = await holdLifeLock('dmabuf:test', locks)
  const stop = watchLifeLock('dmabuf:test', () => assert.fail('This watch has ended'), locks)
  stop()
  letGo()
  await new Promise((resolve) => setImmediate(resolve))
})

test('Life locks do nothing in Node', async () => {
  const letGo = await holdLifeLock('dmabuf:none')
  watchLifeLock('dmabuf:none', () => assert.fail('Nobody tells'))()
  letGo()
})
