// Goal: the viewer in C survives whatever its producer does, and leaves with one line.
// Method: examples/c/join-queue.c, compiled to end at any access outside of what is there, joins an impostor that
// follows the protocol but for one thing. `npm run fuzz -- --target c-viewer` does all sorts of things.
import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { test, type TestContext } from 'node:test'
import { FENCE_PENDING } from '#src/interprocess/frame-descriptor.js'
import { MessageType } from '#src/interprocess/link-message.js'
import { encodeBuffers } from '#src/interprocess/queue-message.js'
import { CONSUMER_CLAIMS, CONSUMER_PAGE_BYTES } from '#src/interprocess/queue-page.js'
import { DmaBufError } from '#src/index.js'
import type { Link } from '#src/linux/link.js'
import { MapMode, Mapping } from '#src/linux/mapping.js'
import type { OwnedFd } from '#src/linux/owned-fd.js'
import { compileViewer, CViewer } from './helpers/c-viewer.js'
import { regularFile } from './helpers/hostile.js'
import { answerOne, Impostor } from './helpers/impostor.js'
import { until } from './helpers/leaks.js'
import { socketPath } from './helpers/socket-path.js'

const { EACCES, EPROTO } = constants.errno

/** An impostor with a viewer that has joined it; all gone after the test. */
class Rig implements AsyncDisposable {
  readonly impostor = new Impostor()
  readonly #program: string
  #link: Link | undefined
  #viewer: CViewer | undefined
  #theirs: Mapping | undefined
  #stop = async (): Promise<void> => {}

  private constructor(program: string) {
    this.#program = program
  }

  static open(t: TestContext): Rig | undefined {
    const program = compileViewer(t, 'checked')
    return program === undefined ? undefined : new Rig(program)
  }

  /** @param bell - what it gets as doorbell; moved. The impostor's own where absent */
  async join(t: TestContext, bell?: OwnedFd): Promise<{ viewer: CViewer; link: Link }> {
    const path = socketPath(t)
    const { served, close } = await answerOne(path, async (link, theirs) => {
      this.#link = link
      this.#theirs = new Mapping(theirs, CONSUMER_PAGE_BYTES, MapMode.readOnly)
      const { page, bell: own, buffers, payload } = this.impostor.parts()
      const fds = [page, bell ?? own, ...buffers]
      await link.post(MessageType.queueWelcome, payload, { fds })
      for (const fd of [...fds, own]) fd.close()
    })
    this.#stop = close
    const viewer = (this.#viewer = new CViewer(this.#program, path, 'fences=pass'))
    await served
    return { viewer, link: this.#link! }
  }

  /** The slots that the viewer has claimed. */
  get claims(): number {
    return this.#theirs?.words().load(CONSUMER_CLAIMS) ?? 0
  }

  /** Publishes a frame; its slot. */
  publish(fenceStatus: number): number {
    const { producer, bell } = this.impostor
    const slot = producer.take()!
    const facts = { lengthBytes: 100, timestampNs: 0, damage: [] }
    producer.publish(slot, facts, { serial: 0, layout: undefined }, fenceStatus)
    bell.ring()
    return slot
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#viewer?.[Symbol.dispose]()
    this.#theirs?.close()
    await this.#link?.close()
    await this.#stop()
    this.impostor[Symbol.dispose]()
  }
}

test('a C viewer prints what is no state of a fence as EPROTO', async (t) => {
  await using rig = Rig.open(t)
  if (rig === undefined) return
  const { viewer, link } = await rig.join(t)
  for (const state of [-0x80000000, -4096, -4095]) {
    const slot = rig.publish(FENCE_PENDING)
    rig.impostor.producer.settle(slot, state)
    rig.impostor.bell.ring()
  }
  await viewer.printed(3)
  await link.close()
  assert.equal(await viewer.ended(), 'end clean')
  const failures = [EPROTO, EPROTO, 4095].map((error, i) => `frame ${i + 1} failed ${error}`)
  assert.deepEqual(viewer.lines.slice(0, 3), failures)
})

test('a C viewer leaves a producer that takes away the buffer it looks at', async (t) => {
  await using rig = Rig.open(t)
  if (rig === undefined) return
  const { viewer, link } = await rig.join(t)
  const slot = rig.publish(FENCE_PENDING)
  await until(() => rig.claims !== 0)
  const gone = encodeBuffers([{ slot, serial: 2, lengthBytes: 0 }])
  await link.post(MessageType.queueBuffers, gone)
  await viewer.printed(1)
  assert.equal(await viewer.ended(), `end ${EPROTO} another buffer for a slot that is in use`)
})

test('a C viewer leaves a producer that sends a file as its doorbell', async (t) => {
  await using rig = Rig.open(t)
  if (rig === undefined) return
  const { viewer } = await rig.join(t, regularFile())
  await viewer.printed(1)
  assert.equal(await viewer.ended(), `end ${EPROTO} a doorbell that is none`)
})

test('a C viewer prints the reason of a goodbye in one line', async (t) => {
  await using rig = Rig.open(t)
  if (rig === undefined) return
  const { viewer, link } = await rig.join(t)
  await until(() => link.agreement !== undefined)
  await link.closeWith(new DmaBufError('EACCES', 'test', 'one\ntwo\rthree\x1b[31m\x7f'))
  assert.equal(await viewer.ended(), `end ${EACCES} one two three [31m `)
  assert.equal(viewer.lines.length, 1)
})
