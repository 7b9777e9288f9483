// Goal: mapping a descriptor fails in the kernel's order, and a mapping keeps its buffer.
// Method: buffers of every length around a page; each row of the order breaks its own check and all later ones.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError } from '#src/core/errors.js'
import { mapDescriptor, type MmapArguments } from '#src/syscalls/mmap.js'
import {
  MAP_PRIVATE,
  MAP_SHARED,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  PROT_READ,
  PROT_WRITE,
} from '#src/uapi/file.js'
import { errorCode } from '../helpers/error-code.js'
import { countOf, MappingExporter, openBuffer } from '../helpers/open-buffers.js'
import { Program } from '../helpers/program.js'

const ONE_PAGE: MmapArguments = {
  lengthBytes: 4096n,
  protection: PROT_READ | PROT_WRITE,
  flags: MAP_SHARED,
  pageOffset: 0n,
}

function mapping(program: Program, options: { lengthBytes?: number; flags?: number } = {}) {
  const exporter = new MappingExporter(0)
  return { ...openBuffer(program, { ...options, exporter }), exporter }
}

function map(program: Program, fd: number, asked: Partial<MmapArguments> = {}) {
  return mapDescriptor(program.table, fd, { ...ONE_PAGE, ...asked })
}

const ranges = [
  { size: 5000, pages: 1n, pageOffset: 0n, code: 'none' },
  { size: 5000, pages: 2n, pageOffset: 0n, code: 'EINVAL' },
  { size: 5000, pages: 1n, pageOffset: 1n, code: 'EINVAL' },
  { size: 4095, pages: 1n, pageOffset: 0n, code: 'EINVAL' },
  { size: 4096, pages: 1n, pageOffset: 0n, code: 'none' },
  { size: 0, pages: 1n, pageOffset: 0n, code: 'EINVAL' },
]
for (const { size, pages, pageOffset, code } of ranges)
  test(`${pages} pages at ${pageOffset} of ${size} bytes: ${code} [EX-18, BUF-31, BUF-32]`, async () => {
    using program = new Program()
    const { fd, exporter } = mapping(program, { lengthBytes: size })
    const asked = { lengthBytes: pages * 4096n, pageOffset }
    assert.equal(await errorCode(() => map(program, fd, asked)), code)
    assert.equal(exporter.areas.length, code === 'none' ? 1 : 0)
  })

test('The range behind a buffer is no second mapping of it [BUF-36, PROP-5]', async () => {
  using program = new Program()
  const { fd } = mapping(program, { lengthBytes: 8192 })
  const asked = { lengthBytes: 8192n, pageOffset: 2n }
  assert.equal(await errorCode(() => map(program, fd, asked)), 'EINVAL')
  assert.equal(await errorCode(() => map(program, fd, { ...asked, pageOffset: 0n })), 'none')
})

// Each breaks its own check and all later ones. @rule BUF-31
const far = 2n ** 52n - 1n
const order: readonly {
  cause: string
  code: string
  asked: Partial<MmapArguments>
  flags?: number
}[] = [
  {
    cause: 'no length',
    code: 'EINVAL',
    asked: { lengthBytes: 0n, pageOffset: far, flags: 0 },
    flags: O_RDONLY,
  },
  {
    cause: 'a length that wraps',
    code: 'ENOMEM',
    asked: { lengthBytes: 2n ** 64n - 1n, pageOffset: far, flags: 0 },
    flags: O_RDONLY,
  },
  {
    cause: 'more than all addresses',
    code: 'ENOMEM',
    asked: { lengthBytes: 2n ** 47n - 4095n, pageOffset: far, flags: 0 },
    flags: O_RDONLY,
  },
  {
    cause: 'an end that wraps',
    code: 'EOVERFLOW',
    asked: { pageOffset: far, flags: 0 },
    flags: O_RDONLY,
  },
  { cause: 'no type', code: 'EINVAL', asked: { pageOffset: far - 1n, flags: 0 }, flags: O_RDONLY },
  {
    cause: 'shared writing to a read-only file',
    code: 'EACCES',
    asked: { pageOffset: far - 1n },
    flags: O_RDONLY,
  },
  {
    cause: 'no right to read',
    code: 'EACCES',
    asked: { pageOffset: far - 1n, protection: PROT_WRITE, flags: MAP_PRIVATE },
    flags: O_WRONLY,
  },
  { cause: 'pages it has not', code: 'EINVAL', asked: { pageOffset: far - 1n } },
]
for (const { cause, code, asked, flags = O_RDWR } of order)
  test(`mapDescriptor fails with ${code} for ${cause} [BUF-31]`, async () => {
    using program = new Program()
    const { fd, exporter, file } = mapping(program, { flags })
    assert.equal(await errorCode(() => map(program, fd, asked)), code)
    assert.deepEqual([exporter.areas, countOf(file)], [[], 1])
  })

