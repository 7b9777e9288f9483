import { DmaBufError } from '../../core/errors.js'
import { MapMode, Mapping } from '../mapping.js'
import { createMemfd, HUGE_PAGE_BYTES, PAGE_BYTES } from '../memfd.js'
import { native } from '../native.js'
import type { Finding } from './capability.js'
import type { Surroundings } from './surroundings.js'

const HUGE_PAGES = '/sys/kernel/mm/hugepages/hugepages-2048kB'

/** The name of the one thing without which nothing can be shared. */
export const MEMFD = 'memfd'

/** Memory that processes can share: memfds, huge pages, and views of memory that is not V8's. */
export function probeMemory(surroundings: Surroundings): Finding[] {
  return [probeMemfd(surroundings), probeHugePages(surroundings), probeViews()]
}

function probeMemfd({ files, kernel }: Surroundings): Finding {
  const noexec = files.text('/proc/sys/vm/memfd_noexec')?.trim()
  const setting = noexec === undefined ? '' : `, vm.memfd_noexec=${noexec}`
  const detail = `one page made, sealed and mapped${setting}`
  try {
    mapOnePage()
    return { name: MEMFD, detail }
  } catch (error) {
    const fix = kernel.builtWith('CONFIG_MEMFD_CREATE') === 'n' ? BOOT_MEMFD : ALLOW_MEMFD
    return { name: MEMFD, detail: '', reason: sayError(error), fix }
  }
}

const BOOT_MEMFD = 'boot a kernel that was built with CONFIG_MEMFD_CREATE'
const ALLOW_MEMFD =
  'allow memfd_create, fallocate and fcntl in the filter for system calls (docker run --security-opt seccomp=…)'

function mapOnePage(): void {
  using fd = createMemfd('doctor', PAGE_BYTES)
  new Mapping(fd, PAGE_BYTES, MapMode.shared).close()
}

function probeHugePages({ files, container }: Surroundings): Finding {
  const name = 'huge pages'
  const count = (which: string): string | undefined => files.text(`${HUGE_PAGES}/${which}`)?.trim()
  const free = count('free_hugepages')
  const detail =
    free === undefined
      ? 'how many there are cannot be read'
      : `${free} of ${count('nr_hugepages')} pages of 2 MiB are free`
  try {
    createMemfd('doctor', HUGE_PAGE_BYTES, { hugePages: true }).close()
    return { name, detail }
  } catch (error) {
    if (!DmaBufError.is(error, 'ENOMEM')) return { name, detail, reason: sayError(error) }
    const where = container === undefined ? '' : '   # on the machine itself'
    const reason = 'none is free (openMemfdHeap({ hugePages: true }) would fail)'
    return { name, detail, reason, fix: `sudo sysctl -w vm.nr_hugepages=64${where}` }
  }
}

/** Electron forbids ArrayBuffers over memory that is not V8's: `view` is undefined there. */
function probeViews(): Finding {
  const name = 'external ArrayBuffers'
  const detail = 'views of shared memory, without a copy'
  try {
    using fd = createMemfd('doctor', PAGE_BYTES)
    using mapping = new Mapping(fd, PAGE_BYTES, MapMode.shared)
    const view = native().view(mapping.handle, PAGE_BYTES, 1)
    if (view instanceof ArrayBuffer) {
      native().end(mapping.handle, view)
      return { name, detail }
    }
    const reason = 'this runtime forbids them (Electron): each access copies in and out'
    return {
      name,
      detail,
      reason,
      fix: "work on frames in a process of plain Node: spawn('node', …)",
    }
  } catch (error) {
    return { name, detail, reason: sayError(error) }
  }
}

function sayError(error: unknown): string {
  return DmaBufError.is(error) ? `${error.message} (${error.code})` : String(error)
}
