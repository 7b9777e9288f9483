import type { Scenario } from '../scenario.js'
import { cameras } from './cameras.js'
import { domainSteps } from './domain-steps.js'
import { hubs, members } from './members.js'
import { strangeCameras, strangeMembers, strangeViewers } from './namespaces.js'
import { steps } from './steps.js'
import { stopped } from './stopped.js'
import { stoppedMembers } from './stopped-members.js'
import { owners, watchers } from './timelines.js'
import { workers } from './workers.js'
import { workerMembers } from './workers-members.js'
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
  domainSteps,
  workers,
  workerMembers,
  strangeViewers,
  strangeCameras,
  strangeMembers,
  stopped,
  stoppedMembers,
]
