import type { Struct } from './struct.js'

/** Members that are `__u32`, by name: where each lies. */
export type Offsets<Name extends string> = Readonly<Record<Name, number>>

/** The `__u32` members of a structure, or of one inside it. @param base - where that one begins */
export function readMembers<Name extends string>(
  struct: Struct,
  offsets: Offsets<Name>,
  base = 0,
): Record<Name, number> {
  const values = {} as Record<Name, number>
  for (const name in offsets) values[name] = struct.u32(base + offsets[name])
  return values
}

/** Writes the `__u32` members that `values` has. */
export function writeMembers<Name extends string>(
  struct: Struct,
  offsets: Offsets<Name>,
  values: Readonly<Record<NoInfer<Name>, number>>,
  base = 0,
): Struct {
  for (const name in offsets) struct.setU32(base + offsets[name], values[name])
  return struct
}
