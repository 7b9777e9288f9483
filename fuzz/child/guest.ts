import { setTimeout as delay } from 'node:timers/promises'
import { connectFrames, connectLink, receiveTimeline, type Frame } from '#src/linux/index.js'

/** How a visit to somebody who may be evil ended. */
export interface Visit {
  /** Frames, or signals. */
  readonly seen: number
  readonly code: string
  readonly message: string
  readonly violations: readonly string[]
}

const FRAMES = 15

/** Reads frames of whoever serves them, as a program would that knows no better. */
export async function visitQueue(
  path: string,
  mode: 'fifo' | 'latest',
  timeoutMs = 500,
): Promise<Visit> {
  const violations: string[] = []
  let seen = 0
  const end = await endOf(async () => {
    const fences = mode === 'fifo' ? 'pass' : 'wait'
    await using stream = await connectFrames(path, { mode, fences, timeoutMs })
    while (seen < FRAMES) {
      using frame = await stream.receive({ timeoutMs: 150 })
      if (frame === undefined) return
      if (frame.fence !== undefined) await frame.fence.wait({ timeoutMs: 20 }).catch(() => {})
      look(frame, violations)
      seen++
    }
  })
  return { seen, violations, ...end }
}

/** Notes what is wrong with a frame. */
export function look(frame: Frame, violations: string[]): void {
  const { bytes, format, damage, lengthBytes, sequence } = frame
  let sum = 0
  for (const byte of bytes) sum += byte
  if (bytes.length !== lengthBytes || Number.isNaN(sum)) violations.push('bytes that are not there')
  if (lengthBytes > frame.buffer.lengthBytes) violations.push('more bytes than the buffer has')
  if (!Number.isSafeInteger(sequence) || sequence < 1) violations.push(`frame number ${sequence}`)
  for (const [index, plane] of (format?.planes ?? []).entries()) {
    const wanted = plane.strideBytes * plane.rowCount
    if (plane.offsetBytes + wanted > frame.buffer.lengthBytes)
      violations.push(`plane ${index} ends behind its buffer`)
  }
  const [width, height] = [format?.width ?? Infinity, format?.height ?? Infinity]
  for (const { x, y, width: w, height: h } of damage)
    if (x + w > width || y + h > height) violations.push(`damage ${x},${y} ${w}x${h} is outside`)
}

/** Follows a timeline of whoever shares one. */
export async function visitTimeline(path: string): Promise<Visit> {
  const violations: string[] = []
  let seen = 0
  const end = await endOf(async () => {
    await using link = await connectLink(path)
    using timeline = await receiveTimeline(link, { timeoutMs: 300 })
    let calls = 0
    const far = timeline.fence(timeline.value + 1_000_000)
    far.addCallback(() => calls++)
    let before = timeline.value
    for (let i = 0; i < FRAMES; i++) {
      const { value } = timeline
      if (value < before || !Number.isSafeInteger(value)) violations.push(`${before} to ${value}`)
      before = value
      if (value >= Number.MAX_SAFE_INTEGER - 2) return
      await timeline.wait(value + 1, { timeoutMs: 100 })
      seen++
      if (i % 5 === 0) await delay(1)
    }
    timeline.waitSync(timeline.value + 1, { timeoutMs: 30 })
    if (calls > 1) violations.push(`a fence called back ${calls} times`)
  })
  return { seen, violations, ...end }
}

/** How a program ended that may be told an error. */
export async function endOf(
  visit: () => Promise<void>,
): Promise<{ code: string; message: string }> {
  try {
    await visit()
    return { code: '', message: '' }
  } catch (error) {
    const { code, message, stack } = error as Error & { code?: unknown }
    return { code: String(code), message: code === undefined ? String(stack) : message }
  }
}
