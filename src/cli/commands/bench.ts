import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'

/** The program behind `npm run bench`: compiled beside this one, and published with it. */
const PROGRAM = join(import.meta.dirname, '../../bench/main.js')

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Measures this machine: the bench, in a process of its own. @returns its exit code */
export function bench(options: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [PROGRAM, ...options], { stdio: 'inherit' })
  // It ends its own processes when it is told to stop. A terminal tells it as well, which does no harm.
  const tell = (signal: NodeJS.Signals): void => void child.kill(signal)
  for (const signal of SIGNALS) process.on(signal, tell)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      for (const signal of SIGNALS) process.off(signal, tell)
      resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal])
    })
  })
}
