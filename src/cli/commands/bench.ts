import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'

/** The program behind `npm run bench`: compiled beside this one, and published with it. */
const PROGRAM = join(import.meta.dirname, '../../bench/main.js')

/** Measures this machine: the bench, in a process of its own. @returns its exit code */
export function bench(options: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [PROGRAM, ...options], { stdio: 'inherit' })
  // It ends its own processes when it is told to stop; a terminal tells both of us.
  const tell = (signal: NodeJS.Signals): void => void child.kill(signal)
  process.on('SIGTERM', tell)
  const wait = (): void => {}
  process.on('SIGINT', wait)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      process.off('SIGTERM', tell)
      process.off('SIGINT', wait)
      resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal])
    })
  })
}
