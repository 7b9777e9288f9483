import { bufferObject, DmaBuf } from '../core/buffer/buffer.js'
import type { BufferObject } from '../core/buffer/buffer-object.js'
import { DmaBufError } from '../core/errors.js'
import type { WaitOptions } from '../core/host.js'
import { TABLE } from '../core/reservation/fence-table.js'
import { MAX_TEXT_BYTES } from '../interprocess/domain-message.js'
import { exportFd, importFd } from './buffer-fd.js'
import type { DomainGroup, MemberChange } from './domain-group.js'
import type { DomainMember } from './domain-peer.js'
import type { DomainPort } from './domain-port.js'
import { SharedReservation } from './shared-reservation.js'

/** How a shared buffer is opened. */
export interface OpenBufferOptions extends WaitOptions {
  /** `readwrite` where absent. `read`: stores go to pages of our own, never to the buffer. */
  readonly access?: 'read' | 'readwrite' | undefined
  /** Wait for somebody to share it; otherwise ENOENT. */
  readonly waitForBuffer?: boolean | undefined
}

/**
 * Processes that share buffers and rely on each other's fences and locks, as one of them sees it. One of them, the
 * hub, introduces the others; from then on they synchronise through shared memory alone.
 *
 * The reservation of a buffer that is shared, or opened, here is one of all members: accesses, devices and submit()
 * wait for the fences of all of them, and a lock keeps all others out. Fences of a member that dies fail with
 * EOWNERDEAD, its locks are free. Without its hub a domain lives on, and nobody joins any more.
 */
export class Domain implements AsyncDisposable {
  readonly #group: DomainGroup
  readonly #port: DomainPort
  readonly #objects = new Map<string, BufferObject>()
  readonly #opening = new Map<string, Promise<BufferObject>>()
  #closing: Promise<void> | undefined

  /** @internal Use serveDomain() or joinDomain(). Both parts move here. */
  constructor(group: DomainGroup, port: DomainPort) {
    this.#group = group
    this.#port = port
  }

  /** Our place among the members; 0 is the hub. */
  get index(): number {
    return this.#group.index
  }

  /** The other living members, by index. */
  get members(): readonly DomainMember[] {
    return this.#group.others.map(({ index, generation, pid }) => ({ index, generation, pid }))
  }

  /**
   * Whether we left it, or were evicted. Who was evicted cannot lock, access or wait for what it shared any more:
   * these calls fail with the reason, since the others do not mind them.
   */
  get closed(): boolean {
    return this.#group.closed
  }

  /** Calls back when a member joins, leaves, dies, or is ignored because it does not keep to the protocol. */
  onMember(listener: (change: MemberChange) => void): Disposable {
    return this.#group.onMember(listener)
  }

  /**
   * Lets the members open a buffer by this name. What is pending in it is theirs to wait for, too.
   *
   * The buffer is theirs as well then: it lives as long as any of them has a handle.
   * @param buffer - of a heap whose memory has a descriptor; in one domain only, under one name
   * @throws {DmaBufError} EEXIST where the name is taken; EBUSY where it is shared already; EINVAL where it has no
   *   descriptor; ENOSPC; EPIPE without a hub
   */
  async share(buffer: DmaBuf, name: string): Promise<void> {
    checkBufferName(name)
    const object = bufferObject(buffer, 'share')
    if (object.knownReservation?.[TABLE].side !== undefined)
      throw new DmaBufError('EBUSY', 'share', 'The buffer is shared already')
    using kept = buffer.dup()
    using memory = exportFd(kept)
    const { index } = await this.#port.share(name, memory, buffer.lengthBytes)
    try {
      using held = await kept.reservation.lock()
      this.#attach(object, { index, name }, true)
      held.check('share')
    } catch (error) {
      if (!this.closed) this.#port.release(index)
      throw error
    }
    // Only now: whoever opens it sees what is pending in it.
    await this.#port.announce(index)
  }

  /**
   * A handle on a buffer that a member shares.
   *
   * @returns owned: close() it
   * @throws {DmaBufError} ENOENT where nobody shares it, unless it is waited for; EPIPE without a hub; ETIMEDOUT
   */
  async open(name: string, options: OpenBufferOptions = {}): Promise<DmaBuf> {
    checkBufferName(name)
    for (;;) {
      const known = this.#objects.get(name)
      if (known !== undefined && !known.released) return new DmaBuf(known)
      const opening = this.#opening.get(name)
      if (opening === undefined) return this.#open(name, options)
      await opening.catch(() => {})
    }
  }

  async #open(name: string, options: OpenBufferOptions): Promise<DmaBuf> {
    const { access = 'readwrite', waitForBuffer = false } = options
    const opening = (async () => {
      const found = await this.#port.open(name, waitForBuffer, options)
      const { index, lengthBytes, memory } = found
      using buffer = importFd(memory, { lengthBytes, access, exporterName: 'domain' })
      const object = bufferObject(buffer, 'open')
      try {
        this.#attach(object, { index, name }, false)
      } catch (error) {
        // A buffer of the kernel's that this process shares already, under another name or in another domain.
        if (!this.closed) this.#port.release(index)
        throw error
      }
      return new DmaBuf(object)
    })()
    const object = opening.then((buffer) => bufferObject(buffer, 'open'))
    object.catch(() => {})
    this.#opening.set(name, object)
    try {
      return await opening
    } finally {
      this.#opening.delete(name)
    }
  }

  /** Makes the reservation of a buffer one of all members. */
  #attach(object: BufferObject, { index, name }: BufferPlace, isOurs: boolean): void {
    const group = this.#group
    if (group.closed) throw new DmaBufError('EPIPE', 'domain', 'The domain was left')
    const { reservation } = object
    const table = reservation[TABLE]
    const released = (): void => {
      if (this.#objects.get(name) === object) this.#objects.delete(name)
      this.#port.release(index)
    }
    const side = new SharedReservation(group, index, { table, released })
    try {
      if (isOurs) side.adopt()
      reservation.share(side)
    } catch (error) {
      group.shared.delete(index)
      throw error
    }
    this.#objects.set(name, object)
  }

  /**
   * Leaves the domain: others see our pending fences fail with ENOENT, and what we wait for of theirs fails with
   * ENOENT here. Buffers stay usable, for this process alone. Where it is the hub, nobody joins any more. Idempotent.
   */
  close(): Promise<void> {
    return (this.#closing ??= (async () => {
      this.#group.close(new DmaBufError('ENOENT', 'domain', 'The domain was left'))
      await this.#port.close()
    })())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

interface BufferPlace {
  readonly index: number
  readonly name: string
}

function checkBufferName(name: string): void {
  if (typeof name !== 'string' || name === '')
    throw new TypeError('The name of a shared buffer must be a string that is not empty')
  const lengthBytes = Buffer.byteLength(name)
  if (lengthBytes > MAX_TEXT_BYTES)
    throw new RangeError(
      `The name of a shared buffer has at most ${MAX_TEXT_BYTES} bytes: ${lengthBytes}`,
    )
}
