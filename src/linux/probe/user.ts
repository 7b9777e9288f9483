import type { MachineFiles } from './machine-files.js'

/** Who asks. */
export interface User {
  readonly uid: number
  /** The name, or what a shell puts there. */
  readonly name: string
  readonly groupIds: readonly number[]
  /** A group's name, or its number where it has none. */
  groupName(id: number): string
}

/** Numbers of a user and of the groups that it is in. */
export interface Ids {
  readonly uid: number
  readonly groupIds: readonly number[]
}

/** Those of this process. */
export function ownIds(): Ids {
  const groupIds = [process.getegid?.() ?? -1, ...(process.getgroups?.() ?? [])]
  return { uid: process.geteuid?.() ?? -1, groupIds: [...new Set(groupIds)] }
}

/** Somebody by the machine's own lists. */
export function describeUser(files: MachineFiles, { uid, groupIds }: Ids): User {
  const groups = namesById(files.text('/etc/group') ?? '')
  const users = namesById(files.text('/etc/passwd') ?? '')
  return {
    uid,
    name: users.get(uid) ?? '$USER',
    groupIds,
    groupName: (group) => groups.get(group) ?? String(group),
  }
}

/** `name:password:number:…` in each line. */
function namesById(text: string): ReadonlyMap<number, string> {
  const names = new Map<number, string>()
  for (const line of text.split('\n')) {
    const [name = '', , id = ''] = line.split(':')
    if (/^[\w.-]+\$?$/.test(name) && /^\d+$/.test(id) && !names.has(Number(id)))
      names.set(Number(id), name)
  }
  return names
}
