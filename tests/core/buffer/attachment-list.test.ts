// Goal: the newest attachment comes first, and leaving the list takes no search.
// Method: inserts and removes by hand, at both ends and in between.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AttachmentList } from '#src/core/buffer/attachment-list.js'
import { Attachment } from '#src/core/buffer/attachment.js'
import { RecordingBuffer } from '../../helpers/recording-buffer.js'

function filled(count: number) {
  const list = new AttachmentList()
  const buffer = new RecordingBuffer()
  const attachments = Array.from({ length: count }, (_, index) => {
    const attachment = new Attachment(buffer, { name: String(index) }, undefined, undefined)
    list.insert(attachment)
    return attachment
  })
  return { list, attachments, names: () => [...list].map(({ device }) => device.name).join('') }
}

test('AttachmentList is newest first [ATT-5]', () => {
  const { list, attachments, names } = filled(3)
  assert.equal(names(), '210')
  assert.equal(list.first, attachments[2])
  assert.equal(list.size, 3)
})

for (const [index, left] of [
  [0, '21'],
  [1, '20'],
  [2, '10'],
] as const)
  // prettier-ignore
  test(`AttachmentList.remove takes out number ${index} of 3, and it can come back as the newest`, () => {
    const { list, attachments, names } = filled(3)
    list.remove(attachments[index]!)
    assert.equal(names(), left)
    assert.equal(list.size, 2)
    list.insert(attachments[index]!)
    assert.equal(names(), `${index}${left}`)
  })

test('AttachmentList is empty when all are removed', () => {
  const { list, attachments, names } = filled(2)
  for (const attachment of attachments) list.remove(attachment)
  assert.deepEqual([names(), list.first, list.size], ['', undefined, 0])
})

test('AttachmentList.remove does nothing for an attachment that was removed before', () => {
  const { list, attachments, names } = filled(3)
  list.remove(attachments[1]!)
  list.remove(attachments[1]!)
  assert.deepEqual([names(), list.size], ['20', 2])
})

test('A walk goes on though the attachment it is at is removed', () => {
  const { list } = filled(3)
  const seen: string[] = []
  for (const attachment of list) {
    seen.push(attachment.device.name)
    list.remove(attachment)
  }
  assert.deepEqual(seen, ['2', '1', '0'])
})
