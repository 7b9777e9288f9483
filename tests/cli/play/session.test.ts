// Goal: what a person does to the viewers (k, s, q) shows, and the camera goes on.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { Session, type PlayState } from '#src/cli/play/session.js'
import { scratchFolder, y4mClip } from '../../helpers/dmabuf-command.js'
import { writeFileSync } from 'node:fs'

interface Playing extends Disposable {
  readonly session: Session
  readonly run: ReturnType<Session['run']>
  /** What the processes have said on standard error. */
  complaints(): string
  until(condition: (state: PlayState) => boolean): Promise<void>
}

function play(): Playing {
  const folder = scratchFolder()
  const input = join(folder.path, 'clip.y4m')
  writeFileSync(input, y4mClip({ width: 64, height: 36, frames: 50 }))
  const watchers = new Set<() => void>()
  let complaints = ''
  const options = {
    ...{ input, fast: false, loop: true, frames: undefined, picture: undefined },
    contactSheet: join(folder.path, 'sheet.png'),
    onError: (text: string) => {
      complaints += text
    },
  }
  const session = new Session(options, () => {
    for (const watcher of watchers) watcher()
  })
  return {
    session,
    run: session.run(),
    complaints: () => complaints,
    until: (condition) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!condition(session.state)) return
          watchers.delete(look)
          resolve()
        }
        watchers.add(look)
        look()
      }),
    [Symbol.dispose]() {
      session[Symbol.dispose]()
      folder[Symbol.dispose]()
    },
  }
}

const queued = (state: PlayState): number => state.camera?.queued ?? 0

test('killViewer: its buffers come back, the screen can say when, the others go on', async () => {
  using playing = play()
  const { session, run, until } = playing
  await until((state) => (state.measure?.received ?? 0) > 2)
  session.killViewer()
  await until((state) => state.events.length > 0)
  assert.match(
    session.state.events[0] ?? '',
    /measure \(pid \d+\) killed; its \d buffers? (was|were) back/,
  )
  const before = queued(session.state)
  await until((state) => queued(state) > before + 20)
  session.stop()
  assert.deepEqual({ ...(await run) }, { camera: 0, measure: 'SIGKILL', pictures: 0 })
})

test('stallViewer: the camera waits and says for whom; the second time it goes on', async () => {
  using playing = play()
  const { session, run, until } = playing
  await until((state) => (state.measure?.received ?? 0) > 2)
  session.stallViewer()
  await until((state) => (state.camera?.waitsFor.length ?? 0) > 0)
  assert.equal(session.state.camera?.waitsFor[0]?.pid, session.state.pids.measure)
  const before = queued(session.state)
  session.stallViewer()
  await until((state) => queued(state) > before + 5)
  session.stop()
  assert.deepEqual({ ...(await run) }, { camera: 0, measure: 0, pictures: 0 })
})

test('stop ends a session whose viewer is stalled', async () => {
  using playing = play()
  const { session, run, until } = playing
  await until((state) => (state.measure?.received ?? 0) > 2)
  session.stallViewer()
  session.stop()
  assert.equal((await run).camera, 0)
})

test('stop before the viewers have seen anything ends all three without a complaint', async () => {
  using playing = play()
  const { session, run, until } = playing
  await until((state) => state.pids.pictures !== undefined)
  session.stop()
  assert.deepEqual({ ...(await run) }, { camera: 0, measure: 0, pictures: 0 })
  assert.equal(playing.complaints(), '')
})
