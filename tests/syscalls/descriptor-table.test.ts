// Goal: descriptors are the lowest free numbers, and count what keeps a file open.
// Method: files that note their release; fast-check against the simplest model of a table.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DescriptorTable } from '#src/syscalls/descriptor-table.js'
import { OpenFile } from '#src/syscalls/open-file.js'
import { O_PATH, O_RDWR } from '#src/uapi/file.js'
import { thrownCode } from '../helpers/error-code.js'

class PlainFile extends OpenFile {
  released = false

  constructor(flags = O_RDWR) {
    super(flags)
  }

  protected override release(): void {
    assert.equal(this.released, false)
    this.released = true
  }
}

test('DescriptorTable.open takes the lowest free number', () => {
  using table = new DescriptorTable()
  for (let fd = 0; fd < 3; fd++) assert.equal(table.open(new PlainFile()), fd)
  table.close(1)
  assert.equal(table.open(new PlainFile()), 1)
  assert.equal(table.open(new PlainFile()), 3)
})

test('DescriptorTable.open fails with EMFILE at the limit, and the file stays its owner’s [BUF-16]', () => {
  using table = new DescriptorTable({ limit: 2 })
  table.open(new PlainFile())
  table.open(new PlainFile())
  const file = new PlainFile()
  assert.equal(
    thrownCode(() => table.open(file)),
    'EMFILE',
  )
  assert.deepEqual([table.openCount, table.takenCount, file.released], [2, 2, false])
  file.put()
  assert.equal(file.released, true)
})

test('DescriptorTable.reserve takes a number that is not open yet', () => {
  using table = new DescriptorTable()
  const fd = table.reserve()
  assert.equal(
    thrownCode(() => table.file(fd)),
    'EBADF',
  )
  assert.equal(
    thrownCode(() => table.close(fd)),
    'EBADF',
  )
  assert.equal(
    thrownCode(() => table.dup(fd)),
    'EBADF',
  )
  assert.equal(table.open(new PlainFile()), 1)
  assert.deepEqual([table.openCount, table.takenCount], [1, 2])
  table.install(fd, new PlainFile())
  assert.deepEqual(table.descriptors(), [0, 1])
})

test('DescriptorTable.cancel gives a reserved number back, and only a reserved one', () => {
  using table = new DescriptorTable()
  table.cancel(table.reserve())
  assert.equal(table.takenCount, 0)
  const fd = table.open(new PlainFile())
  assert.throws(() => table.cancel(fd), RangeError)
  assert.throws(() => table.install(fd, new PlainFile()), RangeError)
  assert.throws(() => table.cancel(7), RangeError)
})

test('DescriptorTable.file is EBADF for what is not open [BUF-17]', () => {
  using table = new DescriptorTable()
  const fd = table.open(new PlainFile())
  table.close(fd)
  for (const bad of [fd, -1, 5, 2 ** 31 - 1, 0.5, Number.NaN])
    assert.equal(
      thrownCode(() => table.file(bad)),
      'EBADF',
    )
  assert.equal(
    thrownCode(() => table.close(fd)),
    'EBADF',
  )
})

test('DescriptorTable.file counts an O_PATH descriptor as not open; it can be closed [BUF-17]', () => {
  using table = new DescriptorTable()
  const file = new PlainFile(O_PATH)
  const fd = table.open(file)
  assert.equal(
    thrownCode(() => table.file(fd)),
    'EBADF',
  )
  table.close(fd)
  assert.equal(file.released, true)
})

test('DescriptorTable.dup shares the file until its last descriptor is closed [BUF-20]', () => {
  using table = new DescriptorTable()
  const file = new PlainFile()
  const fd = table.open(file, { closeOnExec: true })
  const copy = table.dup(fd)
  assert.equal(table.file(copy), file)
  assert.deepEqual([table.closeOnExec(fd), table.closeOnExec(copy)], [true, false])
  table.close(fd)
  assert.equal(file.released, false)
  table.close(copy)
  assert.equal(file.released, true)
})

