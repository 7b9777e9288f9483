// Goal: what /proc says of a dma-buf is read, whatever its name has in it.
// Method: texts as Linux 6.12 writes them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fdInfo, parseFdInfo } from '#src/linux/fd-info.js'
import { native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'

const HEAD =
  'pos:\t0\nflags:\t02000002\nmnt_id:\t12\nino:\t9007199254740993\nsize:\t8192\ncount:\t1\n'

function parse(text: string | Buffer): ReturnType<typeof parseFdInfo> {
  return parseFdInfo(Buffer.from(text))
}

test('parseFdInfo reads a buffer without a name [BUF-61]', () => {
  assert.deepEqual(parse(`${HEAD}exp_name:\tsystem\n`), {
    exporterName: 'system',
    name: undefined,
    lengthBytes: 8192,
    count: 1,
    inode: 9007199254740993n,
  })
})

for (const name of ['hello', '', '\ta/b\nc é', 'x\nname:\ty', 'exp_name:\tother\nsize:\t1'])
  test(`parseFdInfo reads the name ${JSON.stringify(name)} [BUF-61]`, () => {
    const info = parse(`${HEAD}exp_name:\tsystem\nname:\t${name}\n`)
    assert.equal(info?.name, name)
    assert.equal(info.exporterName, 'system')
    assert.equal(info.lengthBytes, 8192)
  })

test('parseFdInfo keeps bytes of a name that are no text', () => {
  const bytes = Buffer.concat([
    Buffer.from(`${HEAD}exp_name:\tsystem\nname:\t`),
    Buffer.from([0xff, 10]),
  ])
  assert.equal(parse(bytes)?.name, '\udcff')
})

test('parseFdInfo knows what is no dma-buf', () => {
  assert.equal(parse('pos:\t0\nflags:\t02\nmnt_id:\t12\nino:\t3\n'), undefined)
  assert.equal(parse(''), undefined)
})

test('fdInfo is undefined for a memfd, and fails for a closed descriptor', () => {
  const fd = OwnedFd.adopt(native().memfd('info', 0))
  assert.equal(fdInfo(fd), undefined)
  fd.close()
  assert.throws(() => fdInfo(fd), { code: 'EBADF' })
})
