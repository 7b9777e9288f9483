// What a process moved through system calls, as strace saw it from outside.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'

/** Whether strace is there; where it is not, the test is skipped with the reason, except in CI. */
export function hasStrace(t: TestContext): boolean {
  if (spawnSync('strace', ['-V']).error === undefined) return true
  assert.equal(process.env['CI'], undefined, 'CI must have strace')
  t.skip('strace is not installed')
  return false
}

/**
 * The lines of a trace between each pair of marks. A process marks what it does by writing `mark begin` and
 * `mark end` to /dev/null.
 */
export function marked(file: string): readonly (readonly string[])[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  const sections: string[][] = []
  let section: string[] | undefined
  for (const line of lines) {
    if (line.includes('"mark begin"')) {
      section = []
      sections.push(section)
    } else if (line.includes('"mark end"')) section = undefined
    else section?.push(line)
  }
  return sections
}

/** Bytes that calls returned to have moved. */
export function bytesMoved(lines: readonly string[]): number {
  let bytes = 0
  for (const line of lines) {
    const result = / = (\d+)$/.exec(line)
    if (result !== null) bytes += Number(result[1])
  }
  return bytes
}
