import { readFileSync } from 'node:fs'

/** What the frames of a queue cost a process, from /proc/PID/smaps. */
export interface FrameMemory {
  readonly inodes: readonly string[]
  /** Its share of the memory: pages that three processes map count a third in each. */
  readonly pssBytes: number
  /** Pages of frames that are this process's own copies: 0, unless something made the kernel copy. */
  readonly copiedBytes: number
}

/** Frames in memfds, and in buffers of the kernel's, which have no pages that count as the process's. */
const FRAMES = /^\/(memfd:dmabuf:frame|dmabuf:)/

/** Reads what a process has mapped of frames; undefined where it is gone. */
export function readFrameMemory(pid: number): FrameMemory | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/smaps`, 'utf8')
  } catch {
    return undefined
  }
  return parseFrameMemory(text)
}

/** As readFrameMemory, of the text of an smaps file. */
export function parseFrameMemory(smaps: string): FrameMemory {
  const inodes = new Set<string>()
  let pssBytes = 0
  let copiedBytes = 0
  let isFrame = false
  for (const line of smaps.split('\n')) {
    const head = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ (\d+)\s*(.*)$/.exec(line)
    if (head !== null) {
      isFrame = FRAMES.test(head[2] ?? '')
      if (isFrame) inodes.add(head[1] ?? '')
    } else if (isFrame) {
      pssBytes += kilobytes(line, 'Pss:')
      // Not Private_Dirty: that also counts shared pages once nobody else has them mapped.
      copiedBytes += kilobytes(line, 'Anonymous:')
    }
  }
  return { inodes: [...inodes].sort(), pssBytes, copiedBytes }
}

function kilobytes(line: string, key: string): number {
  return line.startsWith(key) ? Number.parseInt(line.slice(key.length), 10) * 1024 : 0
}
