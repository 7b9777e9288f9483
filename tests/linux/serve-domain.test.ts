// Goal: a domain begins where it is told, within its limits, and leaves nothing behind where it cannot.
// Method: limits from both sides; a path that is taken.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serveDomain, type DomainOptions } from '#src/linux/serve-domain.js'
import { errorCode } from '../helpers/error-code.js'
import { countResources, settled } from '../helpers/leaks.js'
import { socketPath } from '../helpers/socket-path.js'

test('serveDomain refuses numbers outside its limits', async (t) => {
  const path = socketPath(t)
  const wrong: DomainOptions[] = [
    { members: 1 },
    { members: 33 },
    { buffers: 0 },
    { buffers: 1025 },
    { slots: 63 },
    { slots: 65537 },
    { slots: 64.5 },
  ]
  for (const options of wrong) await assert.rejects(serveDomain(path, options), RangeError)
  for (const options of [
    { members: 2, buffers: 1, slots: 64 },
    { members: 32, buffers: 1024 },
  ]) {
    const domain = await serveDomain(path, options)
    assert.deepEqual([domain.index, domain.members, domain.closed], [0, [], false])
    await domain.close()
    assert.equal(domain.closed, true)
  }
})

test('serveDomain fails where somebody listens already, and holds nothing then', async (t) => {
  const path = socketPath(t)
  await using domain = await serveDomain(path)
  await settled()
  const before = countResources()
  assert.equal(await errorCode(() => serveDomain(path)), 'EADDRINUSE')
  await settled()
  assert.deepEqual(countResources(), before)
  assert.equal(domain.evict(0, 'nobody'), false)
})
