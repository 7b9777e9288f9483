// Goal: a page of our own is ours alone to write, and leaves nothing behind.
// Method: maps the descriptor again, as a peer would.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MapMode, Mapping } from '#src/linux/mapping.js'
import { OwnPage } from '#src/linux/own-page.js'
import { countResources, settled } from '../helpers/leaks.js'

test('OwnPage can be mapped by others for reading only', () => {
  using page = new OwnPage('test', 100)
  page.words.store(3, 42)
  assert.throws(() => new Mapping(page.fd, 4096, MapMode.shared), { code: 'EPERM' })
  using others = new Mapping(page.fd, 4096, MapMode.readOnly)
  assert.equal(others.words().load(3), 42)
})

test('OwnPage rounds its length up to whole pages', () => {
  using page = new OwnPage('test', 4097)
  assert.equal(page.words.length, 2048)
})

test('OwnPage.close frees the memory and the descriptor, idempotently', async () => {
  await settled()
  const before = countResources()
  const page = new OwnPage('test', 1)
  page.close()
  page.close()
  await settled()
  assert.deepEqual(countResources(), before)
})
