// Runs each case with workers of its own and sends what came of it to whoever serves this page.
import { Remote } from '/pages/remote.js'

const QUEUE = { lengthBytes: 65536, buffers: 4 }

async function pair(options) {
  const camera = await Remote.start('/pages/camera.js')
  const viewer = await Remote.start('/pages/viewer.js')
  await camera.ask('create', QUEUE)
  // From worker to page to worker: one message each way, nothing per frame.
  const port = await camera.ask('port')
  await viewer.ask('open', { port, options })
  return { camera, viewer }
}

const cases = {
  async isolated() {
    return { isolated: crossOriginIsolated, waitAsync: typeof Atomics.waitAsync }
  },
  async frames() {
    const { camera, viewer } = await pair()
    const [seen] = await Promise.all([viewer.ask('read', 1000), camera.ask('publish', 1000)])
    return seen
  },
  async clean() {
    const { camera, viewer } = await pair()
    await camera.ask('publish', 2)
    await camera.ask('close')
    return viewer.ask('read', 10)
  },
  async viewerDies() {
    const { camera, viewer } = await pair()
    await camera.ask('publish', 4)
    await viewer.ask('hold')
    const stalled = camera.ask('publish', 4)
    viewer.terminate()
    await stalled
    return camera.ask('consumers')
  },
  async cameraDies() {
    const { camera, viewer } = await pair()
    const reading = viewer.ask('read', 1)
    camera.terminate()
    return reading.catch((error) => String(error))
  },
}

const results = {}
for (const [name, run] of Object.entries(cases)) {
  try {
    results[name] = await run()
  } catch (error) {
    results[name] = `failed: ${error}`
  }
}
await fetch('/results', { method: 'POST', body: JSON.stringify(results) })
