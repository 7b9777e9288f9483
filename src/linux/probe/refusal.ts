import { statSync } from 'node:fs'
import { passDevice } from './container.js'
import type { Finding } from './capability.js'
import type { Surroundings } from './surroundings.js'
import type { User } from './user.js'

/** What is known of a device node besides its path. */
export interface NodeKind {
  /** The option of the kernel without which there is no such node. */
  readonly option: string
  /** The command that loads a module which makes the node, where there is one. */
  readonly load?: string
  /** Where the device is known to the kernel even if nobody made the node. */
  readonly sysfs?: string
  /** The group that owns such nodes on most systems. */
  readonly group: string
  /** Matches the node in a rule of udev. */
  readonly udev: string
}

/** The group that processes of unmapped owners seem to be in, inside a user namespace. */
const OVERFLOW_ID = 65534

/** Why a node could not be opened, and what to do about it. @param code - name of the errno, `EACCES` */
export function explainRefusal(
  path: string,
  kind: NodeKind,
  code: string,
  surroundings: Surroundings,
): Finding {
  if (code === 'ENOENT') return explainMissing(path, kind, surroundings)
  if (code === 'EACCES' || code === 'EPERM') return explainForbidden(path, kind, surroundings)
  const [reason, fix] = OTHER[code] ?? [`it cannot be opened (${code})`, undefined]
  return { name: path, detail: '', reason, fix: fix?.replace('PATH', path) }
}

const OTHER: Readonly<Record<string, readonly [reason: string, fix: string | undefined]>> = {
  EBUSY: ['somebody else has it open (EBUSY)', 'end the program that holds it: fuser -v PATH'],
  ENXIO: ['its driver is gone (ENXIO)', undefined],
  ENODEV: ['its driver is gone (ENODEV)', undefined],
  EMFILE: ['this process has too many open files (EMFILE)', 'ulimit -n 65536'],
  ENFILE: ['the machine has too many open files (ENFILE)', 'sudo sysctl -w fs.file-max=1000000'],
}

function explainMissing(path: string, kind: NodeKind, surroundings: Surroundings): Finding {
  const { files, kernel, container } = surroundings
  const { option, load, sysfs } = kind
  const built = kernel.builtWith(option)
  const finding = (reason: string, fix: string): Finding => ({
    name: path,
    detail: '',
    reason,
    fix,
  })
  const device = sysfs === undefined ? undefined : files.text(`${sysfs}/dev`)?.trim()
  if (device !== undefined && container !== undefined)
    return finding(
      `the kernel has it, but the ${container} container was not given the node`,
      passDevice(container, path),
    )
  if (device !== undefined) {
    const [major = '', minor = ''] = device.split(':')
    const reason = `the kernel has it (${device}), but /dev has no node of it`
    return finding(reason, `sudo mknod -m 660 ${path} c ${major} ${minor}`)
  }
  if (built === 'n')
    return finding(
      `there is no such node: kernel ${kernel.release} was built without ${option}`,
      `boot a kernel that was built with ${option}, as Debian 13's is`,
    )
  if (container !== undefined) {
    const onHost = load === undefined ? '' : `on the machine itself: ${load}\n`
    const reason = `there is no such node in this ${container} container`
    return finding(reason, `${onHost}${passDevice(container, path)}`)
  }
  if (load !== undefined && built !== 'y') {
    const why = built === 'm' ? 'no module that makes one is loaded' : 'nothing tells why'
    return finding(`there is no such node: ${why}`, load)
  }
  return finding(
    `there is no such node${built === 'y' ? `, though the kernel has ${option}` : ''}`,
    'sudo mount -t devtmpfs devtmpfs /dev, or let udev run',
  )
}

interface Owner {
  readonly groupId: number
  /** The nine bits. */
  readonly mode: number
  readonly uid: number
}

function ownerOf(path: string): Owner | undefined {
  try {
    const { uid, gid, mode } = statSync(path)
    return { uid, groupId: gid, mode: mode & 0o777 }
  } catch {
    return undefined
  }
}

function explainForbidden(path: string, kind: NodeKind, surroundings: Surroundings): Finding {
  const { files, user } = surroundings
  const owner = ownerOf(files.at(path))
  if (owner === undefined)
    return { name: path, detail: '', reason: 'one of the folders on the way to it may not be read' }
  const { mode, groupId } = owner
  const group = user.groupName(groupId)
  const detail = `mode ${mode.toString(8).padStart(4, '0')}, group ${group}`
  return { name: path, detail, ...explainOwner(path, { kind, owner, group }, surroundings) }
}

/** The same of a node whose owner is known. */
function explainOwner(
  path: string,
  { kind, owner, group }: { kind: NodeKind; owner: Owner; group: string },
  surroundings: Surroundings,
): { reason: string; fix: string | undefined } {
  const { user, container } = surroundings
  if (isAllowed(owner, user))
    return {
      reason: 'its mode allows it, but the rules of a container or a security module do not',
      fix: container === undefined ? undefined : passDevice(container, path),
    }
  const { mode, groupId } = owner
  if ((mode & 0o060) !== 0o060 || groupId === 0)
    return {
      reason: groupId === 0 ? 'only root may open it' : `group ${group} may not open it`,
      fix: udevRule(path, kind, surroundings),
    }
  const reason = `user ${user.name} is not in group ${group}`
  if (container === undefined) return { reason, fix: joinGroup(group, user.name) }
  if (container !== 'docker' || groupId === OVERFLOW_ID)
    return { reason, fix: passDevice(container, path) }
  return { reason, fix: `docker run --device ${path} --group-add ${groupId} …` }
}

function isAllowed({ uid, groupId, mode }: Owner, user: User): boolean {
  if (user.uid === 0) return true
  const shift = uid === user.uid ? 6 : user.groupIds.includes(groupId) ? 3 : 0
  return ((mode >> shift) & 6) === 6
}

function joinGroup(group: string, user: string): string {
  return `sudo usermod -aG ${group} ${user}   # then log in again`
}

/** Gives the node to a group for good, and the user to the group. */
function udevRule(path: string, kind: NodeKind, { user, container }: Surroundings): string {
  const { group, udev } = kind
  const rule = `${udev}, GROUP="${group}", MODE="0660"`
  if (container !== undefined)
    return `on the machine itself a rule of udev: ${rule}\n${passDevice(container, path)}`
  const lines = [
    `echo '${rule}' | sudo tee -a /etc/udev/rules.d/70-dmabuf.rules`,
    `sudo udevadm control --reload && sudo udevadm trigger --name-match=${path}`,
  ]
  const isMember = user.groupIds.some((id) => user.groupName(id) === group)
  const join = isMember ? [] : [joinGroup(group, user.name)]
  return [...lines, ...join].join('\n')
}
