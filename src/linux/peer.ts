/** Who is at the other end of a link, as the kernel vouches for it. */
export interface Peer {
  readonly pid: number
  readonly uid: number
  readonly gid: number
}
