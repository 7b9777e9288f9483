import type { Scenario } from '../scenario.js'
import { cameras } from './cameras.js'
import { owners, watchers } from './timelines.js'
import { viewers } from './viewers.js'

/** All there are, in the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [viewers, cameras, owners, watchers]
