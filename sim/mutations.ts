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
          find: '    storeNumber(this.#words, page.QUEUE_PUBLISHED, ticket)\n',
          replace:
            '    storeNumber(this.#words, page.QUEUE_PUBLISHED, ticket)\n    writeFacts(this.#words, base, ticket, facts)\n',
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
  [
    'fence-after-publish',
    {
      world: 'queue',
      changes: [
        {
          file: 'src/interprocess/queue-producer.ts',
          find: '    if (state.fenceStatus !== fenceStatus) storeFenceStatus(this.#words, base, fenceStatus)\n',
          replace: '',
        },
        {
          file: 'src/interprocess/queue-producer.ts',
          find: '    storeNumber(this.#words, page.QUEUE_PUBLISHED, ticket)\n',
          replace:
            '    storeNumber(this.#words, page.QUEUE_PUBLISHED, ticket)\n    storeFenceStatus(this.#words, base, fenceStatus)\n',
        },
      ],
    },
  ],
  [
    'no-look-whether-a-fence-is-pending',
    {
      world: 'queue',
      changes: [
        {
          file: 'src/interprocess/queue-producer.ts',
          find: '      if (!hasBuffer || filling || fenceStatus === FENCE_PENDING) continue\n',
          replace: '      if (!hasBuffer || filling || fenceStatus < 0) continue\n',
        },
      ],
    },
  ],
  [
    'failed-frame-is-never-ready',
    {
      world: 'queue',
      changes: [
        {
          file: 'src/interprocess/queue-producer.ts',
          find: '    storeFenceStatus(this.#words, page.descriptorAt(slot), fenceStatus)\n    this.#becomeReady(slot)\n',
          replace:
            '    storeFenceStatus(this.#words, page.descriptorAt(slot), fenceStatus)\n    if (fenceStatus === FENCE_READY) this.#becomeReady(slot)\n',
        },
      ],
    },
  ],
  [
    'fences-pending-after-the-close',
    {
      world: 'queue',
      changes: [
        {
          file: 'src/interprocess/queue-consumer.ts',
          find: '    return status === FENCE_PENDING ? this.#pendingStatus : status\n',
          replace: '    return status\n',
        },
      ],
    },
  ],
  [
    'fences-fail-that-have-signalled',
    {
      world: 'queue',
      changes: [
        {
          file: 'src/interprocess/queue-consumer.ts',
          find: '    return status === FENCE_PENDING ? this.#pendingStatus : status\n',
          replace:
            '    return this.#pendingStatus === FENCE_PENDING ? status : this.#pendingStatus\n',
        },
      ],
    },
  ],
  [
    'buffer-serial-after-publish',
    {
      world: 'queue',
      changes: [
        {
          file: 'src/interprocess/queue-producer.ts',
          find: '    writeBufferSerial(this.#words, base, state.serial)\n',
          replace: '',
        },
        {
          file: 'src/interprocess/queue-producer.ts',
          find: '    storeNumber(this.#words, page.QUEUE_PUBLISHED, ticket)\n',
          replace:
            '    storeNumber(this.#words, page.QUEUE_PUBLISHED, ticket)\n    writeBufferSerial(this.#words, base, state.serial)\n',
        },
      ],
    },
  ],
  [
    'new-buffer-that-nobody-is-told-of',
    {
      world: 'queue',
      changes: [
        {
          file: 'src/frames/queue-memory.ts',
          find: '      throw error\n    }\n    this.#changed()\n',
          replace: '      throw error\n    }\n',
        },
      ],
    },
  ],
  [
    'same-serial-after-an-empty-slot',
    {
      world: 'queue',
      changes: [
        {
          file: 'src/interprocess/queue-producer.ts',
          find: '    if (!state.hasBuffer) this.#bufferCount++\n    state.hasBuffer = true\n    state.serial = (state.serial + 1) >>> 0 || 1\n',
          replace:
            '    const isNew = state.hasBuffer || state.serial === 0\n    if (!state.hasBuffer) this.#bufferCount++\n    state.hasBuffer = true\n    if (isNew) state.serial = (state.serial + 1) >>> 0 || 1\n',
        },
      ],
    },
  ],
  [
    'claim-kept-while-its-buffer-is-awaited',
    {
      world: 'queue',
      changes: [
        {
          file: 'src/interprocess/queue-consumer.ts',
          find: "'The producer left before it sent a buffer')\n    this.#dropClaim(slot)\n",
          replace: "'The producer left before it sent a buffer')\n",
        },
      ],
    },
  ],
  [
    'wish-of-the-last-line-alone',
    {
      world: 'board',
      changes: [
        {
          file: 'src/interprocess/fence-reader.ts',
          find: '    while (this.wish(slot))\n',
          replace: '    while (lines.size < 0)\n',
        },
      ],
    },
  ],
  [
    'list-version-0',
    {
      world: 'board',
      changes: [
        {
          file: 'src/interprocess/fence-lists.ts',
          find: '(this.#version + 1) | 0 || 2\n',
          replace: '(this.#version + 1) | 0\n',
        },
      ],
    },
  ],
  [
    'next-slot-never-let-go',
    {
      world: 'board',
      changes: [
        {
          file: 'src/interprocess/fence-board.ts',
          find: '    if (next !== 0) this.unpin(next - 1)\n',
          replace: '',
        },
      ],
    },
  ],
  [
    'next-slot-not-kept',
    {
      world: 'board',
      changes: [
        {
          file: 'src/interprocess/fence-board.ts',
          find: '    this.pin(next.slot)\n    this.#stop(slot, errno, seqno - 1)\n',
          replace: '    this.#stop(slot, errno, seqno - 1)\n',
        },
        {
          file: 'src/interprocess/fence-board.ts',
          find: '    if (next !== 0) this.unpin(next - 1)\n',
          replace: '',
        },
      ],
    },
  ],
  [
    'slot-lost-among-many',
    {
      world: 'board',
      changes: [
        {
          file: 'src/interprocess/fence-board.ts',
          find: '    this.#retired = this.#retired.slice(this.#oldest)\n',
          replace: '    this.#retired = this.#retired.slice(this.#oldest + 1)\n',
        },
      ],
    },
  ],
  [
    'goodbye-in-the-word-of-those-who-sleep',
    {
      world: 'board',
      changes: [
        {
          file: 'src/interprocess/member-page.ts',
          find: 'export const MEMBER_LEFT = 10\n',
          replace: 'export const MEMBER_LEFT = 9\n',
        },
      ],
    },
  ],
])
