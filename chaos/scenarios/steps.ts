import { killAtPlaces, prepareVictim, stepsOf, type Place, type Survivors } from '../places.js'
import type { Process, Run, Scenario } from '../scenario.js'

/** Everybody is killed before every single access to shared memory, in everything they do. */
export const steps: Scenario = {
  name: 'steps',
  about: 'kill -9 before every access to shared memory of every operation on queues and timelines',
  share: 11,
  isByStep: true,
  run: killAtSteps,
}

async function killAtSteps(run: Run, kills: number): Promise<void> {
  const survivors = await Neighbours.start(run)
  await killAtPlaces(run, kills, { roles: ['viewer', 'camera', 'owner', 'watcher'], survivors })
  await survivors.finish()
}

/** Who has to go on whatever happens to the victim. */
class Neighbours implements Survivors {
  readonly #run: Run
  readonly #camera: Process
  readonly #viewer: Process
  readonly #owner: Process
  readonly #watcher: Process
  readonly #other: Process

  private constructor(run: Run, [camera, viewer, owner, watcher, other]: readonly Process[]) {
    this.#run = run
    this.#camera = camera!
    this.#viewer = viewer!
    this.#owner = owner!
    this.#watcher = watcher!
    this.#other = other!
  }

  static async start(run: Run): Promise<Neighbours> {
    const all: Process[] = []
    for (let i = 0; i < 5; i++) all.push(await run.start())
    const neighbours = new Neighbours(run, all)
    await neighbours.#join()
    return neighbours
  }

