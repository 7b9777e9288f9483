import type { OwnedFd } from './owned-fd.js'

/** A message as it arrived. Descriptors that nobody takes are closed with it. */
export class Message implements Disposable {
  readonly bytes: Uint8Array<ArrayBuffer>
  #fds: OwnedFd[]

  /** @internal */
  constructor(bytes: Uint8Array<ArrayBuffer>, fds: OwnedFd[]) {
    this.bytes = bytes
    this.#fds = fds
  }

  /** The descriptors that came with it, yours from now on; none the second time. */
  takeFds(): OwnedFd[] {
    const fds = this.#fds
    this.#fds = []
    return fds
  }

  [Symbol.dispose](): void {
    for (const fd of this.takeFds()) fd.close()
  }
}
