// What the processes of the chaos run can do; loaded before them, found as `chaos` by the functions sent to them.
import { Bystander } from './bystander.js'
import { Camera } from './camera.js'
import { Guest } from './guest.js'
import { Member } from './member.js'
import { nowMs } from './pattern.js'
import { Owner } from './owner.js'
import { StepVictim } from './step-victim.js'
import { Viewer } from './viewer.js'
import { Watcher } from './watcher.js'
import { Workshop } from './workshop.js'

/** What this process is; each is there once it was made. */
interface Roles {
  camera: Camera
  viewer: Viewer
  /** The end of what the viewer reads. */
  reading: Promise<void>
  owner: Owner
  watcher: Watcher
  victim: StepVictim
  member: Member
  bystander: Bystander
  guest: Guest
  workshop: Workshop
}

const my = {} as Roles
const parts = {
  Bystander,
  Camera,
  Guest,
  Member,
  Owner,
  StepVictim,
  Viewer,
  Watcher,
  Workshop,
  nowMs,
  my,
}

declare global {
  var chaos: typeof parts
}

globalThis.chaos = parts
