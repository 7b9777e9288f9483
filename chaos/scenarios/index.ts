import type { Scenario } from '../scenario.js'
import { cameras } from './cameras.js'
import { hubs, members } from './members.js'
import { strangeCameras, strangeViewers } from './namespaces.js'
import { steps } from './steps.js'
import { stopped } from './stopped.js'
import { owners, watchers } from './timelines.js'
import { workers } from './workers.js'
import { viewers } from './viewers.js'

/** All there are, in the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  viewers,
  cameras,
  owners,
  watchers,
  members,
  hubs,
  steps,
  workers,
  strangeViewers,
  strangeCameras,
  stopped,
]
