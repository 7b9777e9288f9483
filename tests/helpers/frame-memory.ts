// What /proc says about the memory of a queue's buffers: which processes map it, and who pays for it.
import { readFileSync } from 'node:fs'

/** The mappings of frame buffers in one process, by inode. */
export interface FrameMapping {
  readonly inode: string
  readonly lengthBytes: number
  /** This process's share of it. */
  readonly pssBytes: number
  /** Pages that this process alone has written: copies. */
  readonly privateDirtyBytes: number
}

const HEADER = /^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ (\d+) +(.*)$/

/** Mappings whose name contains `memfd:dmabuf:frame`, from the text of /proc/PID/smaps. */
export function parseSmaps(text: string): readonly FrameMapping[] {
  const found: FrameMapping[] = []
  let current: { -readonly [Key in keyof FrameMapping]: FrameMapping[Key] } | undefined
  for (const line of text.split('\n')) {
    const header = HEADER.exec(line)
    if (header !== null) {
      const [, from = '', to = '', inode = '', name = ''] = header
      const lengthBytes = parseInt(to, 16) - parseInt(from, 16)
      current = { inode, lengthBytes, pssBytes: 0, privateDirtyBytes: 0 }
      if (name.includes('memfd:dmabuf:frame')) found.push(current)
    } else if (current !== undefined) {
      const [key, kilobytes] = line.split(/: +/)
      if (key === 'Pss') current.pssBytes = parseInt(kilobytes ?? '', 10) * 1024
      if (key === 'Private_Dirty') current.privateDirtyBytes = parseInt(kilobytes ?? '', 10) * 1024
    }
  }
  return found
}

/** The frame buffers that a process maps now. */
export function frameMemoryOf(pid: number): readonly FrameMapping[] {
  return parseSmaps(readFileSync(`/proc/${pid}/smaps`, 'utf8'))
}

/** Throws unless every process maps the same memory. */
export function assertSameInodes(processes: readonly (readonly FrameMapping[])[]): void {
  const inodes = processes.map((mappings) =>
    [...new Set(mappings.map(({ inode }) => inode))].sort().join(' '),
  )
  if (inodes[0] === '' || inodes.some((list) => list !== inodes[0]))
    throw new Error(`Not the same memory: ${inodes.join(' | ')}`)
}

/** Throws unless the processes together pay for the pool once, within 2 %. */
export function assertPaidOnce(
  processes: readonly (readonly FrameMapping[])[],
  poolBytes: number,
): void {
  let pssBytes = 0
  for (const mapping of processes.flat()) pssBytes += mapping.pssBytes
  if (Math.abs(pssBytes - poolBytes) > poolBytes * 0.02)
    throw new Error(`${pssBytes} bytes for a pool of ${poolBytes}`)
}

/** Throws where a process has copies of its own. */
export function assertNoCopies(mappings: readonly FrameMapping[]): void {
  for (const { inode, privateDirtyBytes } of mappings)
    if (privateDirtyBytes !== 0)
      throw new Error(`${privateDirtyBytes} bytes of inode ${inode} were copied`)
}
