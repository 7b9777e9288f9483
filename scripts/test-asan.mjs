// Runs the tests of the native code with the addon built under AddressSanitizer and UBSan.
//
//   node scripts/test-asan.mjs [filter …]     default: the tests below, of what calls the addon directly
//
// `npm run test:asan` builds that addon and compiles the tests before.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

const ROOT = dirname(import.meta.dirname)
const FILTERS = [
  ...['native', 'mapping', 'memfd', 'memory-of-fd', 'buffer-fd', 'owned-fd', 'doorbell', 'message'],
  ...['peer-policy', 'link', 'serve-links'],
].map((name) => `linux/${name}`)
const ADDON = join(ROOT, 'build/native/asan/dmabuf.node')

function library(name) {
  return execFileSync(process.env.CC || 'gcc', [`-print-file-name=${name}`], {
    encoding: 'utf8',
  }).trim()
}

function run(filters) {
  if (!existsSync(ADDON)) {
    console.error('test-asan: build/native/asan/dmabuf.node is missing')
    return 1
  }
  const env = {
    ...process.env,
    DMABUF_NATIVE: ADDON,
    // Node itself is not instrumented, so the runtime has to be in the process before it starts.
    LD_PRELOAD: `${library('libasan.so')} ${library('libubsan.so')}`,
    ASAN_OPTIONS: 'detect_leaks=0',
    UBSAN_OPTIONS: 'print_stacktrace=1',
  }
  const args = [join(import.meta.dirname, 'test.mjs'), '--label', 'asan', ...filters]
  return spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit', env }).status ?? 1
}

const filters = process.argv.slice(2)
process.exitCode = run(filters.length > 0 ? filters : FILTERS)
