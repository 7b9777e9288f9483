import type { Actor } from './simulation.js'

/** What is simulated: who takes part, who may die, and what must be true. */
export interface World {
  /** Steps with faults, where it needs more than others. */
  readonly steps?: number
  /** Kills somebody: the others notice later, in any order, and somebody like it may come. */
  kill(actor: Actor): void
  /** There are no more faults: whatever is under way comes to its end. */
  end(): void
  /** Nobody can run and nothing is under way. @throws {Violation} where somebody waits in vain */
  checkRest(): void
  /** All has come to its end. @throws {Violation} where something is missing */
  checkEnd(): void
}
