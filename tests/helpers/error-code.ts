import assert from 'node:assert/strict'
import { DmaBufError } from '#src/core/errors.js'

/** The errno name that a call throws or rejects with; `none` where it does neither. */
export async function errorCode(call: () => unknown): Promise<string> {
  try {
    await call()
  } catch (error) {
    if (DmaBufError.is(error)) return error.code
    throw error
  }
  return 'none'
}

/** The errno name that a call throws. */
export function thrownCode(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    assert(DmaBufError.is(error), String(error))
    return error.code
  }
  return 'none'
}
