// The npm package `zeromq`: no dependency of ours. It brings libzmq for several systems, 41 MB, so the bench
// installs it, under build/, and `npm ci` does not.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../machine.js'
import type { Availability } from './availability.js'

const VERSION = '6.8.0'
const FOLDER = join(ROOT, 'build/peers')
const INSTALL = ['install', '--ignore-scripts', '--no-save', '--fetch-retries=0']

/** Where the package is; installs it where the registry can be reached. */
export function findZeroMq(): Availability<string> {
  const path = join(FOLDER, 'node_modules/zeromq')
  if (!existsSync(path)) {
    mkdirSync(FOLDER, { recursive: true })
    // So that npm does not go up to our own package.
    writeFileSync(join(FOLDER, 'package.json'), '{"private":true}\n')
    const args = [...INSTALL, '--silent', '--prefix', FOLDER, `zeromq@${VERSION}`]
    spawnSync('npm', args, { stdio: 'ignore', timeout: 120_000 })
  }
  if (existsSync(path)) return { ready: path }
  const command = `npm ${INSTALL.join(' ')} --prefix build/peers zeromq@${VERSION}`
  return { missing: `not installed: ${command}` }
}
