// Goal: the build for the simulator turns every access into a step, changes nothing else, and says where it cannot.
// Method: builds small fixtures and the tests of the protocol, and runs them beside the sources as they are.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'node:test'
import { buildSteps, ROOT } from '../../sim/transform/build.js'
import { wordsOf } from '../helpers/hooked-words.js'
import * as shapes from '../fixtures/steps-shapes.js'

type Steps = Generator<undefined, readonly unknown[]>

function sourceOf(fixture: string): string {
  return `tests/fixtures/${fixture.replace('.js', '.ts')}`
}

function filledWords(): ReturnType<typeof wordsOf> {
  const words = wordsOf(4)
  for (let i = 0; i < 4; i++) words.store(i, i + 1)
  return words
}

async function steppedShapes(): Promise<{ allShapes: (...list: unknown[]) => Steps }> {
  const folder = buildSteps({
    name: 'shapes',
    entries: [sourceOf('steps-shapes.js')],
    alsoSteps: ['tests/fixtures/'],
  })
  const url = pathToFileURL(join(folder, 'tests/fixtures/steps-shapes.js'))
  return (await import(url.href)) as { allShapes: (...list: unknown[]) => Steps }
}

test('Each access of stepped code yields once, and the result is that of the code as it is', async () => {
  const plain = shapes.allShapes(filledWords(), undefined)
  const { allShapes } = await steppedShapes()
  const steps = allShapes(filledWords(), undefined)
  let count = 0
  let next = steps.next()
  for (; next.done !== true; next = steps.next()) count++
  assert.deepEqual(next.value, plain)
  // 2 in constructors, 1 taken apart, 2 loads and 1 store, 2 of sum, 3 in the callback, 1 load, 1 getter.
  assert.equal(count, 13)
})

test('An access happens after its step and after those of its arguments', async () => {
  const { allShapes } = await steppedShapes()
  const words = filledWords()
  const steps = allShapes(words, undefined)
  steps.next()
  // The first access waits: what is stored now is what it loads.
  words.store(0, 50)
  let next = steps.next()
  while (next.done !== true) next = steps.next()
  assert.equal(next.value[0], 50)
  assert.equal(next.value[5], 7)
})

test('buildSteps names file and line of an access in a callback of other code', () => {
  const build = {
    name: 'callback',
    entries: [sourceOf('steps-callback.js')],
    alsoSteps: ['tests/fixtures/'],
  }
  assert.throws(
    () => buildSteps(build),
    /tests\/fixtures\/steps-callback\.ts:5: cannot be made to step/,
  )
})

test('buildSteps refuses a mutation of text that is not there', () => {
  const mutations = [{ file: 'src/interprocess/bell-word.ts', find: 'no such text', replace: '' }]
  const build = { name: 'absent', entries: ['src/interprocess/bell-word.ts'], mutations }
  assert.throws(() => buildSteps(build), /0 times instead of once: no such text/)
})

/** Those whose helpers can be transformed as well; the shared locks have a stepping of their own. */
const STEPPED_TESTS = [
  'bell-word',
  'fence-board',
  'frame-descriptor',
  'queue-consumer',
  'queue-consumer.hostile',
  'queue-producer',
  'shared-counter',
  'two-words',
]

test('The tests of the protocol pass over the stepped source as over the source', () => {
  const names = STEPPED_TESTS.map((name) => `${name}.test.ts`)
  const folder = buildSteps({
    name: 'tests',
    entries: names.map((name) => `tests/interprocess/${name}`),
    alsoSteps: ['tests/interprocess/', 'tests/helpers/'],
    plain: ['tests/helpers/hooked-words.ts'],
    atomicCallbacks: true,
  })
  const stepped = names.map((name) =>
    join(folder, 'tests/interprocess', name.replace('.ts', '.js')),
  )
  const plain = names.map((name) =>
    join(ROOT, 'build/tests/interprocess', name.replace('.ts', '.js')),
  )
  const passed = passedOf(stepped)
  assert.ok(passed > 50, `Tests ran: ${passed}`)
  assert.equal(passed, passedOf(plain))
})

/** How many tests of these files pass; all have to. */
function passedOf(files: readonly string[]): number {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { stdout, status } = spawnSync(
    process.execPath,
    ['--expose-gc', '--test', '--test-reporter=tap', ...files],
    { encoding: 'utf8', env },
  )
  assert.equal(status, 0, stdout)
  return Number(/^# pass (\d+)$/m.exec(stdout)?.[1])
}
