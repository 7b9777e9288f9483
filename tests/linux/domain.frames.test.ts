// Goal: a camera, a filter that writes in place and two viewers keep each other's order by implicit fences alone, also
// while some of them are killed and replaced.
// Method: the roles of the example, in processes of their own; every frame has a number and a checksum.
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { DomainRig } from '../helpers/domain-rig.js'
import { countResources, settled, until } from '../helpers/leaks.js'
import { Random } from '../helpers/random.js'

const EXAMPLE = join(import.meta.dirname, '../../examples/21-implicit-fences.js')
const FRAMES = 150
const BUFFERS = 3

/** One role: a process, and the one that takes its place when it is killed. */
class Player {
  readonly #args: readonly string[]
  #child: ChildProcess | undefined
  #output = ''
  #errors = ''
  isDone = false

  constructor(path: string, role: number) {
    this.#args = [EXAMPLE, path, `${role}`, `${FRAMES}`]
    this.#start()
  }

  #start(): void {
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined }
    const child = spawn(process.execPath, this.#args, { stdio: ['ignore', 'pipe', 'pipe'], env })
    this.#child = child
    child.stdout.on('data', (chunk: Buffer) => (this.#output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()))
    child.once('exit', (code) => {
      if (code === 0) this.isDone = true
    })
  }

  /** Kills it, and starts another one, unless it was done. */
  async replace(): Promise<boolean> {
    const child = this.#child!
    if (this.isDone || child.exitCode !== null) return false
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
    if (!this.isDone) this.#start()
    return !this.isDone
  }

  get errors(): string {
    return this.#errors
  }

  /** Frames that were not as they should be, in what the last process of this role saw. */
  get damaged(): number {
    const [, damaged] = this.#output.trim().split(' ').map(Number)
    return damaged ?? -1
  }

  kill(): void {
    this.#child?.kill('SIGKILL')
  }
}

async function play(
  t: TestContext,
  { victims, seed }: { victims: readonly number[]; seed: number },
): Promise<{ kills: number; damaged: number[] }> {
  const random = new Random(seed)
  await using rig = await DomainRig.open(t)
  const names = ['table', ...Array.from({ length: BUFFERS }, (_, index) => `frame ${index}`)]
  for (const name of names) await rig.share(rig.hub, name, [], 12 + 64 * 1024)
  await settled()
  const before = countResources()
  const players = [0, 1, 2, 3].map((role) => new Player(rig.path, role))
  let kills = 0
  try {
    for (let i = 0; i < victims.length * 2; i++) {
      await new Promise((resolve) => setTimeout(resolve, 150 + random.below(250)))
      if (await players[victims[i % victims.length]!]!.replace()) kills++
    }
    await until(
      () => players.every(({ isDone }) => isDone),
      () => `seed ${seed}: ${players.map(({ isDone, errors }) => `${isDone} ${errors}`).join(' ')}`,
      60_000,
    )
  } finally {
    for (const player of players) player.kill()
  }
  await until(() => rig.hub.members.length === 0)
  await until(() => countResources().fds <= before.fds)
  await settled()
  assert.deepEqual(countResources(), before)
  return { kills, damaged: players.map(({ damaged }) => damaged) }
}

test('No frame is read early or torn while viewers are killed and replaced', async (t) => {
  const { kills, damaged } = await play(t, { victims: [2, 3], seed: 1 })
  assert.ok(kills > 0)
  assert.deepEqual(damaged, [0, 0, 0, 0])
})

test('A camera and a filter that are killed leave only what they worked on, and all others go on', async (t) => {
  const { kills, damaged } = await play(t, { victims: [1, 0], seed: 2 })
  assert.ok(kills > 0)
  for (const count of damaged)
    assert.ok(count >= 0 && count <= kills * BUFFERS, `${kills} kills: ${damaged.join()}`)
})
