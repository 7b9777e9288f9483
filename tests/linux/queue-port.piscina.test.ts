// Goal: users of thread pools hand a queue over in one line, as they do with any value.
// Method: a real piscina, whose worker is tests/fixtures/piscina-viewer.ts.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createFrameQueue } from '#src/linux/create-frame-queue.js'

interface Pool {
  run(argument: unknown, options: { readonly name: string }): Promise<unknown>
  destroy(): Promise<void>
}

// Its own types do not compile with exact optional properties, so the compiler does not get to see them.
const { Piscina } = createRequire(import.meta.url)('piscina') as {
  Piscina: new (options: { readonly filename: string; readonly maxThreads: number }) => Pool
}
const filename = fileURLToPath(new URL('../fixtures/piscina-viewer.js', import.meta.url))

test('FrameQueue.port is an argument of piscina.run', async () => {
  const pool = new Piscina({ filename, maxThreads: 1 })
  const queue = createFrameQueue({ lengthBytes: 64, buffers: 4 })
  try {
    const joined = new Promise<void>((resolve) => queue.watchConsumers(() => resolve()))
    const sums = pool.run({ port: queue.port() }, { name: 'addUp' })
    await joined
    for (let value = 1; value <= 5; value++) {
      using frame = await queue.dequeue({ timeoutMs: 20_000 })
      frame.bytes.fill(value)
      frame.queue()
    }
    await queue.close()
    assert.deepEqual(await sums, [64, 128, 192, 256, 320])
  } finally {
    await queue.close()
    await pool.destroy()
  }
})
