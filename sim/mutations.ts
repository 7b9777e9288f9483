import type { Mutation } from './transform/build.js'

/** Mistakes in the shipped source that the simulator has to find; tests/sim does them one by one. */
export const mutations: ReadonlyMap<string, readonly Mutation[]> = new Map([
  [
    'payload-after-publish',
    [
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
  ],
  [
    'no-second-look-for-a-frame',
    [
      {
        file: 'src/interprocess/queue-consumer.ts',
        find: '    // One that was published before it could see the wish rings nobody.\n    return this.acquire()\n',
        replace: '    return undefined\n',
      },
    ],
  ],
  [
    'no-second-look-for-a-buffer',
    [
      {
        file: 'src/interprocess/queue-producer.ts',
        find: '    // One that was given back before its consumer could see the wish rings nobody.\n    return this.take()\n',
        replace: '    return undefined\n',
      },
    ],
  ],
  [
    'no-look-after-a-claim',
    [
      {
        file: 'src/interprocess/queue-consumer.ts',
        find: '      if (now === ticket) return this.#claimed(ticket, slot)\n',
        replace: '      if (now >= ticket) return this.#claimed(ticket, slot)\n',
      },
    ],
  ],
])
