import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** What a process has, as the kernel counts it from outside. */
export interface Holdings {
  readonly fds: number
  readonly mappings: number
  /** Different memfds of ours that it has open or mapped. */
  readonly buffers: number
}

const OURS = '/memfd:dmabuf:'

/** Looks into /proc of another process. */
export function holdingsOf(pid: number): Holdings {
  const links = linksOf(pid)
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .filter((line) => line.includes(OURS))
  const inodes = new Set(maps.map((line) => line.trim().split(/\s+/)[4] ?? ''))
  const open = links.filter((link) => link.startsWith(OURS)).length
  return { fds: links.length, mappings: maps.length, buffers: Math.max(inodes.size, open) }
}

/** What its descriptors are open on. */
export function linksOf(pid: number): readonly string[] {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).flatMap((name) => {
    try {
      return [readlinkSync(`${folder}/${name}`)]
    } catch {
      return []
    }
  })
}

/** Whether a process runs still: one that ended and was waited for does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Whether a process stands still after SIGSTOP. */
export function isStopped(pid: number): boolean {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] === 'T'
}

/** Pages that a process has in memory, in bytes. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1] ?? 0) * 1024
}
