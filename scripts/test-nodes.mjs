// Runs the compiled tests on other Node versions.
//
//   node scripts/test-nodes.mjs [--only 22,24] [filter …]
//
// The package node-linux-<arch> is nothing but the node binary; it is installed once under build/nodes.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = dirname(import.meta.dirname)
const MAJORS = ['22', '24', '26']
const PACKAGE = `node-linux-${process.arch}`

function install(major) {
  const folder = join(ROOT, 'build/nodes', major)
  const binary = join(folder, 'node_modules', PACKAGE, 'bin/node')
  if (existsSync(binary)) return binary
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const args = ['install', '--no-save', '--ignore-scripts', '--no-fund', '--no-audit']
  execFileSync('npm', [...args, `${PACKAGE}@${major}`], { cwd: folder, stdio: 'inherit' })
  return binary
}

function testOn(major, filters) {
  const binary = install(major)
  const version = execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim()
  console.log(`\n== Node ${version}`)
  const label = `node-${major}`
  const args = [join(import.meta.dirname, 'test.mjs'), '--bin', binary, '--label', label]
  const { status } = spawnSync(process.execPath, [...args, ...filters], { stdio: 'inherit' })
  const counts = join(ROOT, 'build/counts', `${label}.json`)
  const text = existsSync(counts) ? readFileSync(counts, 'utf8').trim() : ''
  return { version, status, counts: text || '(no counts)' }
}

function run({ values, positionals }) {
  if (process.platform !== 'linux') {
    console.log(`test-nodes: skipped, ${process.platform} is not linux`)
    return 0
  }
  const majors = values.only?.split(',') ?? MAJORS
  const results = majors.map((major) => testOn(major, positionals))
  console.log()
  for (const { version, status, counts } of results) {
    console.log(`${status === 0 ? 'ok    ' : 'FAILED'} Node ${version} ${counts}`)
  }
  return results.every(({ status }) => status === 0) ? 0 : 1
}

process.exitCode = run(parseArgs({ allowPositionals: true, options: { only: { type: 'string' } } }))
