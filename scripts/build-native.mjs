// Builds native/*.c into one Node-API addon with one compiler line. No dependencies, no node-gyp.
//
//   node scripts/build-native.mjs                   prebuilds/linux-<arch>/dmabuf.node, stripped, reproducible
//   node scripts/build-native.mjs --variant asan    build/native/asan/dmabuf.node, with sanitizers
//   node scripts/build-native.mjs --variant copy    build/native/copy/dmabuf.node, without external buffers
//   node scripts/build-native.mjs --variant broken  build/native/broken/dmabuf.node, copies what it maps: for a test
//   node scripts/build-native.mjs --variant raw     build/native/raw/raw-calls.node, another addon: tests' system calls
//
// The package works without the addon (using it then throws a typed error), so a machine that cannot
// build it is told so in one line and exits 0. Code that does not compile exits 1.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = dirname(import.meta.dirname)
const HEADERS = 'node_modules/node-api-headers/include'

const COMMON = [
  '-std=c11',
  '-shared',
  '-fPIC',
  '-D_GNU_SOURCE',
  '-DNAPI_VERSION=9',
  '-fvisibility=hidden',
  '-Wall',
  '-Wextra',
  '-Werror',
  // A worker that ends must not unload code that a finalizer still has to run.
  '-Wl,-z,nodelete',
  '-Wl,--build-id=none',
  `-ffile-prefix-map=${ROOT}=.`,
]
// No libc is named in the file, so that one build serves glibc and musl: the process has it already.
const RELEASE = ['-O2', '-s', '-nodefaultlibs']
// With no libgcc linked there is nobody to provide the out-of-line atomics that gcc prefers there.
const RELEASE_ARM64 = ['-mno-outline-atomics']
const SANITIZERS = [
  '-O1',
  '-g',
  '-fno-omit-frame-pointer',
  '-fsanitize=address,undefined',
  '-fno-sanitize-recover=all',
]

function variantOf(name) {
  const release = process.arch === 'arm64' ? [...RELEASE, ...RELEASE_ARM64] : RELEASE
  switch (name) {
    case 'release':
      return { flags: release, output: `prebuilds/linux-${process.arch}/dmabuf.node` }
    case 'copy':
      return {
        flags: [...release, '-DDMABUF_NO_EXTERNAL_BUFFERS'],
        output: 'build/native/copy/dmabuf.node',
      }
    case 'broken':
      return {
        flags: [...release, '-DDMABUF_BREAK_POPULATE_PRIVATE'],
        output: 'build/native/broken/dmabuf.node',
      }
    case 'asan':
      return { flags: SANITIZERS, output: 'build/native/asan/dmabuf.node' }
    case 'raw':
      return {
        flags: release,
        output: 'build/native/raw/raw-calls.node',
        inputs: ['tests/fixtures/raw-calls.c'],
      }
    default:
      throw new RangeError(`Variant must be release, asan, copy, broken or raw: received=${name}`)
  }
}

function sources() {
  const folder = join(ROOT, 'native')
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).filter((name) => name.endsWith('.c'))
  return names.sort().map((name) => `native/${name}`)
}

function skip(reason) {
  console.log(
    `build-native: skipped, ${reason}; dmabuf/linux will report ERR_DMABUF_NATIVE_UNAVAILABLE`,
  )
  return 0
}

function build(variantName) {
  const { flags, output, inputs = sources() } = variantOf(variantName)
  if (process.platform !== 'linux') return skip(`${process.platform} is not linux`)
  if (inputs.length === 0) return skip('native/ holds no C file')
  const compiler = process.env.CC || 'cc'
  mkdirSync(join(ROOT, dirname(output)), { recursive: true })
  // Written beside and renamed over: a process that has the old file mapped keeps the old file.
  const temporary = `${output}.${process.pid}.tmp`
  const args = [...COMMON, ...flags, `-I${HEADERS}`, ...inputs, '-o', temporary]
  const { error, status } = spawnSync(compiler, args, { cwd: ROOT, stdio: 'inherit' })
  if (error?.code === 'ENOENT') return skip(`no C compiler: ${compiler}`)
  if (error || status !== 0) {
    rmSync(join(ROOT, temporary), { force: true })
    console.error(`build-native: ${compiler} failed: ${error?.message ?? `status=${status}`}`)
    return 1
  }
  renameSync(join(ROOT, temporary), join(ROOT, output))
  const sha256 = createHash('sha256')
    .update(readFileSync(join(ROOT, output)))
    .digest('hex')
  console.log(`build-native: ${output} sha256=${sha256.slice(0, 16)}`)
  return 0
}

const { values } = parseArgs({ options: { variant: { type: 'string', default: 'release' } } })
process.exitCode = build(values.variant)
