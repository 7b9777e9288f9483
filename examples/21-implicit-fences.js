// A camera, a filter that writes in place, and two viewers: four processes that know only the hub of a domain. Nobody
// sends a frame or a fence to anybody: each adds a fence to the buffer that it works on and waits for those that
// are there, as drivers do. A checksum in each frame shows that none was read early, or torn.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createTimeline, lockAll } from 'dmabuf'
import { usageToWaitFor } from 'dmabuf/framework'
import { joinDomain, openMemfdHeap, serveDomain } from 'dmabuf/linux'

const BUFFERS = 3
const PIXELS = 64 * 1024
const HEADER = 3 // words before the pixels: the frame's number, who wrote it last, the checksum of its pixels
const [CAMERA, FILTER, VIEWER] = [0, 1, 2]

/** @type {(frame: number, at: number) => number} */
const pixel = (frame, at) => (frame * 31 + at * 7) & 0xff

/** @param {Uint8Array} pixels */
function checksum(pixels) {
  let sum = 1
  for (const value of pixels) sum = (Math.imul(sum, 31) + value) | 0
  return sum
}

/** One buffer as a program sees it that is done with brackets: mapped once, for as long as it runs. */
class Picture {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.header = new Int32Array(bytes.buffer, bytes.byteOffset, HEADER)
    this.pixels = bytes.subarray(HEADER * 4, HEADER * 4 + PIXELS)
  }

  /**
   * Changes all pixels, with a pause in the middle: whoever looked then would see half a frame.
   *
   * @param {number} frame
   * @param {number} stage
   * @param {(at: number) => number} value
   */
  async write(frame, stage, value) {
    const { header, pixels } = this
    const half = PIXELS / 2
    for (let at = 0; at < half; at++) pixels[at] = value(at)
    await turn()
    for (let at = half; at < PIXELS; at++) pixels[at] = value(at)
    header.set([frame, stage, checksum(pixels)])
  }

  /**
   * @param {number} frame
   * @param {number} stage
   */
  isWhole(frame, stage) {
    const [number, writer, sum] = this.header
    return number === frame && writer === stage && sum === checksum(this.pixels)
  }
}

/**
 * What a role does with a frame; false where the frame was not as it should be.
 *
 * @param {number} role
 * @param {number} frame
 * @param {Picture} picture
 */
async function work(role, frame, picture) {
  if (role === CAMERA) {
    await picture.write(frame, CAMERA, (at) => pixel(frame, at))
    return true
  }
  const isWhole = picture.isWhole(frame, role === FILTER ? CAMERA : FILTER)
  if (role === FILTER) await picture.write(frame, FILTER, (at) => 255 - (picture.pixels[at] ?? 0))
  else if (picture.pixels[99] !== 255 - pixel(frame, 99)) return false
  return isWhole
}

/**
 * One process: takes part in every frame, in its turn.
 *
 * @param {string} path
 * @param {number} role
 * @param {number} frames
 */
async function play(path, role, frames) {
  const domain = await joinDomain(path)
  // Four words for each buffer: the last frame that each of the four has begun to work on. Guarded by a lock.
  const table = await domain.open('table')
  const tableMap = await table.vmap()
  const begun = new Int32Array(
    tableMap.map.bytes.buffer,
    tableMap.map.bytes.byteOffset,
    BUFFERS * 4,
  )
  /** @type {import('dmabuf').DmaBuf[]} */
  const buffers = []
  for (let index = 0; index < BUFFERS; index++) buffers.push(await domain.open(`frame ${index}`))
  const maps = await Promise.all(buffers.map((buffer) => buffer.vmap()))
  const pictures = maps.map(({ map }) => new Picture(map.bytes))
  const engine = createTimeline(`role ${role}`)
  let [seqno, damaged] = [0, 0]
  let working = Promise.resolve()
  // Where another process in the same role was killed, this one goes on from there.
  const columns = begun.filter((_, at) => at % 4 === role)
  for (let frame = Math.max(...columns) + 1; frame <= frames; frame++) {
    const index = frame % BUFFERS
    const { reservation } = /** @type {import('dmabuf').DmaBuf} */ (buffers[index])
    const isTurn = () => {
      const [camera, filter, ...viewers] = begun.subarray(index * 4, index * 4 + 4)
      if (role === CAMERA) return viewers.every((viewer) => viewer === camera)
      return (role === FILTER ? camera : filter) === frame
    }
    for (let isBegun = false; !isBegun;) {
      const held = await lockAll([table.reservation, reservation])
      isBegun = isTurn()
      if (isBegun) {
        const isWriter = role < VIEWER
        const ours = held.of(reservation)
        ours.reserve(1)
        const dependencies = reservation.fences(usageToWaitFor(isWriter))
        const done = ++seqno
        ours.add(engine.fence(done), isWriter ? 'write' : 'read')
        ours.release() // whoever comes next finds the fence before it finds that it is its turn
        begun[index * 4 + role] = frame
        // The work comes later: meanwhile we go on to the next frame, and the next process to this one.
        working = working.then(async () => {
          await Promise.allSettled(dependencies.map((fence) => fence.wait()))
          if (!(await work(role, frame, /** @type {Picture} */ (pictures[index])))) damaged++
          engine.signal(done)
        })
      }
      held.release()
      if (!isBegun) await sleep(1)
    }
  }
  await working
  console.log(`${seqno} ${damaged}`)
  for (const map of maps) await map.end()
  for (const buffer of buffers) buffer.close()
  await tableMap.end()
  table.close()
  await domain.close()
}

/**
 * Starts a role in a process of its own.
 *
 * @param {string} path
 * @param {number} role
 * @param {number} frames
 * @returns {Promise<number[]>} how many frames it worked on, and how many were damaged
 */
function start(path, role, frames) {
  const script = fileURLToPath(import.meta.url)
  const args = [script, path, `${role}`, `${frames}`]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (/** @type {Buffer} */ chunk) => (output += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.once('exit', (code, signal) => {
      if (code === 0) resolve(output.trim().split(' ').map(Number))
      else reject(new Error(`Role ${role} ended with ${String(code ?? signal)}`))
    })
  })
}

const [path, role, frames] = process.argv.slice(2)
if (path !== undefined) {
  await play(path, Number(role), Number(frames))
} else {
  const folder = await mkdtemp(join(tmpdir(), 'dmabuf-example-'))
  try {
    const socket = join(folder, 'hub.sock')
    const hub = await serveDomain(socket)
    const heap = openMemfdHeap()
    const names = ['table', ...Array.from({ length: BUFFERS }, (_, index) => `frame ${index}`)]
    const buffers = names.map((name) => heap.allocate(HEADER * 4 + PIXELS, { name }))
    for (const [index, buffer] of buffers.entries()) await hub.share(buffer, names[index] ?? '')
    const outcomes = await Promise.all([0, 1, 2, 3].map((one) => start(socket, one, 60)))
    for (const outcome of outcomes) assert.deepEqual(outcome, [60, 0])
    for (const buffer of buffers) buffer.close()
    await hub.close()
    console.log('two viewers saw 60 frames each, all whole and all filtered')
  } finally {
    await rm(folder, { recursive: true })
  }
}
