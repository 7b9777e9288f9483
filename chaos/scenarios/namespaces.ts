import { spawnSync } from 'node:child_process'
import type { Scenario } from '../scenario.js'
import { killCameras } from './cameras.js'
import { killMembers } from './members.js'
import { killViewers } from './viewers.js'

/** Each process in a pid and a user namespace of its own, as in containers that share only the socket. */
export const UNSHARE = ['unshare', '--pid', '--fork', '--kill-child', '--user', '--map-root-user']

function missing(): string | undefined {
  const { status, error, stderr } = spawnSync('unshare', [...UNSHARE.slice(1), 'true'])
  if (error !== undefined) return 'unshare (util-linux) is not installed'
  return status === 0 ? undefined : `no user namespaces here: ${stderr.toString().trim()}`
}

/** The killed viewer's pid means nothing to the camera. */
export const strangeViewers: Scenario = {
  name: 'containers-viewers',
  about: 'as viewers, each process in a pid and user namespace of its own',
  share: 1,
  wrapper: UNSHARE,
  missing,
  run: killViewers,
}

/** The killed camera's pid means nothing to its viewers. */
export const strangeCameras: Scenario = {
  name: 'containers-cameras',
  about: 'as cameras, each process in a pid and user namespace of its own',
  share: 1,
  wrapper: UNSHARE,
  missing,
  run: killCameras,
}

/** The hub is outside, and knows the members by no pid of its own; nor do they know each other. */
export const strangeMembers: Scenario = {
  name: 'containers-members',
  about: 'as members, each in a pid and user namespace of its own, but the hub',
  share: 1,
  wrapper: UNSHARE,
  missing,
  run: killMembers,
}