test('DescriptorTable.dup finds the lowest number from a given one; EMFILE leaves no reference', () => {
  using table = new DescriptorTable({ limit: 12 })
  const file = new PlainFile()
  const fd = table.open(file)
  assert.equal(table.dup(fd, { lowest: 10 }), 10)
  assert.equal(table.dup(fd, { lowest: 10, closeOnExec: true }), 11)
  assert.equal(
    thrownCode(() => table.dup(fd, { lowest: 10 })),
    'EMFILE',
  )
  assert.equal(
    thrownCode(() => table.dup(9)),
    'EBADF',
  )
  for (const open of [0, 10, 11]) table.close(open)
  assert.equal(file.released, true)
})

test('DescriptorTable.pass opens the same file in another table [BUF-20]', () => {
  using table = new DescriptorTable()
  using other = new DescriptorTable({ limit: 1 })
  const file = new PlainFile()
  const fd = table.open(file)
  const copy = table.pass(fd, other)
  assert.equal(other.file(copy), file)
  assert.equal(
    thrownCode(() => table.pass(fd, other)),
    'EMFILE',
  )
  table.close(fd)
  assert.equal(file.released, false)
  other.close(copy)
  assert.equal(file.released, true)
})

test('DescriptorTable.exec closes what is marked, and the mark can be changed', () => {
  using table = new DescriptorTable()
  const marked = table.open(new PlainFile(), { closeOnExec: true })
  const kept = table.open(new PlainFile(), { closeOnExec: true })
  const later = table.open(new PlainFile())
  table.setCloseOnExec(kept, false)
  table.setCloseOnExec(later, true)
  table.exec()
  assert.deepEqual(table.descriptors(), [kept])
  assert.equal(
    thrownCode(() => table.closeOnExec(marked)),
    'EBADF',
  )
  assert.equal(
    thrownCode(() => table.setCloseOnExec(marked, true)),
    'EBADF',
  )
})

test('DescriptorTable.fork copies numbers, marks and references, not what is only reserved', () => {
  using table = new DescriptorTable()
  table.reserve()
  const file = new PlainFile()
  const fd = table.open(file, { closeOnExec: true })
  const child = table.fork()
  assert.deepEqual(child.descriptors(), [fd])
  assert.deepEqual([child.closeOnExec(fd), child.takenCount], [true, 1])
  table.close(fd)
  assert.equal(file.released, false)
  child[Symbol.dispose]()
  assert.deepEqual([file.released, child.openCount], [true, 0])
})

test('DescriptorTable is disposed with everything in it', () => {
  const files = [new PlainFile(), new PlainFile()]
  {
    using table = new DescriptorTable()
    for (const file of files) table.open(file)
  }
  assert.deepEqual(
    files.map(({ released }) => released),
    [true, true],
  )
})

test('A limit that is no count is a RangeError', () => {
  for (const limit of [-1, 0.5, Number.NaN])
    assert.throws(() => new DescriptorTable({ limit }), RangeError)
})

test('DescriptorTable behaves as a list of counted files, whatever is called', () => {
  const step = fc.record({ call: fc.constantFrom('open', 'dup', 'close'), at: fc.nat(6) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = new DescriptorTable({ limit: 5 })
      const model = new Array<PlainFile | undefined>(5).fill(undefined)
      const files: PlainFile[] = []
      for (const { call, at } of steps) {
        const free = model.indexOf(undefined)
        const isOpen = model[at] !== undefined
        const expected =
          call !== 'open' && !isOpen ? 'EBADF' : call !== 'close' && free < 0 ? 'EMFILE' : 'none'
        const file = new PlainFile()
        const code = thrownCode(() => {
          if (call === 'close') table.close(at)
          else assert.equal(call === 'open' ? table.open(file) : table.dup(at), free)
        })
        assert.equal(code, expected)
        if (code !== 'none') continue
        if (call === 'open') files.push(file)
        if (call === 'close') model[at] = undefined
        else model[free] = call === 'open' ? file : model[at]
        for (const each of files) assert.equal(each.released, !model.includes(each))
      }
      table[Symbol.dispose]()
      assert(files.every(({ released }) => released))
    }),
  )
})
