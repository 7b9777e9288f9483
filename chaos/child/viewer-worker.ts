// A viewer in a thread: says when it is where it should be, and reads or holds until it is ended.
import { parentPort, workerData } from 'node:worker_threads'
import { Viewer } from './viewer.js'

const { path, holds } = workerData as { readonly path: string; readonly holds: boolean }
const viewer = await Viewer.connect(path, { maxHeld: 2 })
if (holds) await viewer.hold(2)
else void viewer.read()
parentPort?.postMessage('ready')
