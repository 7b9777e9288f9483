import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DmaBufError } from '../core/errors.js'

/**
 * The paths of a folder's nodes that are called `prefix` and a number, by number: which driver has which number
 * differs from boot to boot.
 *
 * @returns none where there is no such folder
 * @throws {DmaBufError} EMFILE, ENFILE: nobody can say what there is
 */
export function deviceNodes(folder: string, prefix: string): string[] {
  const numbers: number[] = []
  for (const name of list(folder)) {
    const rest = name.slice(prefix.length)
    if (name.startsWith(prefix) && /^\d+$/.test(rest)) numbers.push(Number(rest))
  }
  return numbers.sort((a, b) => a - b).map((number) => join(folder, `${prefix}${number}`))
}

/** The names in a folder; none where it cannot be read. */
export function namesIn(folder: string): string[] {
  try {
    return list(folder)
  } catch {
    return []
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'EMFILE' && code !== 'ENFILE') return []
    throw new DmaBufError(code, 'list', `Cannot list ${folder}: there are too many open files`)
  }
}
