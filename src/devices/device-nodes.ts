import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The paths of a folder's nodes that are called `prefix` and a number, by number: which driver has which number
 * differs from boot to boot.
 *
 * @returns none where there is no such folder
 */
export function deviceNodes(folder: string, prefix: string): string[] {
  const numbers: number[] = []
  for (const name of namesIn(folder)) {
    const rest = name.slice(prefix.length)
    if (name.startsWith(prefix) && /^\d+$/.test(rest)) numbers.push(Number(rest))
  }
  return numbers.sort((a, b) => a - b).map((number) => join(folder, `${prefix}${number}`))
}

/** The names in a folder; none where it cannot be read. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
