/** Something a process does to shared memory, made ready up to the moment before. */
export interface Operation {
  /** Whatever others have to have done first is done now. */
  readonly ready?: () => Promise<void>
  readonly act: () => unknown
}

/** Makes an operation ready, at a path where somebody serves, or where it is to serve itself. */
export type Prepare = (path: string) => Promise<Operation>
