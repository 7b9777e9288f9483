// A DRM driver without a kernel that has one: /dev/null, whose ioctls are answered here.
import { fstatSync } from 'node:fs'
import { createMemfd } from '#src/linux/memfd.js'
import { native, type Addresses, type Native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import * as drm from '#src/uapi/drm.js'
import * as mode from '#src/uapi/drm-mode.js'
import * as sync from '#src/uapi/drm-syncobj.js'
import * as vgem from '#src/uapi/vgem.js'

const EINVAL = 22
const EOPNOTSUPP = 95

/** The path of the node. */
export const FAKE_NODE = '/dev/null'

/** One device; what it was asked is in its fields. */
export class FakeDrm implements Disposable {
  driverName = 'vgem'
  capabilities = new Map<number, number>([[drm.DRM_CAP_PRIME, 3]])
  /** What the next call of a number is refused with. */
  readonly refusals = new Map<number, number>()
  /** Open handles, each with the inode of its memory. */
  readonly handles = new Map<number, { readonly inode: number; readonly memory: OwnedFd }>()
  readonly closed: number[] = []
  readonly attached: { readonly handle: number; readonly flags: number }[] = []
  readonly signaled: number[] = []
  readonly syncobjs = new Set<number>()
  /** Calls on syncobjs: the request, the first handle and point. */
  readonly syncobjCalls: (readonly [request: number, handle: number, point: bigint])[] = []
  #next = 1
  readonly #real = native().ioctl
  readonly #native: { ioctl: Native['ioctl'] } = native()
  readonly #device = fstatOf(FAKE_NODE)

  constructor() {
    this.#native.ioctl = (fd, request, argument, addresses = []) => {
      if (!(argument instanceof Uint8Array) || !this.#isOurs(fd))
        return this.#real(fd, request, argument, addresses)
      const refusal = this.refusals.get(request >>> 0)
      return refusal === undefined ? this.#answer(request >>> 0, argument, addresses) : -refusal
    }
  }

  [Symbol.dispose](): void {
    this.#native.ioctl = this.#real
    for (const { memory } of this.handles.values()) memory.close()
  }

  #isOurs(fd: number): boolean {
    try {
      return fstatSync(fd).rdev === this.#device
    } catch {
      return false
    }
  }

  #answer(request: number, bytes: Uint8Array, addresses: Addresses): number {
    switch (request) {
      case drm.DRM_IOCTL_VERSION:
        return this.#version(bytes, addresses[1] as Uint8Array)
      case drm.DRM_IOCTL_GET_CAP:
        return this.#capability(bytes)
      case mode.DRM_IOCTL_MODE_CREATE_DUMB:
        return this.#createDumb(bytes)
      case drm.DRM_IOCTL_PRIME_HANDLE_TO_FD:
        return this.#toFd(bytes)
      case drm.DRM_IOCTL_PRIME_FD_TO_HANDLE:
        return this.#toHandle(bytes)
      case drm.DRM_IOCTL_GEM_CLOSE:
      case mode.DRM_IOCTL_MODE_DESTROY_DUMB:
        return this.#close(new Uint32Array(bytes.buffer, bytes.byteOffset, 1)[0]!)
      case vgem.DRM_IOCTL_VGEM_FENCE_ATTACH:
        return this.#attach(bytes)
      case vgem.DRM_IOCTL_VGEM_FENCE_SIGNAL:
        this.signaled.push(bytes[0]!)
        return 0
      default:
        return this.#syncobj(request, bytes, addresses)
    }
  }

  #version(bytes: Uint8Array, room: Uint8Array): number {
    const name = new TextEncoder().encode(this.driverName)
    room.set(name.subarray(0, room.length))
    const nameBytes = BigInt(name.length)
    bytes.set(drm.encodeDrmVersion({ major: 1, minor: 2, patchLevel: 3, nameBytes }))
    return 0
  }

  #capability(bytes: Uint8Array): number {
    const { capability } = drm.decodeDrmCap(bytes)
    const value = this.capabilities.get(Number(capability))
    if (value === undefined) return -EOPNOTSUPP
    bytes.set(drm.encodeDrmCap({ capability, value: BigInt(value) }))
    return 0
  }

  #createDumb(bytes: Uint8Array): number {
    const asked = mode.decodeDrmCreateDumb(bytes)
    const pitchBytes = Math.ceil((asked.width * asked.bitsPerPixel) / 8)
    const lengthBytes = Math.ceil((pitchBytes * asked.height) / 4096) * 4096
    const memory = createMemfd('dumb', lengthBytes)
    const handle = this.#add(memory)
    const made = { ...asked, handle, pitchBytes, lengthBytes: BigInt(lengthBytes) }
    bytes.set(mode.encodeDrmCreateDumb(made))
    return 0
  }

  #toFd(bytes: Uint8Array): number {
    const asked = drm.decodeDrmPrimeHandle(bytes)
    const known = this.handles.get(asked.handle)
    if (known === undefined) return -EINVAL
    bytes.set(drm.encodeDrmPrimeHandle({ ...asked, fd: known.memory.dup().release() }))
    return 0
  }

  // The same handle for the same memory, as the kernel does.
  #toHandle(bytes: Uint8Array): number {
    const asked = drm.decodeDrmPrimeHandle(bytes)
    const { ino } = fstatSync(asked.fd)
    const known = [...this.handles].find(([, { inode }]) => inode === ino)
    const handle = known?.[0] ?? this.#add(OwnedFd.adopt(native().dup(asked.fd)))
    bytes.set(drm.encodeDrmPrimeHandle({ ...asked, handle }))
    return 0
  }

  #add(memory: OwnedFd): number {
    const handle = this.#next++
    this.handles.set(handle, { inode: fstatSync(memory.number).ino, memory })
    return handle
  }

  #close(handle: number): number {
    const known = this.handles.get(handle)
    if (known === undefined) return -EINVAL
    known.memory.close()
    this.handles.delete(handle)
    this.closed.push(handle)
    return 0
  }

  #attach(bytes: Uint8Array): number {
    const asked = vgem.decodeVgemFenceAttach(bytes)
    this.attached.push({ handle: asked.handle, flags: asked.flags })
    bytes.set(vgem.encodeVgemFenceAttach({ ...asked, fence: this.attached.length }))
    return 0
  }

  #syncobj(request: number, bytes: Uint8Array, [, handles, , points]: Addresses): number {
    if (request === sync.DRM_IOCTL_SYNCOBJ_CREATE) {
      const handle = this.#next++
      this.syncobjs.add(handle)
      bytes.set(sync.encodeSyncobjCreate({ handle, flags: 0 }))
      return 0
    }
    const inLists = handles instanceof Uint8Array
    const words = new Uint32Array((inLists ? handles : bytes).slice().buffer)
    const [handle = 0] = words
    const point = points instanceof Uint8Array ? new BigUint64Array(points.slice().buffer)[0]! : 0n
    this.syncobjCalls.push([request, handle, point])
    if (request === sync.DRM_IOCTL_SYNCOBJ_DESTROY) this.syncobjs.delete(handle)
    return 0
  }
}

function fstatOf(path: string): number {
  const number = native().openFile(path, 0)
  const { rdev } = fstatSync(number)
  native().close(number)
  return rdev
}
