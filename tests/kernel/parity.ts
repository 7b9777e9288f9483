// Compares what the VM left in a folder with what this process shows now.
import { openMemfdHeap } from '#src/linux/index.js'
import { compare, type Comparison } from './comparison.js'
import { heapClaims } from './contract.js'
import { differences, LACKING } from './differences.js'
import { EmulatedMachine } from './emulated-machine.js'
import { sightsOf } from './observation.js'
import { observations } from './observations/index.js'
import { readTranscripts, shownBy, type Seen, type Shown } from './transcript.js'

/** @param folder - where the transcripts of a run in the VM are */
export async function compareWith(folder: string): Promise<Comparison> {
  const needs = new Map(observations.map(({ name, needs }) => [name, needs]))
  return compare(readTranscripts(folder), await showAll(), {
    differences,
    lackOf: (title) => {
      const need = needs.get(title)
      return need === undefined ? undefined : LACKING[need]
    },
  })
}

async function showAll(): Promise<Seen> {
  const seen: Record<string, Shown | null> = {}
  for (const observation of observations) {
    await using machine = new EmulatedMachine()
    seen[observation.name] = shownBy(await sightsOf(observation, machine))
  }
  for (const claim of heapClaims) {
    using heap = openMemfdHeap()
    seen[claim.title] = { result: await claim.resultOn(heap) }
  }
  return seen
}
