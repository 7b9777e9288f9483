// Programs that are measured in turn: each starts before any is measured, and lives until all have been.
import { nodeCommand, alternate, Side, type Effort } from '../side.js'
import { placements, type Placement } from '../machine.js'

/** A side to start: its name and its command. */
export interface Contender {
  readonly name: string
  readonly command: readonly string[]
}

/** Nanoseconds of each round, by the name of the contender. */
export type Rounds = (name: string) => readonly number[]

/** Measures all contenders in turn, in one placement. */
export async function timeInTurn(
  contenders: readonly Contender[],
  placement: Placement,
  effort: Effort,
): Promise<Rounds> {
  const sides: Side[] = []
  try {
    for (const { name, command } of contenders)
      sides.push(await Side.start(name, placement, command))
    const timings = await alternate(sides, effort)
    return (name) => {
      const index = contenders.findIndex((contender) => contender.name === name)
      return timings[index]!.map(({ ns }) => ns)
    }
  } finally {
    for (const side of sides) await side.stop()
  }
}

/** Measures kinds of one of our own programs in turn, on one core. */
export function timeKinds(
  program: string,
  kinds: readonly string[],
  effort: Effort,
): Promise<Rounds> {
  const [placement] = placements()
  const contenders = kinds.map((name) => ({ name, command: nodeCommand(program, name) }))
  return timeInTurn(contenders, placement!, effort)
}
