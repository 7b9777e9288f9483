import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { namesIn } from '../device-nodes.js'

/** A process that has a device open. */
export interface DeviceHolder {
  readonly pid: number
  /** Its command, cut to what fits in a line. */
  readonly command: string
}

const MAX_COMMAND_LENGTH = 60

/**
 * Who has a device node open, as far as this user may see: processes of others look as if they had none.
 *
 * @param proc - where the process file system is
 */
export function deviceHolders(path: string, proc = '/proc'): DeviceHolder[] {
  const device = numberOf(path)
  if (device === undefined) return []
  return namesIn(proc)
    .filter((name) => /^\d+$/.test(name) && hasOpen(join(proc, name, 'fd'), device))
    .map((name) => ({ pid: Number(name), command: commandOf(join(proc, name)) }))
}

/** The same in words: `pid 42 (guvcview)`. */
export function describeHolders(holders: readonly DeviceHolder[], ownPid: number): string {
  if (holders.length === 0) return 'a process that this user may not see'
  return holders
    .map(({ pid, command }) =>
      pid === ownPid ? `this process (pid ${pid})` : `pid ${pid} (${command})`,
    )
    .join(', ')
}

function hasOpen(folder: string, device: number): boolean {
  return namesIn(folder).some((fd) => numberOf(join(folder, fd)) === device)
}

/** The number of the device behind a path, for character devices only. */
function numberOf(path: string): number | undefined {
  try {
    const stat = statSync(path)
    return stat.isCharacterDevice() ? stat.rdev : undefined
  } catch {
    return undefined
  }
}

function commandOf(folder: string): string {
  try {
    const words = readFileSync(join(folder, 'cmdline'), 'utf8').split('\0')
    const line = words.join(' ').trim()
    const visible = line.replaceAll(/[^\x20-\x7e]/g, '?')
    return visible.length > MAX_COMMAND_LENGTH
      ? `${visible.slice(0, MAX_COMMAND_LENGTH - 1)}…`
      : visible
  } catch {
    return '?'
  }
}
