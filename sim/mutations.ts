import type { Mutation } from './transform/build.js'

/** A mistake, and the world that has to show it. */
export interface Mistake {
  readonly world: string
  readonly changes: readonly Mutation[]
}

/** Mistakes in the shipped source that the simulator has to find; tests/sim does them one by one. */
export const mutations: ReadonlyMap<string, Mistake> = new Map([
  [
    'payload-after-publish',
    {
      world: 'queue',
      changes: [
        {
          file: 'src/interprocess/queue-producer.ts',
          find: '    writeFacts(this.#words, base, ticket, facts)\n',
          replace: '',
        },
        {
          file: 'src/interprocess/queue-producer.ts',
          find: '    storeCounter(this.#words, page.QUEUE_PUBLISHED, ticket)\n',
          replace:
            '    storeCounter(this.#words, page.QUEUE_PUBLISHED, ticket)\n    writeFacts(this.#words, base, ticket, facts)\n',
        },
      ],
    },
  ],
  [
    'no-second-look-for-a-frame',
    {
      world: 'queue',
      changes: [
        {
          file: 'src/interprocess/queue-consumer.ts',
          find: '    // One that was published before it could see the wish rings nobody.\n    return this.acquire()\n',
          replace: '    return undefined\n',
        },
      ],
    },
  ],
  [
    'no-second-look-for-a-buffer',
    {
      world: 'queue',
      changes: [
        {
          file: 'src/interprocess/queue-producer.ts',
          find: '    // One that was given back before its consumer could see the wish rings nobody.\n    return this.take()\n',
          replace: '    return undefined\n',
        },
      ],
    },
  ],
  [
    'no-look-after-a-claim',
    {
      world: 'queue',
      changes: [
        {
          file: 'src/interprocess/queue-consumer.ts',
          find: '      if (now === ticket) return this.#claimed(ticket, slot)\n',
          replace: '      if (now >= ticket) return this.#claimed(ticket, slot)\n',
        },
      ],
    },
  ],
  [
    'no-generation-check',
    {
      world: 'board',
      changes: [
        {
          file: 'src/interprocess/fence-reader.ts',
          find: '    if (this.theirs.load(this.layout.slotAt(slot) + SLOT_GENERATION) !== generation) {\n',
          replace:
            '    if (this.theirs.load(this.layout.slotAt(slot) + SLOT_GENERATION) === 0) {\n',
        },
      ],
    },
  ],
  [
    'no-look-at-hazards',
    {
      world: 'board',
      changes: [
        {
          file: 'src/interprocess/fence-board.ts',
          find: '      if (this.#isHazard(watcher, slot, generation)) {\n',
          replace: '      if (this.#isHazard(watcher, slot, generation) && slot < 0) {\n',
        },
      ],
    },
  ],
  [
    'no-look-after-a-wish',
    {
      world: 'board',
      changes: [
        {
          file: 'src/interprocess/remote-line.ts',
          find: '!this.#keeper.wish(this.#slot)',
          replace: '(this.#keeper.wish(this.#slot), true)',
        },
      ],
    },
  ],
  [
    'next-slot-after-the-failure',
    {
      world: 'board',
      changes: [
        {
          file: 'src/interprocess/fence-board.ts',
          find: '    this.#words.write(at + SLOT_NEXT, next.slot + 1)\n    this.#words.write(at + SLOT_NEXT_GENERATION, next.generation)\n    this.pin(next.slot)\n    this.#stop(slot, errno, seqno - 1)\n',
          replace:
            '    this.pin(next.slot)\n    this.#stop(slot, errno, seqno - 1)\n    this.#words.write(at + SLOT_NEXT, next.slot + 1)\n    this.#words.write(at + SLOT_NEXT_GENERATION, next.generation)\n',
        },
      ],
    },
  ],
  [
    'no-look-for-newcomers',
    {
      world: 'board',
      changes: [
        {
          file: 'src/interprocess/fence-board.ts',
          find: 'this.#waker.knowsAll?.() === false',
          replace: 'this.#oldest < 0',
        },
      ],
    },
  ],
  [
    'no-second-look-for-a-lock',
    {
      world: 'lock',
      changes: [
        {
          file: 'src/interprocess/shared-lock.ts',
          find: '    this.#ask(WAITING, request)\n',
          replace: "    this.#ask(WAITING, request)\n    if (request.stamp > 0) return 'busy'\n",
        },
      ],
    },
  ],
  [
    'no-look-after-a-lock-claim',
    {
      world: 'lock',
      changes: [
        {
          file: 'src/interprocess/shared-lock.ts',
          find: '    const settled = this.#settle(request)\n',
          replace:
            "    const settled: LockSight = request.stamp > 0 ? 'free' : this.#settle(request)\n",
        },
      ],
    },
  ],
  [
    'no-look-for-newcomers-at-a-lock',
    {
      world: 'lock',
      changes: [
        {
          file: 'src/interprocess/shared-lock.ts',
          find: '      // Whoever joins after this look sees our claim; who joined before it has to be looked at.\n      const caughtUp = this.#group.catchUp()\n',
          replace: "      const caughtUp = 'same' as ReturnType<LockGroup['catchUp']>\n",
        },
      ],
    },
  ],
  [
    'given-back-before-it-is-still-used',
    {
      world: 'queue',
      changes: [
        {
          file: 'src/interprocess/queue-consumer.ts',
          find: '    this.#setReleasing(bufferIndex, true)\n    this.release(bufferIndex)\n',
          replace: '    this.release(bufferIndex)\n    this.#setReleasing(bufferIndex, true)\n',
        },
      ],
    },
  ],
])
