import { findContainer, type Container } from './container.js'
import { Kernel } from './kernel.js'
import { MachineFiles } from './machine-files.js'
import { describeUser, ownIds, type Ids, type User } from './user.js'

/** What explains why a machine refuses something. */
export interface Surroundings {
  readonly files: MachineFiles
  readonly kernel: Kernel
  readonly user: User
  readonly container: Container | undefined
}

/** Whose machine to look at. */
export interface LookOptions {
  /** The folder that the machine's files lie in; '' is this machine. */
  readonly root?: string
  /** Who asks; whoever runs this process where absent. */
  readonly user?: Ids
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** Reads what explains a machine; never throws. */
export function lookAround(options: LookOptions = {}): Surroundings {
  const files = new MachineFiles(options.root ?? '')
  return {
    files,
    kernel: new Kernel(files),
    user: describeUser(files, options.user ?? ownIds()),
    container: findContainer(files, options.env ?? process.env),
  }
}
