import { O_RDONLY } from '../../uapi/file.js'
import type { Finding } from './capability.js'
import { explainDebugfs } from './debugfs.js'
import { openNodeSoon } from './open-node-soon.js'
import { someDmaBuf } from './some-dma-buf.js'
import type { Surroundings } from './surroundings.js'
import { codeOf } from './thrown-code.js'

const BUFINFO = '/sys/kernel/debug/dma_buf/bufinfo'

/** Where a machine tells which buffers there are, and who holds them. */
export async function probeDebugging(surroundings: Surroundings): Promise<Finding[]> {
  return [await probeBufinfo(surroundings), await probeFdinfo(surroundings)]
}

/** Opened only: reading takes the locks of all buffers of the machine. */
async function probeBufinfo(surroundings: Surroundings): Promise<Finding> {
  const name = 'bufinfo'
  try {
    ;(await openNodeSoon(surroundings.files.at(BUFINFO), O_RDONLY)).close()
    return { name, detail: `all dma-bufs of the machine: ${BUFINFO}` }
  } catch (error) {
    const file = { name, path: BUFINFO, option: 'CONFIG_DEBUG_FS' }
    return explainDebugfs(file, codeOf(error), surroundings)
  }
}

async function probeFdinfo(surroundings: Surroundings): Promise<Finding> {
  const name = 'fdinfo of dma-bufs'
  const buffer = await someDmaBuf(surroundings)
  if (buffer === undefined)
    return { name, detail: '', reason: 'not tried: no dma-buf can be made here' }
  try {
    const text = surroundings.files.text(`/proc/self/fdinfo/${buffer.fd.number}`) ?? ''
    const exporter = /^exp_name:\s*(\S+)$/m.exec(text)?.[1]
    if (exporter !== undefined)
      return { name, detail: `size, count and exporter (${exporter}) of each descriptor` }
    const reason = 'fdinfo names no exporter: an old kernel, or no /proc'
    return { name, detail: '', reason }
  } finally {
    buffer.fd.close()
  }
}
