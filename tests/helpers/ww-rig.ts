// What the tests of locks share: a lock() to look at, and the end of everything that can go on.

/** What has become of a lock(). */
export interface Tracked {
  state: 'waits' | 'held' | 'failed'
  error: unknown
}

/** Watches a promise without waiting for it. */
export function track(promise: Promise<unknown>): Tracked {
  const tracked: Tracked = { state: 'waits', error: undefined }
  promise.then(
    () => (tracked.state = 'held'),
    (error: unknown) => {
      tracked.state = 'failed'
      tracked.error = error
    },
  )
  return tracked
}

/** Resolves when every task that could run has run: nothing here waits for a timer. */
export async function settle(turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await Promise.resolve()
}
