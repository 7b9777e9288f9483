import { createTimeline, DmaBufError } from '#src/index.js'
import {
  connectFrames,
  connectLink,
  receiveTimeline,
  serveLinks,
  shareTimeline,
  type Frame,
} from '#src/linux/index.js'
import { until } from '../../tests/helpers/leaks.js'
import { Camera } from './camera.js'
import { hubOperations, memberOperations, type DomainOperation } from './domain-operations.js'
import type { Prepare } from './operation.js'
import { FRAME_BYTES, paint } from './pattern.js'

/** What viewers do; the camera publishes two frames before `ready`. */
const viewer: Readonly<Record<string, Prepare>> = {
  join: async (path) => ({ act: () => connectFrames(path) }),
  'join latest': async (path) => ({ act: () => connectFrames(path, { mode: 'latest' }) }),
  acquire: async (path) => {
    const stream = await connectFrames(path, { maxHeld: 2 })
    return { act: () => stream.tryReceive() }
  },
  'acquire latest': async (path) => {
    const stream = await connectFrames(path, { mode: 'latest' })
    return { act: () => stream.tryReceive() }
  },
  'acquire twice': async (path) => {
    const stream = await connectFrames(path, { maxHeld: 2 })
    return { act: () => [stream.tryReceive(), stream.tryReceive()] }
  },
  wait: async (path) => {
    const stream = await connectFrames(path, { mode: 'latest', maxHeld: 2 })
    return {
      ready: async () => {
        await stream.receive()
      },
      act: () => {
        stream.receive().catch(() => {})
      },
    }
  },
  release: async (path) => {
    const stream = await connectFrames(path)
    let held: Disposable | undefined
    return {
      ready: async () => {
        held = await stream.receive()
      },
      act: () => held?.[Symbol.dispose](),
    }
  },
  'release with a fence': async (path) => {
    const stream = await connectFrames(path)
    const timeline = createTimeline('steps')
    let held: Frame | undefined
    return {
      ready: async () => {
        held = await stream.receive()
      },
      act: () => {
        held?.release(timeline.fence(1))
        timeline.signal(1)
      },
    }
  },
  leave: async (path) => {
    const stream = await connectFrames(path)
    const ready = async (): Promise<void> => {
      await stream.receive()
    }
    return { ready, act: () => stream.close() }
  },
}

/** What cameras do; a viewer joins before `ready`, and while an act waits for one. */
const camera: Readonly<Record<string, Prepare>> = {
  serve: async (path) => ({ act: () => Camera.serve(path, 1) }),
  admit: async (path) => {
    const { queue } = await Camera.serve(path, 1)
    return { act: () => until(() => queue.consumers.length === 1) }
  },
  take: async (path) => {
    const { queue } = await Camera.serve(path, 1)
    return { act: () => queue.tryDequeue() }
  },
  publish: async (path) => {
    const one = await Camera.serve(path, 1)
    // The second frame comes to a viewer that waits, or has asked to be rung.
    return { ready: () => one.publish(), act: () => one.publish() }
  },
  'publish with a fence': async (path) => {
    const { queue } = await Camera.serve(path, 1)
    const timeline = createTimeline('steps')
    return {
      act: async () => {
        const frame = await queue.dequeue()
        paint(frame.bytes, 1, 1)
        frame.queue({ fence: timeline.fence(1) })
        timeline.signal(1)
      },
    }
  },
  resize: async (path) => {
    const one = await Camera.serve(path, 1)
    return {
      ready: () => one.publish(),
      act: async () => {
        await one.queue.resize(2 * FRAME_BYTES)
        await one.publish()
      },
    }
  },
  'wait for a buffer': async (path) => {
    const { queue } = await Camera.serve(path, 1)
    return {
      ready: async () => {
        while (queue.tryDequeue() !== undefined);
      },
      act: () => {
        queue.dequeue().catch(() => {})
      },
    }
  },
  close: async (path) => {
    const { queue } = await Camera.serve(path, 1)
    return { act: () => queue.close() }
  },
}

/** What owners of a timeline do; a watcher has it before `ready`. */
const owner: Readonly<Record<string, Prepare>> = {
  share: async (path) => {
    const listener = await serveLinks(path)
    return {
      act: async () => {
        for await (const link of listener) {
          const timeline = createTimeline('steps')
          await shareTimeline(timeline, link)
          return
        }
      },
    }
  },
  signal: async (path) => {
    const timeline = await shared(path)
    return { ready: async () => timeline.signal(1), act: () => timeline.signal(3) }
  },
  // The timeline goes on in another slot.
  fail: async (path) => {
    const timeline = await shared(path)
    const error = new DmaBufError('EIO', 'work', 'It went wrong')
    return { ready: async () => timeline.signal(1), act: () => timeline.fail(3, error) }
  },
  end: async (path) => {
    const timeline = await shared(path)
    return { ready: async () => timeline.signal(1), act: () => timeline.close() }
  },
}

async function shared(path: string): Promise<ReturnType<typeof createTimeline>> {
  const timeline = createTimeline('steps')
  const listener = await serveLinks(path)
  const serve = async (): Promise<void> => {
    for await (const link of listener) void shareTimeline(timeline, link).catch(() => {})
  }
  void serve()
  return timeline
}

/** What watchers of a timeline do; its owner signals before `ready`. */
const watcher: Readonly<Record<string, Prepare>> = {
  receive: async (path) => ({
    act: async () => receiveTimeline(await connectLink(path)),
  }),
  look: async (path) => {
    const timeline = await receiveTimeline(await connectLink(path))
    return { act: () => timeline.value }
  },
  wait: async (path) => {
    const timeline = await receiveTimeline(await connectLink(path))
    return { act: () => timeline.fence(timeline.value + 100).addCallback(() => {}) }
  },
  'wait blocking': async (path) => {
    const timeline = await receiveTimeline(await connectLink(path))
    const wait = (): void => {
      timeline.waitSync(timeline.value + 100_000, { timeoutMs: 5 })
    }
    return {
      act: () => {
        try {
          wait()
        } catch {
          // It is over, which is all that matters.
        }
      },
    }
  },
}

function preparesOf(all: Readonly<Record<string, DomainOperation>>): Record<string, Prepare> {
  return Object.fromEntries(Object.entries(all).map(([name, { prepare }]) => [name, prepare]))
}

const OPERATIONS = {
  viewer,
  camera,
  owner,
  watcher,
  member: preparesOf(memberOperations),
  hub: preparesOf(hubOperations),
}

/** Who does something. */
export type Role = keyof typeof OPERATIONS

/** The operations of every role. */
export function operationsOf(role: Role): readonly string[] {
  return Object.keys(OPERATIONS[role])
}

/** What makes one of them ready. */
export function prepareOf(role: Role, name: string): Prepare {
  return OPERATIONS[role][name]!
}
