import { DmaBufError } from '../core/errors.js'
import { host, type WaitOptions } from '../core/host.js'
import { checkWait, waitFor } from '../core/wait.js'
import { POLLERR, POLLNVAL } from '../uapi/file.js'
import type { DescriptorTable } from './descriptor-table.js'
import { interrupted } from './interrupted.js'
import type { OpenFile } from './open-file.js'

/** One descriptor to look at. @kernel struct pollfd */
export interface PollRequest {
  /** A negative one is skipped. */
  readonly fd: number
  /** POLLIN, POLLOUT. */
  readonly events: number
}

/**
 * Looks at descriptors, and waits until one of them is ready.
 *
 * A wake-up says only that it is time to look again: everything is asked anew then, which is what makes a
 * buffer arm its next fence. Files stay open for the length of the wait, whoever closes their descriptors.
 *
 * @kernel poll(2)
 * @rule BUF-45, SF-4
 * @param options.timeoutMs - 0: look and do not wait; for ever where absent
 * @returns what holds for each request: POLLIN …, POLLNVAL where nothing is open there, 0; all of them 0
 *   where the time is over
 * @throws {DmaBufError} EINTR where the signal is aborted, its reason as cause
 */
export async function pollDescriptors(
  table: DescriptorTable,
  requests: readonly PollRequest[],
  options: WaitOptions = {},
): Promise<readonly number[]> {
  const { timeoutMs } = options
  checkWait({ timeoutMs })
  const deadlineNs = timeoutMs === undefined ? Infinity : host().nowNs() + timeoutMs * 1e6
  using session = new PollSession(table, requests)
  let isReady = await session.look()
  while (!isReady && timeoutMs !== 0) {
    const leftMs = (deadlineNs - host().nowNs()) / 1e6
    if (!(await session.sleep({ ...options, timeoutMs: leftMs }))) break
    isReady = await session.look()
  }
  return session.results
}

/** A file that the poll holds open. */
interface Polled {
  readonly file: OpenFile
  readonly events: number
  readonly index: number
}

class PollSession implements Disposable {
  readonly results: number[]
  readonly #files: Polled[] = []
  #isRegistered = false
  #isTriggered = false
  #resume: (() => void) | undefined
  readonly #wake = (): void => {
    this.#isTriggered = true
    this.#resume?.()
  }

  constructor(table: DescriptorTable, requests: readonly PollRequest[]) {
    this.results = requests.map(() => 0)
    for (const [index, { fd, events }] of requests.entries()) {
      if (fd < 0) continue
      const file = fileAt(table, fd)
      if (file === undefined) this.results[index] = POLLNVAL
      else this.#files.push({ file: file.get(), events, index })
    }
  }

  // Registers with each file the first time, and only asks afterwards.
  async look(): Promise<boolean> {
    this.#isTriggered = false
    const wake = this.#isRegistered ? undefined : this.#wake
    this.#isRegistered = true
    for (const { file, events, index } of this.#files)
      this.results[index] = (await file.poll(events, wake)) & (events | POLLERR)
    return this.results.some((events) => events !== 0)
  }

  /** False where the time is over. A wake-up that came before counts. */
  async sleep({ timeoutMs = 0, signal }: WaitOptions): Promise<boolean> {
    if (this.#isTriggered) return true
    if (timeoutMs <= 0) return false
    const limitMs = timeoutMs === Infinity ? undefined : timeoutMs
    try {
      await waitFor<undefined>('poll', { signal, timeoutMs: limitMs }, ({ resolve }) => {
        this.#resume = () => resolve(undefined)
        return () => {}
      })
      return true
    } catch (error) {
      if (DmaBufError.is(error, 'ETIMEDOUT') && signal?.reason !== error) return false
      throw interrupted('poll', error)
    } finally {
      this.#resume = undefined
    }
  }

  [Symbol.dispose](): void {
    for (const { file } of this.#files) {
      file.stopPolling(this.#wake)
      file.put()
    }
  }
}

function fileAt(table: DescriptorTable, fd: number): OpenFile | undefined {
  try {
    return table.file(fd)
  } catch (error) {
    if (DmaBufError.is(error, 'EBADF')) return undefined
    throw error
  }
}
