import type { Operation } from './operation.js'
import { prepareOf, type Role } from './operations.js'
import { endAtStep, surviveSteps, type StepEnd } from './steps.js'

/** One operation, in a process that ends in the middle of it. */
export class StepVictim {
  readonly #operation: Operation

  private constructor(operation: Operation) {
    this.#operation = operation
  }

  static async prepare(role: Role, name: string, path: string): Promise<StepVictim> {
    return new StepVictim(await prepareOf(role, name)(path))
  }

  async ready(): Promise<void> {
    await this.#operation.ready?.()
  }

  /** Acts, and ends before access number `at`; otherwise says how many there were. */
  async act(at: number, end: StepEnd): Promise<number> {
    endAtStep(at, end)
    await this.#operation.act()
    return surviveSteps()
  }
}
