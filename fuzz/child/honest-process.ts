// A process that does what it should, whatever others do.
import { Camera } from '../../chaos/child/camera.js'
import { Member } from '../../chaos/child/member.js'
import { Owner } from '../../chaos/child/owner.js'
import { Viewer } from '../../chaos/child/viewer.js'
import { Watcher } from '../../chaos/child/watcher.js'
import { visitDomain } from './domain-guest.js'
import { Giver, Taker } from './exchange.js'
import { visitQueue, visitTimeline } from './guest.js'
import { news } from './news.js'
import { openOfThread, shareWithThread } from './port-host.js'

interface Roles {
  camera: Camera
  fifo: Viewer
  latest: Viewer
  owner: Owner
  watcher: Watcher
  member: Member
  giver: Giver
  taker: Taker
}

const visits = { openOfThread, shareWithThread, visitDomain, visitQueue, visitTimeline }
const roles = { Camera, Giver, Member, Owner, Taker, Viewer, Watcher }
const parts = { ...roles, ...visits, news, my: {} as Roles }

declare global {
  var honest: typeof parts
}

globalThis.honest = parts
