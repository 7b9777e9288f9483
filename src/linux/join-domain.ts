import { DmaBufError } from '../core/errors.js'
import { decodeDomain, DomainOp } from '../interprocess/domain-message.js'
import { MessageType } from '../interprocess/link-message.js'
import { MemberLayout } from '../interprocess/member-page.js'
import { DomainGroup } from './domain-group.js'
import { DomainMemberPort } from './domain-member-port.js'
import { Domain } from './domain.js'
import { connectLink, type ConnectOptions } from './link-connect.js'
import type { Link, Received } from './link.js'

const OFFER_MS = 5000

/**
 * Joins the domain whose hub serves a path.
 *
 * @returns owned: close() it, or hold it with `await using`
 * @throws {DmaBufError} ENOENT, ECONNREFUSED without a hub (see waitForServer); EBUSY where it is full; EPROTO where
 *   something else listens there; ETIMEDOUT
 */
export async function joinDomain(path: string, options: ConnectOptions = {}): Promise<Domain> {
  const link = await connectLink(path, options)
  try {
    const { signal, timeoutMs = OFFER_MS } = options
    const offer = await link.next(MessageType.domain, { signal, timeoutMs })
    if (offer === undefined) throw noDomain()
    const { group, port } = begin(link, offer)
    try {
      await port.join({ signal, timeoutMs })
    } catch (error) {
      group.close(error as DmaBufError)
      await port.close()
      throw error
    }
    return new Domain(group, port)
  } catch (error) {
    await link.close()
    throw error
  }
}

function begin(
  link: Link,
  { payload, fds }: Received,
): { group: DomainGroup; port: DomainMemberPort } {
  for (const fd of fds) fd.close()
  const { op, index, count, flags, length } = decodeDomain(payload)
  if (op !== DomainOp.offer || index < 1 || index >= flags) throw noDomain()
  let layout: MemberLayout
  try {
    layout = new MemberLayout({ slots: count, buffers: length, members: flags })
  } catch (error) {
    throw new DmaBufError('EPROTO', 'join', 'The hub offered a domain that cannot be', {
      cause: error,
    })
  }
  const group = new DomainGroup(index, layout)
  try {
    return { group, port: new DomainMemberPort(group, link) }
  } catch (error) {
    group[Symbol.dispose]()
    throw error
  }
}

function noDomain(): DmaBufError {
  return new DmaBufError('EPROTO', 'join', 'Whoever listens there serves no domain')
}
