// Makes every access to shared memory a step, and kills or stops this process before a chosen one. It changes the
// class that the shipped code uses, from outside: nothing of it is in the package.
import { ArrayWords } from '#src/interprocess/words.js'

/** How a process ends at a step: it is gone, or it stands still there. */
export type StepEnd = 'SIGKILL' | 'SIGSTOP'

type Access = (this: ArrayWords, ...args: number[]) => number

let left = Number.POSITIVE_INFINITY
let taken = 0
let end: StepEnd = 'SIGKILL'

for (const name of ['load', 'store', 'read', 'write'] as const) {
  const access = Reflect.get(ArrayWords.prototype, name) as Access
  Reflect.set(ArrayWords.prototype, name, function (this: ArrayWords, ...args: number[]) {
    taken++
    if (left-- === 0) process.kill(process.pid, end)
    return access.apply(this, args)
  })
}

/** Ends before access number `at`, from 0, counted from now. */
export function endAtStep(at: number, how: StepEnd): void {
  taken = 0
  left = at
  end = how
}

/** Lives on, and says how many accesses there were since endAtStep(). */
export function surviveSteps(): number {
  left = Number.POSITIVE_INFINITY
  return taken
}