test('mapDescriptor is EBADF where nothing is open', async () => {
  using program = new Program()
  assert.equal(await errorCode(() => map(program, 0, { lengthBytes: 0n })), 'EBADF')
})

test('A buffer whose exporter cannot map is EINVAL, not ENODEV [BUF-31, MIS-14, PROP-2]', async () => {
  using program = new Program()
  const { fd, file } = openBuffer(program)
  assert.equal(await errorCode(() => map(program, fd)), 'EINVAL')
  assert.equal(countOf(file), 1)
})

test('A sync file is ENODEV; a timeline, too [SF-2]', async () => {
  using program = new Program()
  const timeline = program.openTimeline()
  const fence = await program.createFence(timeline, 1)
  const asked = { protection: PROT_READ }
  assert.equal(await errorCode(() => map(program, fence, asked)), 'ENODEV')
  assert.equal(await errorCode(() => map(program, fence)), 'EACCES')
  assert.equal(await errorCode(() => map(program, timeline)), 'ENODEV')
})

const rights = [
  { flags: O_RDONLY, protection: PROT_READ, type: MAP_SHARED, code: 'none' },
  { flags: O_RDONLY, protection: PROT_READ | PROT_WRITE, type: MAP_PRIVATE, code: 'none' },
  { flags: O_RDONLY, protection: PROT_READ | PROT_WRITE, type: MAP_SHARED, code: 'EACCES' },
  { flags: O_WRONLY, protection: PROT_WRITE, type: MAP_SHARED, code: 'EACCES' },
  { flags: O_WRONLY, protection: 0, type: MAP_SHARED, code: 'EACCES' },
  { flags: O_RDWR, protection: PROT_READ | PROT_WRITE, type: MAP_SHARED, code: 'none' },
  { flags: 3, protection: PROT_READ, type: MAP_SHARED, code: 'EACCES' },
]
for (const { flags, protection, type, code } of rights)
  test(`Mode ${flags} mapped with protection ${protection} and type ${type}: ${code} [HEAP-10, BUF-31]`, async () => {
    using program = new Program()
    const { fd } = mapping(program, { flags })
    assert.equal(await errorCode(() => map(program, fd, { protection, flags: type })), code)
  })

test('The exporter sees what is mapped, in pages of the buffer, and how [BUF-31, PROP-4]', async () => {
  using program = new Program()
  const { fd, exporter } = mapping(program)
  using area = await map(program, fd, {
    lengthBytes: 4097n,
    flags: MAP_PRIVATE,
    protection: PROT_READ,
  })
  assert.deepEqual(exporter.areas, [area])
  const { pageCount, pageOffset, isShared, isWritable } = area
  assert.deepEqual([pageCount, pageOffset, isShared, isWritable], [2, 0, false, false])
  using other = await map(program, fd, { pageOffset: 1n })
  assert.deepEqual([other.pageOffset, other.isShared, other.isWritable], [1, true, true])
})

test('A mapping keeps the buffer when its descriptor is closed [BUF-20, BUF-62]', async () => {
  using program = new Program()
  const { fd, exporter, file } = mapping(program)
  const area = await map(program, fd)
  assert.equal(countOf(file), 2)
  program.table.close(fd)
  assert.equal(exporter.released, false)
  area.close()
  assert.equal(exporter.released, true)
})

test('A mapping that its exporter refuses keeps nothing; what it says is passed on [BUF-31]', async () => {
  using program = new Program()
  const { fd, exporter, file } = mapping(program)
  exporter.fail = () => {
    throw new DmaBufError('EAGAIN', 'exporter', 'Not now')
  }
  assert.equal(await errorCode(() => map(program, fd)), 'EAGAIN')
  assert.equal(countOf(file), 1)
})

test('The exporter maps without the lock, and may give the mapping a file of its own [BUF-34]', async () => {
  using program = new Program()
  const { fd, exporter, file } = mapping(program)
  using handle = file.handle()
  let references = 0
  const own = { get: () => references++, put: () => references-- }
  exporter.fail = () => {
    assert.equal(handle.reservation.isLocked, false)
    exporter.areas[0]!.setFile(own)
    exporter.areas[0]!.pageOffset = 7
  }
  const area = await map(program, fd)
  assert.deepEqual([area.file, area.pageOffset, references], [own, 7, 1])
  assert.equal(countOf(file), 2, 'the descriptor and the handle')
  area.close()
  assert.equal(references, 0)
})

test('Mapping brackets nothing: the exporter hears of no access [BUF-35]', async () => {
  using program = new Program()
  const exporter = new MappingExporter(0, { begin: () => {} })
  const { fd } = openBuffer(program, { exporter })
  const area = await map(program, fd)
  area.close()
  assert.deepEqual(exporter.calls, [])
})
