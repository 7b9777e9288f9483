// What it costs to move fences between the kernel and a program, to import a buffer into a device, and to pass it on.
import type { Measurement } from '../measurement.js'
import type { Effort } from '../side.js'
import { ratioTo, timeCalls, type Call } from './kernel-calls.js'

const BUFFER = { source: 'heap', lengthBytes: 4096 } as const

const EXPORT: Call = {
  ...BUFFER,
  id: 'export-fences',
  what: 'EXPORT_SYNC_FILE of a buffer without fences, and close()',
  operation: 'export',
  row: 'EXPORT_SYNC_FILE, close',
}
const IMPORT: Call = {
  ...BUFFER,
  id: 'import-fences',
  what: 'IMPORT_SYNC_FILE of a fence that has signalled',
  operation: 'import',
  ours: null,
  row: 'IMPORT_SYNC_FILE',
}
const PRIME: Call = {
  ...BUFFER,
  id: 'prime',
  what: 'PRIME_FD_TO_HANDLE and GEM_CLOSE: a device attaches and detaches',
  operation: 'prime',
  row: 'PRIME import, close',
}
const PASS: Call = {
  id: 'pass',
  what: 'A descriptor to another process and back, SCM_RIGHTS',
  operation: 'pass',
  source: 'memfd',
  lengthBytes: 4096,
  row: 'SCM_RIGHTS, there and back',
}

/** Fences, imports and descriptors. */
export async function kernelFenceCosts(effort: Effort): Promise<readonly Measurement[]> {
  return timeCalls(
    [
      [EXPORT, ratioTo('export-fences-times', 'as a fence of this package, times C')],
      [IMPORT],
      [PRIME, ratioTo('prime-times', 'device.import() and close(), times C')],
      [PASS, ratioTo('pass-times', 'link.send() and receive() on both sides, times C')],
    ],
    effort,
  )
}
