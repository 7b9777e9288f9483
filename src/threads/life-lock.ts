/** The part of the Web Locks that is used. @internal */
export interface Locks {
  request(
    name: string,
    options: { mode?: 'exclusive' | 'shared'; signal?: unknown },
    granted: () => PromiseLike<void> | undefined,
  ): Promise<void>
}

interface Runtime {
  navigator?: { locks?: Locks }
  process?: { readonly versions?: { readonly node?: string } }
  AbortController: new () => { readonly signal: unknown; abort(): void }
}

const runtime = globalThis as unknown as Runtime

// Not those of Node (24.21): while two threads wait for locks, they wake each other for ever.
const browserLocks: Locks | undefined =
  runtime.process?.versions?.node === undefined ? runtime.navigator?.locks : undefined

/**
 * Takes a lock that this thread holds until it lets go or dies, however it dies.
 *
 * @returns lets go; where the runtime has no such locks it does nothing
 */
export async function holdLifeLock(name: string, locks = browserLocks): Promise<() => void> {
  if (locks === undefined) return () => {}
  return new Promise((resolve, reject) => {
    const holding = (): PromiseLike<void> =>
      new Promise((letGo) => {
        resolve(letGo)
      })
    locks.request(name, {}, holding).catch(reject)
  })
}

/**
 * Calls back once when nobody holds the lock: to be called once somebody does.
 *
 * @returns ends the watch; where the runtime has no such locks it never calls back
 */
export function watchLifeLock(name: string, gone: () => void, locks = browserLocks): () => void {
  if (locks === undefined) return () => {}
  const abort = new runtime.AbortController()
  const granted = (): undefined => {
    gone()
  }
  // Rejects when the watch ends first.
  locks.request(name, { mode: 'shared', signal: abort.signal }, granted).catch(() => {})
  return () => {
    abort.abort()
  }
}
