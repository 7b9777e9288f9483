import { bufferObjects } from '../buffer/buffer-list.js'
import { DmaBuf } from '../buffer/buffer.js'

/**
 * A handle on each live buffer of this process, newest first. Buffers on their way out are skipped. Each
 * handle is closed when the loop goes on: dup() what you keep. Nothing is locked between two steps.
 *
 * @kernel dma_buf_iter_begin, dma_buf_iter_next; the dmabuf iterator of BPF
 * @rule STAT-5
 */
export function* liveBuffers(): Generator<DmaBuf, void> {
  for (const object of bufferObjects()) {
    using buffer = new DmaBuf(object)
    yield buffer
  }
}
