// Eclipse iceoryx: our program bench/peers/iceoryx.cpp, and its daemon RouDi, which owns the shared memory.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { compileCppPeer, hasProgram, workFolder } from '../machine.js'
import { startDaemon } from '../side.js'
import type { Availability } from './availability.js'

const HEADERS = '/usr/include/iceoryx'
const SHARED = '/dev/shm'
/** What RouDi leaves there where it is not told to end, or dies. */
const SEGMENTS = ['iceoryx_mgmt', userInfo().username]
const POOLS = [
  { size: 64, count: 64 },
  { size: 4096, count: 16 },
  { size: 1 << 20, count: 16 },
  { size: 3840 * 2160 * 4, count: 8 },
]
/** The pools, and what RouDi takes for itself whatever it is told. */
const NEEDED_MB = Math.ceil(POOLS.reduce((sum, { size, count }) => sum + size * count, 70e6) / 1e6)

/** A RouDi of ours, and the program that talks through it. */
export interface Iceoryx {
  readonly program: string
  /** Ends RouDi. */
  readonly stop: () => Promise<void>
}

/** Compiles the program and starts RouDi, where iceoryx is installed; stop() it. */
export async function startIceoryx(): Promise<Availability<Iceoryx>> {
  if (!hasProgram('iox-roudi') || !existsSync(HEADERS))
    return {
      missing:
        'not installed: apt-get install iceoryx libiceoryx-posh-dev libiceoryx-hoofs-dev g++',
    }
  if (SEGMENTS.some((name) => existsSync(join(SHARED, name))))
    return { missing: `not started: another RouDi runs here, or left ${SHARED}/${SEGMENTS[0]}` }
  const freeMb = freeBytes() / 1e6
  if (freeMb < NEEDED_MB)
    return {
      missing:
        `not started: RouDi needs ${NEEDED_MB} MB in ${SHARED}, ${Math.floor(freeMb)} are free ` +
        '(docker run --shm-size=1g)',
    }
  const versions = readdirSync(HEADERS).map((version) => join(HEADERS, version))
  const libraries = ['iceoryx_posh', 'iceoryx_hoofs', 'iceoryx_platform']
  const program = compileCppPeer('iceoryx', versions, libraries)
  const daemon = startDaemon(['iox-roudi', '-m', 'off', '-c', writeConfig()])
  const said = await untilReady(daemon)
  if (said !== undefined) return { missing: `not started: RouDi says ${said}` }
  return { ready: { program, stop: () => stop(daemon) } }
}

function freeBytes(): number {
  const { bavail, bsize } = statfsSync(SHARED)
  return bavail * bsize
}

function writeConfig(): string {
  const path = join(workFolder(), 'roudi.toml')
  const pools = POOLS.map(
    ({ size, count }) => `[[segment.mempool]]\nsize = ${size}\ncount = ${count}\n`,
  )
  writeFileSync(path, `[general]\nversion = 1\n\n[[segment]]\n\n${pools.join('\n')}`)
  return path
}

/** Undefined once it serves; what it said last where it ended instead. */
async function untilReady(daemon: ChildProcess): Promise<string | undefined> {
  let said = ''
  const ended = once(daemon, 'close').then(() => said.trimEnd().split('\n').at(-1) ?? 'nothing')
  const ready = new Promise<undefined>((resolve) => {
    const hear = (chunk: Buffer): void => {
      said += chunk.toString()
      if (said.includes('RouDi is ready')) resolve(undefined)
    }
    daemon.stdout!.on('data', hear)
    daemon.stderr!.on('data', hear)
  })
  return Promise.race([ready, ended])
}

async function stop(daemon: ChildProcess): Promise<void> {
  const closed = once(daemon, 'close')
  daemon.kill('SIGTERM')
  await closed
  for (const name of SEGMENTS) rmSync(join(SHARED, name), { force: true })
}
