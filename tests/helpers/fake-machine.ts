// A machine in a folder: its files, and whoever asks.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { lookAround, type LookOptions, type Surroundings } from '#src/linux/probe/surroundings.js'

/** A machine that is only a folder; removed when disposed. */
export interface FakeMachine extends Disposable {
  readonly root: string
  /** What explains it, as seen by root outside any container, unless told otherwise. */
  look(options?: LookOptions): Surroundings
}

const SYSTEM = {
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nana:x:1000:1000::/home/ana:/bin/sh\n',
  '/etc/group': 'root:x:0:\nvideo:x:44:\nana:x:1000:ana\n',
  '/proc/sys/kernel/osrelease': '6.12.107\n',
}

/** A machine that has these files besides a user, three groups and a kernel. */
export function fakeMachine(
  files: Readonly<Record<string, string | Uint8Array>> = {},
): FakeMachine {
  const root = mkdtempSync(join(tmpdir(), 'dmabuf-machine-'))
  for (const [name, content] of Object.entries({ ...SYSTEM, ...files })) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), content)
  }
  return {
    root,
    look: (options) => lookAround({ root, user: { uid: 0, groupIds: [0] }, env: {}, ...options }),
    [Symbol.dispose]() {
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** An ordinary user of a fake machine: ana, in no group but her own. */
export const ANA = { uid: 1000, groupIds: [1000] }

/** Makes a node that opens and answers nothing. */
export function addDeadNode(machine: FakeMachine, path: string): void {
  mkdirSync(dirname(machine.root + path), { recursive: true })
  symlinkSync('/dev/null', machine.root + path)
}
