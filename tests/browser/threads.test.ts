// Goal: the queue works in a browser between two workers, without native code: every frame whole and in order,
// and the death of either side is noticed.
// Method: a real Chromium opens a page of ours. Without one the test is skipped, unless DMABUF_NEED_CHROMIUM is set.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findChromium, runInChromium } from '../helpers/chromium.js'

test('A frame queue between two workers works in Chromium', async (t) => {
  const chromium = findChromium()
  if (chromium === undefined) {
    const why = 'no Chromium: install the package chromium, or name one in DMABUF_CHROMIUM'
    assert.equal(process.env['DMABUF_NEED_CHROMIUM'], undefined, why)
    console.error(`SKIPPED: ${why}. Nothing was tested in a browser.`)
    t.skip(why)
    return
  }
  const results = (await runInChromium(chromium, 'index.html')) as Record<string, unknown>
  t.diagnostic(JSON.stringify(results))
  assert.deepEqual(results['isolated'], { isolated: true, waitAsync: 'function' })
  assert.deepEqual(results['frames'], { seen: 1000, wrong: 0 })
  assert.deepEqual(results['clean'], { seen: 2, wrong: 0 })
  assert.equal(results['viewerDies'], 0)
  assert.match(String(results['cameraDies']), /EOWNERDEAD/)
})