  async #join(): Promise<void> {
    const run = this.#run
    await this.#camera.run(async (_, at) => {
      chaos.my.camera = await chaos.Camera.serve(at, 1)
    }, run.path('camera'))
    await this.#viewer.run(async (_, at) => {
      chaos.my.viewer = await chaos.Viewer.connect(at)
      chaos.my.reading = chaos.my.viewer.read()
    }, run.path('camera'))
    await this.#owner.run(async (_, at) => {
      chaos.my.owner = await chaos.Owner.serve(at)
    }, run.path('owner'))
    await this.#watcher.run(async (_, at) => {
      chaos.my.watcher = new chaos.Watcher(at)
      chaos.my.watcher.run()
    }, run.path('owner'))
  }

  baseline(): Promise<void> {
    return this.#run.baseline(this.#camera, this.#viewer, this.#owner, this.#watcher, this.#other)
  }

  async perform({ role, operation, at }: Place): Promise<number | undefined> {
    const path = this.#run.path(pathOf(role))
    const victim = await prepareVictim(this.#run, { role, operation }, path)
    const others = this.#meet({ role, operation, at }, path)
    await others.before
    await victim.run(() => chaos.my.victim.ready())
    const acting = victim.run((_, step) => chaos.my.victim.act(step, 'SIGKILL'), at)
    void others.during()
    const count = await stepsOf(acting)
    if (count === undefined) await this.#run.buried(victim)
    else await this.#run.kill(victim)
    try {
      await others.after()
    } catch (error) {
      this.#run.violation(`${role}, ${operation}, step ${at}: ${(error as Error).message}`)
    }
    return count
  }

  #meet({ role, operation }: Place, path: string): Others {
    if (role === 'viewer') return meetViewer(this.#camera, this.#viewer)
    if (role === 'camera') return meetCamera(this.#run, this.#other, { operation, path })
    if (role === 'owner') return meetOwner(this.#run, this.#other, { operation, path })
    return meetWatcher(this.#owner, this.#watcher)
  }

  async finish(): Promise<void> {
    const run = this.#run
    await run.measure()
    await this.#camera.run(() => chaos.my.camera.queue.close())
    const seen = await this.#viewer.run(async () => {
      await chaos.my.reading
      await chaos.my.viewer.stream.close()
      return chaos.my.viewer.report()
    })
    run.torn(seen.torn)
    for (const text of seen.violations) run.violation(text)
    const watched = await this.#watcher.run(async () => {
      await chaos.my.watcher.stop()
      return chaos.my.watcher.report()
    })
    for (const text of watched.violations) run.violation(text)
    await this.#owner.run(() => chaos.my.owner.close())
    for (const one of [this.#camera, this.#viewer, this.#owner, this.#watcher, this.#other])
      await run.finish(one)
  }
}

/** What the others do around a victim's death, and check after it. */
interface Others {
  readonly before: Promise<void>
  readonly during: () => Promise<void>
  readonly after: () => Promise<void>
}

const nothing = async (): Promise<void> => {}

function pathOf(role: Place['role']): string {
  if (role === 'viewer') return 'camera'
  return role === 'watcher' ? 'owner' : `victim-${role}`
}

/** The victim is a viewer: the camera gets every buffer back, the other viewer every frame. */
function meetViewer(camera: Process, viewer: Process): Others {
  return {
    before: camera.run(async () => {
      for (let i = 0; i < 2; i++) await chaos.my.camera.publish()
    }),
    during: nothing,
    after: async () => {
      const published = await camera.run(async ({ resources }) => {
        const { queue } = chaos.my.camera
        await resources.until(
          () => queue.consumers.length === 1 && queue.consumers[0]?.lagFrames === 0,
          () => `${queue.consumers.length} consumers, one lags ${queue.consumers[0]?.lagFrames}`,
        )
        const free = Array.from({ length: queue.bufferCount }, () => queue.tryDequeue())
        for (const frame of free) frame?.cancel()
        const count = free.filter((frame) => frame !== undefined).length
        if (count !== queue.bufferCount - 1) throw new Error(`${count} buffers are free`)
        await chaos.my.camera.publish()
        return queue.stats().queued
      })
      await viewer.run(
        ({ resources }, wanted) =>
          resources.until(
            () => chaos.my.viewer.arrivalOf(1, wanted) !== undefined,
            () => `Frame ${wanted} never came`,
          ),
        published,
      )
    },
  }
}

/** The victim is a camera: its viewer sees whole frames, in order, and then its death. */
function meetCamera(
  run: Run,
  viewer: Process,
  { operation, path }: { operation: string; path: string },
): Others {
  const join = async (): Promise<void> =>
    viewer.run(async (_, at) => {
      delete (chaos.my as { viewer?: unknown }).viewer
      try {
        chaos.my.viewer = await chaos.Viewer.connect(at)
        chaos.my.reading = chaos.my.viewer.read()
      } catch (error) {
        const { code } = error as { code?: unknown }
        if (code !== 'EOWNERDEAD') throw error
      }
    }, path)
  if (operation === 'serve') return { before: nothing(), during: nothing, after: nothing }
  let joining: Promise<void> | undefined
  return {
    before: operation === 'admit' ? nothing() : join(),
    during: async () => {
      if (operation === 'admit') joining = join()
      await joining?.catch(() => {})
    },
    after: async () => {
      await joining
      const report = await viewer.run(async () => {
        const { viewer: self, reading } = chaos.my
        if (self === undefined) return undefined
        await reading
        await self.stream.close()
        return self.report()
      })
      if (report === undefined) return
      run.torn(report.torn)
      const ends = operation === 'close' ? ['end', 'EOWNERDEAD'] : ['EOWNERDEAD']
      const code = report.end?.code ?? 'nothing'
      if (!ends.includes(code)) throw new Error(`A viewer ended with ${code}`)
      if (report.violations.length > 0) throw new Error(report.violations.join(', '))
    },
  }
}

/** The victim owns a timeline: whoever waits hears of its death, fence by fence, once. */
function meetOwner(
  run: Run,
  watcher: Process,
  { operation, path }: { operation: string; path: string },
): Others {
  const join = async (waits: boolean): Promise<void> =>
    watcher.run(
      async ({ resources }, at, wanted) => {
        chaos.my.watcher = new chaos.Watcher(at)
        chaos.my.watcher.run()
        if (wanted) await resources.until(() => chaos.my.watcher.report().watches)
      },
      path,
      waits,
    )
  return {
    before: operation === 'share' ? nothing() : join(true),
    during: async () => {
      if (operation === 'share') await join(false)
    },
    after: async () => {
      const report = await watcher.run(async ({ resources }, always) => {
        await resources.until(() => !chaos.my.watcher.report().watches)
        await chaos.my.watcher.stop()
        if (always) await resources.until(() => chaos.my.watcher.report().deaths === 1)
        return chaos.my.watcher.report()
      }, operation !== 'share')
      run.count('signaled', report.signaled)
      const broken = report.violations.filter(
        (text) => !(operation === 'end' && text.includes('ENOENT')),
      )
      if (broken.length > 0) throw new Error(broken.join(', '))
    },
  }
}

/** The victim watches a timeline: the other watcher hears of the next signal. */
function meetWatcher(owner: Process, watcher: Process): Others {
  const signal = async (): Promise<void> => owner.run(() => chaos.my.owner.signal())
  return {
    before: signal(),
    during: nothing,
    after: async () => {
      await owner.run(({ resources }) => resources.until(() => chaos.my.owner.links === 1))
      const before = await watcher.run(() => chaos.my.watcher.report().signaled)
      await signal()
      await watcher.run(
        ({ resources }, known) =>
          resources.until(
            () => chaos.my.watcher.report().signaled > known,
            () => 'A watcher missed a signal',
          ),
        before,
      )
    },
  }
}
