// What the C compiler makes of the system's own headers: the truth that src/uapi is checked against.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

const FIXTURES = join(import.meta.dirname, '../../../tests/fixtures')
const COMPILER = process.env['CC'] ?? 'cc'

/**
 * Names to numbers: constants, `struct` to its size, `struct.member` to its offset. Undefined, with the
 * test skipped and the reason given, where there is no compiler or no header; CI must have both, but for libdrm's.
 *
 * @param source - which of the C programs in tests/fixtures
 */
export function uapiLayout(
  t: TestContext,
  source = 'uapi-layout.c',
): ReadonlyMap<string, number> | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'dmabuf-test-'))
  try {
    const program = join(folder, 'uapi-layout')
    const flags = [
      '-std=gnu11',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-o',
      program,
      join(FIXTURES, source),
    ]
    const { error, status, stderr } = spawnSync(COMPILER, flags, { encoding: 'utf8' })
    if (error !== undefined || stderr.includes('No such file')) {
      const needed = stderr.includes('drm.h') ? undefined : process.env['CI']
      assert.equal(needed, undefined, 'CI must have a C compiler and linux-libc-dev')
      t.skip(`no C compiler or no kernel headers: ${error?.message ?? stderr}`)
      return undefined
    }
    assert.equal(status, 0, stderr)
    const printed = execFileSync(program, { encoding: 'utf8' })
    return new Map(Object.entries(JSON.parse(printed) as Record<string, number>))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Compares what we say with what the headers say; a name that old headers lack may be absent there. */
export function assertLayout(
  layout: ReadonlyMap<string, number>,
  ours: Readonly<Record<string, number>>,
  mayLack: readonly string[] = [],
): void {
  for (const [name, value] of Object.entries(ours)) {
    const theirs = layout.get(name)
    if (theirs === undefined && mayLack.includes(name)) continue
    assert.equal(value, theirs, name)
  }
}

/**
 * Where each member of a structure lies, measured through its encoder: the offset of the first byte that
 * changes when only that member does.
 */
export function offsetsOf<T extends object>(
  encode: (value: T) => Uint8Array,
  zero: T,
): Readonly<Record<keyof T & string, number>> {
  const blank = encode(zero)
  const offsets = {} as Record<keyof T & string, number>
  for (const key of Object.keys(zero) as (keyof T & string)[]) {
    const filled = encode({ ...zero, [key]: filler(zero[key]) })
    offsets[key] = filled.findIndex((byte, index) => byte !== blank[index])
  }
  return offsets
}

function filler(value: unknown): unknown {
  if (typeof value === 'bigint') return 0x0101010101010101n
  return typeof value === 'string' ? 'x' : 0x01010101
}
