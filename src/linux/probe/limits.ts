import type { Finding } from './capability.js'
import type { Surroundings } from './surroundings.js'

/** Fewer are used up by a few queues of buffers. */
const FEW_FILES = 1024

/** How much this process may hold. */
export function probeLimits({ files }: Surroundings): Finding[] {
  const text = files.text('/proc/self/limits') ?? ''
  const open = limitOf(text, 'Max open files')
  const locked = limitOf(text, 'Max locked memory')
  const detail = `${open.soft}, at most ${open.hard}`
  const few = Number(open.soft) < FEW_FILES
  const reason = few ? `every shared buffer is an open file, and ${open.soft} are few` : undefined
  const fix = few ? 'ulimit -n 65536   # or LimitNOFILE=65536 in the unit of systemd' : undefined
  return [
    { name: 'open files', detail, reason, fix },
    { name: 'locked memory', detail: `${sayBytes(locked.soft)}, at most ${sayBytes(locked.hard)}` },
  ]
}

interface Limit {
  readonly soft: string
  readonly hard: string
}

function limitOf(text: string, name: string): Limit {
  const line = text.split('\n').find((one) => one.startsWith(name)) ?? ''
  const [soft = 'unknown', hard = 'unknown'] = line.slice(name.length).trim().split(/\s+/)
  return { soft: soft === '' ? 'unknown' : soft, hard }
}

function sayBytes(text: string): string {
  const bytes = Number(text)
  return Number.isInteger(bytes) ? `${Math.floor(bytes / 1024)} KiB` : text
}
