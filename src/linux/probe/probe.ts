import { UDMABUF_NODE } from '../udmabuf.js'
import { capabilityOf, type Capability, type CapabilityGroup, type Finding } from './capability.js'
import { probeDebugging } from './debugging.js'
import { probeDescriptorPassing } from './descriptor-passing.js'
import { heapPaths, probeHeap } from './dma-heaps.js'
import { drmPaths, probeDrm } from './drm.js'
import { probeFences } from './fences.js'
import { probeLimits } from './limits.js'
import { probeMachine } from './machine.js'
import { MEMFD, probeMemory } from './memory.js'
import { probeNativeAddon } from './native-addon.js'
import { lookAround, type Surroundings } from './surroundings.js'
import { probeUdmabuf } from './udmabuf.js'
import { probeVideo, videoPaths } from './video.js'
import { withinLimit } from './within-limit.js'

/** One part of the machine, looked at by itself: whatever happens there, the others are looked at as well. */
interface Part {
  readonly group: CapabilityGroup
  /** What the line is called where the part fails as a whole. */
  readonly name: string
  readonly look: (surroundings: Surroundings) => Finding | Finding[] | Promise<Finding | Finding[]>
}

/**
 * What this machine offers and what it refuses, each with the reason and what to do about it.
 *
 * Opens what it speaks of, and makes a buffer of one page where it can; all is closed again. Devices that do not answer
 * are given three seconds each. Never rejects: without the native part that is what the answer says.
 *
 * @returns in the order in which `dmabuf doctor` prints it
 */
export async function probe(): Promise<readonly Capability[]> {
  return probeMachineOf(lookAround())
}

/** The same of any machine, one part after the other: some use what others use. */
export async function probeMachineOf(
  surroundings: Surroundings,
  limitMs?: number,
): Promise<readonly Capability[]> {
  const capabilities: Capability[] = []
  for (const part of partsOf(surroundings)) {
    for (const finding of await findingsOf(part, surroundings, limitMs))
      capabilities.push(capabilityOf(part.group, finding))
  }
  return capabilities
}

function partsOf(surroundings: Surroundings): readonly Part[] {
  const addon = probeNativeAddon()
  const always: readonly Part[] = [
    { group: 'machine', name: 'machine', look: probeMachine },
    { group: 'machine', name: 'native addon', look: () => addon },
    { group: 'machine', name: 'limits', look: probeLimits },
  ]
  if (addon.reason !== undefined) return [...always, WITHOUT_ADDON]
  const heaps = heapPaths(surroundings).map((path): Part => {
    return { group: 'heaps', name: path, look: (around) => probeHeap(path, around) }
  })
  const cards = drmPaths(surroundings).map((path): Part => {
    return { group: 'drm', name: path, look: (around) => probeDrm(path, around) }
  })
  const cameras = videoPaths(surroundings).map((path): Part => {
    return { group: 'video', name: path, look: (around) => probeVideo(path, around) }
  })
  return [
    ...always,
    { group: 'memory', name: 'memory', look: probeMemory },
    { group: 'memory', name: 'passing descriptors', look: probeDescriptorPassing },
    ...heaps,
    { group: 'heaps', name: UDMABUF_NODE, look: probeUdmabuf },
    { group: 'fences', name: 'fences', look: probeFences },
    ...cards,
    ...cameras,
    { group: 'debugging', name: 'debugging', look: probeDebugging },
  ]
}

/** Nothing can be tried then, and programs look for this one. */
const WITHOUT_ADDON: Part = {
  group: 'memory',
  name: MEMFD,
  look: () => ({ name: MEMFD, detail: '', reason: 'not tried: the native addon is missing' }),
}

async function findingsOf(
  { name, look }: Part,
  surroundings: Surroundings,
  limitMs?: number,
): Promise<Finding[]> {
  try {
    const looked = Promise.resolve(look(surroundings))
    const late = (): Finding => ({ name, detail: '', reason: 'it did not answer in time' })
    const found = await withinLimit(looked, late, limitMs)
    return Array.isArray(found) ? found : [found]
  } catch (error) {
    return [{ name, detail: '', reason: `it cannot be looked at: ${String(error)}` }]
  }
}
