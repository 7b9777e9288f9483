import { check, native } from '../native.js'
import { OwnedFd } from '../owned-fd.js'
import type { Finding } from './capability.js'

/** An answer of native().receive(): how many descriptors, three words about the sender, the descriptors. */
const ANCILLARY_WORDS = 4 + 253

/** Whether descriptors can be sent: a SEQPACKET socket pair, and one of its ends through it. */
export function probeDescriptorPassing(): Finding {
  const name = 'passing descriptors'
  const detail = 'SEQPACKET sockets with SCM_RIGHTS'
  try {
    passOne()
    return { name, detail }
  } catch (error) {
    const fix = 'allow socketpair, sendmsg and recvmsg in the filter for system calls'
    return { name, detail, reason: error instanceof Error ? error.message : String(error), fix }
  }
}

function passOne(): void {
  const pair = new Int32Array(2)
  check(native().socketPair(pair), 'probe', () => 'Cannot make a pair of sockets')
  using first = OwnedFd.adopt(pair[0]!)
  using second = OwnedFd.adopt(pair[1]!)
  const sent = native().send(first.number, Uint8Array.of(1), 1, Int32Array.of(second.number))
  check(sent, 'probe', () => 'Cannot send a descriptor')
  const ancillary = new Int32Array(ANCILLARY_WORDS)
  const received = native().receive(second.number, new Uint8Array(1), ancillary)
  check(received, 'probe', () => 'Cannot receive a descriptor')
  if (ancillary[0] !== 1) throw new Error(`${ancillary[0]} descriptors arrived in place of one`)
  OwnedFd.adopt(ancillary[4]!).close()
}
