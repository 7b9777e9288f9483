// Goal: whoever knows the kernel's calls finds each of them.
// Method: a table of the kernel's names and what stands for them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import type { FenceCursor } from '#src/core/reservation/cursor.js'
import type { Held } from '#src/core/reservation/held.js'
import { Reservation } from '#src/core/reservation/reservation.js'
import { usageToWaitFor } from '#src/core/reservation/usage.js'

const reservation = new Reservation()
const held = reservation.tryLock()!

const OF_RESERVATION: Readonly<Record<string, keyof Reservation>> = {
  dma_resv_fini: 'destroy',
  dma_resv_lock: 'lock',
  dma_resv_lock_slow: 'lockSlow',
  dma_resv_trylock: 'tryLock',
  dma_resv_is_locked: 'isLocked',
  dma_resv_locking_ctx: 'lockingContext',
  dma_resv_iter_begin: 'entries',
  dma_resv_get_fences: 'fences',
  dma_resv_get_singleton: 'singleton',
  dma_resv_wait_timeout: 'waitTimeout',
  dma_resv_set_deadline: 'setDeadline',
  dma_resv_test_signaled: 'isSignaled',
}

const OF_HELD: Readonly<Record<string, keyof Held>> = {
  dma_resv_unlock: 'release',
  dma_resv_reserve_fences: 'reserve',
  dma_resv_add_fence: 'add',
  dma_resv_replace_fences: 'replace',
  dma_resv_copy_fences: 'copyFrom',
  dma_resv_describe: 'describe',
  dma_resv_for_each_fence: 'entries',
}

const OF_CURSOR: Readonly<Record<string, keyof FenceCursor>> = {
  dma_resv_iter_next: 'step',
  dma_resv_iter_end: 'end',
  dma_resv_iter_usage: 'usage',
  dma_resv_iter_is_restarted: 'isRestarted',
}

const TABLE: readonly (readonly [Readonly<Record<string, PropertyKey>>, object])[] = [
  [OF_RESERVATION, reservation],
  [OF_HELD, held],
  [OF_CURSOR, reservation.entries('read')],
  [OF_CURSOR, held.entries('read')],
]

for (const [names, object] of TABLE) {
  for (const [kernelName, name] of Object.entries(names)) {
    test(`${kernelName} is ${object.constructor.name}.${String(name)} [API-5]`, () => {
      assert.ok(name in object)
    })
  }
}

test('dma_resv_usage_rw is usageToWaitFor, dma_resv_reset_max_fences a debug option [API-5]', () => {
  assert.equal(usageToWaitFor.length, 1)
  setDebug({ resetSlots: false })[Symbol.dispose]()
})
