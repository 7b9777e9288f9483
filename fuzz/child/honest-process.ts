// A process that does what it should, whatever others do.
import { Camera } from '../../chaos/child/camera.js'
import { Member } from '../../chaos/child/member.js'
import { Owner } from '../../chaos/child/owner.js'
import { Viewer } from '../../chaos/child/viewer.js'
import { Watcher } from '../../chaos/child/watcher.js'
import { visitQueue, visitTimeline } from './guest.js'

interface Roles {
  camera: Camera
  fifo: Viewer
  latest: Viewer
  owner: Owner
  watcher: Watcher
  member: Member
}

const parts = { Camera, Member, Owner, Viewer, Watcher, visitQueue, visitTimeline, my: {} as Roles }

declare global {
  var honest: typeof parts
}

globalThis.honest = parts
