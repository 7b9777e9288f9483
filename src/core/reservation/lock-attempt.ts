import { DmaBufError } from '../errors.js'
import type { WaitOptions } from '../host.js'

/**
 * What an attempt to lock came to: `acquired`; `wait` for an unlock; `die`: give way (EDEADLK); `already`
 * held by this context (EALREADY); `interrupted`: the signal is aborted (EINTR).
 */
export type LockAttempt = 'acquired' | 'wait' | 'die' | 'already' | 'interrupted'

/** The error that lock() rejects with after such an attempt. @rule WW-4, WW-7, WW-13 */
export function lockError(
  attempt: 'die' | 'already' | 'interrupted',
  options?: WaitOptions,
): DmaBufError {
  switch (attempt) {
    case 'die':
      return new DmaBufError(
        'EDEADLK',
        'lock',
        'An older context is first: unlock everything of this context, lockSlow() this one, then the rest',
        { rule: 'WW-14' },
      )
    case 'already':
      return new DmaBufError('EALREADY', 'lock', 'This context holds the lock already', {
        rule: 'WW-4',
      })
    case 'interrupted':
      return new DmaBufError(
        'EINTR',
        'lock',
        'The signal was aborted while another held the lock',
        {
          rule: 'WW-13',
          cause: options?.signal?.reason,
        },
      )
  }
}
