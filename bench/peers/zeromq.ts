// The npm package `zeromq`: no dependency of ours. It brings libzmq for several systems, 41 MB, so `npm ci` does not
// install it. In a checkout the bench does, under build/; elsewhere it takes the one of the folder it is started in.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { ROOT } from '../machine.js'
import type { Availability } from './availability.js'

const VERSION = '6.8.0'
const FOLDER = join(ROOT, 'build/peers')
const INSTALL = ['install', '--ignore-scripts', '--no-save', '--fetch-retries=0']

/** Where the package is; in a checkout installs it where the registry can be reached. */
export function findZeroMq(): Availability<string> {
  return existsSync(join(ROOT, 'src')) ? installed() : ofUser()
}

function ofUser(): Availability<string> {
  try {
    return { ready: createRequire(join(process.cwd(), 'bench.js')).resolve('zeromq') }
  } catch {
    return { missing: `not installed in this folder: npm install zeromq@${VERSION}` }
  }
}

function installed(): Availability<string> {
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
