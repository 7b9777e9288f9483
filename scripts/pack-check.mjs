// Packs the package as it would be published and looks at the result from a consumer's side.
//
//   node scripts/pack-check.mjs             compares with scripts/pack-files.txt, installs, imports, runs
//   node scripts/pack-check.mjs --update    writes scripts/pack-files.txt instead of comparing
//
// It compiles nothing: `npm run ok` does that before.
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const ROOT = dirname(import.meta.dirname)
const LIST = join(import.meta.dirname, 'pack-files.txt')
const ADDON = `prebuilds/linux-${process.arch}/dmabuf.node`
// The clip under assets/ is most of it.
const MAX_TARBALL_BYTES = 4 * 1024 * 1024
// Half of it are source maps with their sources, so that stacks and debuggers show what was written.
const MAX_WITHOUT_ASSETS_BYTES = 4608 * 1024

// Functions that glibc before 2.33 has only as macros: the addon would load there and die when it
// calls one. Node's own binaries run from glibc 2.28 on; statx() is there and is the way out.
const TOO_NEW = ['stat', 'fstat', 'lstat', 'fstatat', 'mknod', 'mknodat']

const problems = []
function check(condition, message) {
  if (!condition) problems.push(message)
}

function npm(args, cwd) {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}

function pack(folder) {
  const answer = npm(['pack', '--ignore-scripts', '--json', '--pack-destination', folder], ROOT)
  const parsed = JSON.parse(answer)
  return Array.isArray(parsed) ? parsed[0] : Object.values(parsed)[0]
}

/** One line per file; another machine builds another architecture, so the list names none. */
function listOf(packed) {
  const names = packed.files.map(({ path }) => path.replace(/linux-(x64|arm64)/, 'linux-<arch>'))
  return [...new Set(names)].sort()
}

function checkFiles(packed) {
  const actual = listOf(packed)
  if (process.argv.includes('--update')) {
    writeFileSync(LIST, `${actual.join('\n')}\n`)
    console.log(`pack-check: wrote scripts/pack-files.txt, ${actual.length} files`)
  }
  const expected = existsSync(LIST) ? readFileSync(LIST, 'utf8').trim().split('\n') : []
  for (const name of actual) check(expected.includes(name), `unexpected in the tarball: ${name}`)
  for (const name of expected) check(actual.includes(name), `missing in the tarball: ${name}`)
}

function checkSizes(packed) {
  check(packed.size <= MAX_TARBALL_BYTES, `tarball is too large: ${packed.size} bytes`)
  const others = packed.files.filter(({ path }) => !path.startsWith('assets/'))
  const bytes = others.reduce((sum, { size }) => sum + size, 0)
  check(bytes <= MAX_WITHOUT_ASSETS_BYTES, `too large without assets: ${bytes} bytes unpacked`)
  console.log(`pack-check: ${packed.files.length} files, ${packed.size} bytes packed`)
}

function attempt(name, args, cwd) {
  try {
    const options = { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 }
    return execFileSync(process.execPath, args, options).trim()
  } catch (error) {
    check(false, `${name} failed: ${error.stderr || error.message}`)
    return ''
  }
}

function checkConsumer(folder, tarball) {
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
  npm(['install', '--ignore-scripts', '--no-fund', '--no-audit', '--silent', tarball], folder)
  for (const name of ['dmabuf', 'dmabuf/linux']) {
    const count = `.length || process.exit(1)`
    const byImport = `import('${name}').then((m) => Object.keys(m)${count})`
    attempt(`import('${name}')`, ['--input-type=module', '--eval', byImport], folder)
    // Node says since 22.10 and 20.19 whether require() can load a module.
    const byRequire = `process.features.require_module && Object.keys(require('${name}'))${count}`
    attempt(`require('${name}')`, ['--input-type=commonjs', '--eval', byRequire], folder)
  }
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  // npx, not a path: the link and the mode of the program are part of what is checked.
  const npx = ['--no-install', 'dmabuf', '--version']
  const { status, stdout, stderr } = spawnSync('npx', npx, { cwd: folder, encoding: 'utf8' })
  const printsVersion = status === 0 && stdout.includes(version)
  check(printsVersion, `npx dmabuf --version does not print ${version}: ${stdout}${stderr}`)
}

function sha256(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}

/** The names in the dynamic string table of a 64-bit little-endian ELF file. */
function dynamicNames(file) {
  const elf = readFileSync(file)
  const sectionAt = (index) => Number(elf.readBigUInt64LE(0x28)) + index * elf.readUInt16LE(0x3a)
  const sections = Array.from({ length: elf.readUInt16LE(0x3c) }, (_, index) => sectionAt(index))
  const SHT_DYNSYM = 11
  const symbols = sections.find((at) => elf.readUInt32LE(at + 4) === SHT_DYNSYM)
  const strings = sectionAt(elf.readUInt32LE(symbols + 0x28))
  const start = Number(elf.readBigUInt64LE(strings + 0x18))
  const lengthBytes = Number(elf.readBigUInt64LE(strings + 0x20))
  return new Set(elf.toString('latin1', start, start + lengthBytes).split('\0'))
}

function checkOldSystems() {
  if (!existsSync(join(ROOT, ADDON))) return
  const names = dynamicNames(join(ROOT, ADDON))
  for (const name of TOO_NEW) check(!names.has(name), `${ADDON} needs ${name}() of glibc 2.33`)
}

/** The same sources in another folder have to give the same bytes. */
function checkReproducible(folder) {
  if (!existsSync(join(ROOT, ADDON))) return
  for (const name of ['native', 'scripts', 'node_modules/node-api-headers/include']) {
    cpSync(join(ROOT, name), join(folder, name), { recursive: true })
  }
  attempt('second native build', [join(folder, 'scripts/build-native.mjs')], folder)
  const second = join(folder, ADDON)
  const same = existsSync(second) && sha256(second) === sha256(join(ROOT, ADDON))
  check(same, `${ADDON} is not what native/ builds to in another folder`)
}

const folder = mkdtempSync(join(tmpdir(), 'dmabuf-pack-'))
try {
  const packed = pack(folder)
  checkFiles(packed)
  checkSizes(packed)
  checkConsumer(mkdtempSync(join(folder, 'consumer-')), join(folder, packed.filename))
  checkOldSystems()
  checkReproducible(mkdtempSync(join(folder, 'native-')))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
for (const problem of problems) console.error(`pack-check: ${problem}`)
console.log(
  problems.length === 0 ? 'pack-check: passed' : `pack-check: ${problems.length} problems`,
)
process.exitCode = problems.length === 0 ? 0 : 1
