import { Fence, type FenceOps } from '#src/core/fence/fence.js'

/** A fence by hand, context 1, seqno 7, of driver `test` and timeline `ring`. */
export function mockFence(ops: Partial<FenceOps> = {}, context = 1, seqno = 7): Fence {
  return new Fence({ driverName: 'test', timelineName: 'ring', ...ops }, context, seqno)
}

/** Lets all that waits for a promise run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}
