// Makes every access to shared memory a step, and kills this process before a chosen one. It changes the
// class that the shipped code uses, from outside: nothing of it is in the package.
import { ArrayWords } from '#src/interprocess/words.js'

type Access = (this: ArrayWords, ...args: number[]) => number

let left = Number.POSITIVE_INFINITY
let taken = 0

for (const name of ['load', 'store', 'read', 'write'] as const) {
  const access = Reflect.get(ArrayWords.prototype, name) as Access
  Reflect.set(ArrayWords.prototype, name, function (this: ArrayWords, ...args: number[]) {
    taken++
    if (left-- <= 0) process.kill(process.pid, 'SIGKILL')
    return access.apply(this, args)
  })
}

/** Dies before access number `at`, from 0, counted from now. */
export function dieAtStep(at: number): void {
  taken = 0
  left = at
}

/** Lives on, and says how many accesses there were since dieAtStep(). */
export function surviveSteps(): number {
  left = Number.POSITIVE_INFINITY
  return taken
}
