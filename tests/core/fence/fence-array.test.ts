// Goal: an array signals with its last element or its first, tells so outside the element's signal, and
// knows it at once when asked.
// Method: leaves that count references; deferred work is drained by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drainDeferred } from '#src/core/deferred.js'
import { allocateContext } from '#src/core/fence/context.js'
import {
  arrayFirst,
  arrayNext,
  createFenceArray,
  isFenceArray,
  matchContext,
  type FenceArray,
} from '#src/core/fence/fence-array.js'
import { createFenceChain } from '#src/core/fence/fence-chain.js'
import {
  getFence,
  isFlaggedSignaled,
  putFence,
  signalFence,
  type Fence,
} from '#src/core/fence/fence.js'
import { isLater } from '#src/core/fence/order.js'
import { stubFence } from '#src/core/fence/stub.js'
import { FenceLab, failure, referencesOf } from '../../helpers/fence-lab.js'

/** An array over fences of the lab, which keep the lab's reference. */
function arrayOf(lab: FenceLab, elements: readonly Fence[], any = false): FenceArray {
  const place = { context: allocateContext(), seqno: 1, any }
  return lab.own(createFenceArray(lab.give(elements), place))
}

test('createFenceArray takes over one reference on each element, and release puts them [ARR-1, ARR-11]', () => {
  using lab = new FenceLab()
  const elements = lab.leaves(3)
  const array = createFenceArray(lab.give(elements), { context: 9, seqno: 4 })
  assert.deepEqual(lab.references, [2, 2, 2])
  assert.deepEqual([array.context, array.seqno], [9, 4])
  putFence(array)
  assert.deepEqual(lab.references, [1, 1, 1])
  assert.equal(referencesOf(array), 0)
  lab.close()
})

for (const [what, elements] of [
  ['no elements', []],
  ['no list', undefined],
] as const)
  test(`createFenceArray of ${what} warns and goes on [ARR-1]`, () => {
    using lab = new FenceLab()
    const array = lab.own(createFenceArray(elements!, { context: 1, seqno: 1 }))
    assert.deepEqual(lab.rules, ['ARR-1'])
    assert.equal(array.isSignaled(), false)
    lab.close(['ARR-1'])
  })

test('createFenceArray warns for each element that is a container, and goes on [ARR-1]', () => {
  using lab = new FenceLab()
  const [a, b, c] = lab.leaves(3)
  const inner = createFenceArray([getFence(a!)], { context: 1, seqno: 1 })
  const chain = createFenceChain(undefined, getFence(b!), 1)
  const array = lab.own(createFenceArray([inner, getFence(c!), chain], { context: 2, seqno: 1 }))
  assert.deepEqual(lab.rules, ['ARR-1', 'ARR-1'])
  for (const fence of [a!, b!, c!]) signalFence(fence)
  assert.equal(array.isSignaled(), true)
  lab.close(['ARR-1', 'ARR-1'])
})

test('FenceArray has its fixed names and a seqno of 32 bits that wraps [ARR-1, ARR-2]', () => {
  using lab = new FenceLab()
  const make = (seqno: number): FenceArray =>
    lab.own(createFenceArray(lab.give([lab.leaf()]), { context: 3, seqno }))
  const before = make(0xffff_ffff)
  const after = make(2 ** 32 + 1)
  assert.deepEqual([before.driverName, before.timelineName], ['dma_fence_array', 'unbound'])
  assert.deepEqual([before.seqno, after.seqno], [0xffff_ffff, 1])
  assert.equal(isLater(after, before), true)
  assert.equal(isLater(before, after), false)
  lab.close()
})

for (const isEnabled of [false, true])
  for (const count of [1, 2, 3]) {
    const state = isEnabled ? 'enabled' : 'never enabled'
    test(`An array of ${count}, ${state}, signals with the last element [ARR-3, ARR-7]`, () => {
      using lab = new FenceLab()
      const elements = lab.leaves(count)
      const array = arrayOf(lab, elements)
      if (isEnabled) array.enableSignaling()
      for (const element of elements) {
        assert.equal(array.isSignaled(), false)
        signalFence(element)
      }
      assert.equal(array.isSignaled(), true)
      lab.close()
    })

    test(`An any-array of ${count}, ${state}, signals with the first element to signal [ARR-3, ARR-7]`, () => {
      using lab = new FenceLab()
      const elements = lab.leaves(count)
      const array = arrayOf(lab, elements, true)
      if (isEnabled) array.enableSignaling()
      assert.equal(array.isSignaled(), false)
      signalFence(elements[count - 1]!)
      assert.equal(array.isSignaled(), true)
      lab.close()
    })
  }

test('Enabling adds a callback to each element in order, and takes a reference on the array for each [ARR-4]', () => {
  using lab = new FenceLab()
  const order: Fence[] = []
  const enableSignaling = (fence: Fence): boolean => order.push(fence) > 0
  const elements = lab.leaves(3, { ops: { enableSignaling } })
  const array = arrayOf(lab, elements)
  assert.deepEqual([order, referencesOf(array)], [[], 1])
  array.enableSignaling()
  array.enableSignaling()
  assert.deepEqual([order, referencesOf(array)], [elements, 4])
  lab.close()
})

test('Enabling holds no reference for elements that are signalled already [ARR-4]', () => {
  using lab = new FenceLab()
  const array = arrayOf(lab, [lab.done(), lab.leaf(), lab.done()])
  array.enableSignaling()
  assert.equal(referencesOf(array), 2)
  assert.equal(array.isSignaled(), false)
  lab.close()
})

test('Enabling where all are signalled signals at once, without deferred work [ARR-4]', () => {
  using lab = new FenceLab()
  const array = arrayOf(lab, [lab.done(), lab.done()])
  assert.equal(isFlaggedSignaled(array), false)
  array.enableSignaling()
  assert.equal(isFlaggedSignaled(array), true)
  assert.equal(referencesOf(array), 1)
  lab.close()
})

test('Enabling an any-array leaves the elements behind the first signalled one alone [ARR-4]', () => {
  using lab = new FenceLab()
  const order: string[] = []
  const noted = (name: string): Fence =>
    lab.leaf({ ops: { enableSignaling: () => order.push(name) > 0 } })
  const array = arrayOf(lab, [noted('before'), lab.done(), noted('behind')], true)
  array.enableSignaling()
  assert.deepEqual(order, ['before'])
  assert.equal(isFlaggedSignaled(array), true)
  assert.equal(referencesOf(array), 2)
  lab.close()
})

test('Callbacks of an array run after the signal of the last element has returned [ARR-5, MIS-6]', () => {
  using lab = new FenceLab()
  const order: string[] = []
  const [a, b] = lab.leaves(2)
  const array = arrayOf(lab, [a!, b!])
  array.addCallback(() => order.push('array'))
  b!.addCallback(() => order.push('element'))
  signalFence(a!)
  signalFence(b!)
  order.push('returned')
  assert.equal(isFlaggedSignaled(array), false)
  drainDeferred()
  assert.deepEqual(order, ['element', 'returned', 'array'])
  assert.equal(referencesOf(array), 1)
  lab.close()
})

test('isSignaled knows at once, signals the array on the spot, and the work finds nothing to do [ARR-6, MIS-6]', () => {
  using lab = new FenceLab()
  const order: string[] = []
  const [a] = lab.leaves(1)
  const array = arrayOf(lab, [a!])
  array.addCallback(() => order.push('array'))
  signalFence(a!)
  assert.deepEqual(order, [])
  assert.equal(array.isSignaled(), true)
  assert.deepEqual(order, ['array'])
  drainDeferred()
  assert.deepEqual(order, ['array'])
  lab.close()
})

test('A wait for an array ends after its elements [ARR-5]', async () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2)
  const waiting = arrayOf(lab, [a!, b!]).wait()
  signalFence(b!)
  signalFence(a!)
  await waiting
  lab.close()
})

test('Not enabled, an array asks its elements; enabled, it counts what it was told [ARR-7]', () => {
  using lab = new FenceLab()
  const polled = { ops: { isSignaled: () => true } }
  const asked = arrayOf(lab, [lab.leaf(polled), lab.leaf(polled)])
  assert.equal(asked.isSignaled(), true)
  const told = arrayOf(lab, [lab.leaf(polled), lab.leaf(polled)])
  told.enableSignaling()
  assert.equal(told.isSignaled(), false)
  lab.close()
})

test('Not enabled, an any-array stops asking at the first signalled element [ARR-7]', () => {
  using lab = new FenceLab()
  let asked = 0
  const count = (): boolean => {
    asked++
    return false
  }
  const behind = lab.leaf({ ops: { isSignaled: count } })
  const array = arrayOf(lab, [lab.done(), behind], true)
  assert.equal(array.isSignaled(), true)
  assert.equal(asked, 0)
  lab.close()
})

function codeOf({ error }: Fence): string | undefined {
  return error?.code
}

interface ErrorCase {
  readonly title: string
  readonly any?: boolean
  /** What the elements have in the end. */
  readonly codes: readonly (string | undefined)[]
  /** In which order they signal. */
  readonly order: readonly number[]
  readonly error: string | undefined
}

const ERRORS: readonly ErrorCase[] = [
  { title: 'all succeed', codes: [undefined, undefined], order: [0, 1], error: undefined },
  {
    title: 'both fail, the second first',
    codes: ['EIO', 'ENOENT'],
    order: [1, 0],
    error: 'ENOENT',
  },
  { title: 'both fail, the first first', codes: ['EIO', 'ENOENT'], order: [0, 1], error: 'EIO' },
  { title: 'one fails, first', codes: [undefined, 'EIO'], order: [1, 0], error: 'EIO' },
  { title: 'one fails, last', codes: [undefined, 'EIO'], order: [0, 1], error: 'EIO' },
  { title: 'any, the first fails', any: true, codes: ['EIO', undefined], order: [0], error: 'EIO' },
  {
    title: 'any, the first succeeds',
    any: true,
    codes: [undefined, 'EIO'],
    order: [0],
    error: undefined,
  },
  {
    title: 'any, the other fails before the work ran',
    any: true,
    codes: [undefined, 'EIO'],
    order: [0, 1],
    error: 'EIO',
  },
]

for (const { title, any, codes, order, error } of ERRORS)
  test(`Error of an enabled array: ${title} [ARR-8, EX-9]`, () => {
    using lab = new FenceLab()
    const elements = lab.leaves(codes.length)
    const array = arrayOf(lab, elements, any)
    array.enableSignaling()
    for (const index of order) {
      const code = codes[index]
      signalFence(elements[index]!, code === undefined ? undefined : failure(code))
    }
    assert.equal(codeOf(array), undefined)
    drainDeferred()
    assert.equal(codeOf(array), error)
    assert.equal(array.status, error === undefined ? 'signaled' : 'error')
    lab.close()
  })

test('The error of an element that signalled before enabling counts in the order of the elements [ARR-4, ARR-8]', () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2)
  signalFence(b!, failure('ENOENT'))
  signalFence(a!, failure('EIO'))
  const array = arrayOf(lab, [a!, b!])
  array.enableSignaling()
  assert.equal(array.error?.code, 'EIO')
  lab.close()
})

test('An any-array that was looked at keeps its success, though another element fails before the work runs [ARR-8, EX-9]', () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2)
  const array = arrayOf(lab, [a!, b!], true)
  array.enableSignaling()
  signalFence(a!)
  assert.equal(array.status, 'signaled')
  signalFence(b!, failure('EIO'))
  drainDeferred()
  assert.equal(array.status, 'signaled')
  lab.close()
})

test('An array that was never enabled has no error, whatever its elements have [ARR-9, EX-9]', () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2)
  const array = arrayOf(lab, [a!, b!])
  signalFence(a!, failure('EIO'))
  signalFence(b!, failure('ENOENT'))
  assert.equal(array.status, 'signaled')
  assert.equal(array.error, undefined)
  lab.close()
})

test('An array signalled by hand takes the error of an element that fails later, until the work ran [ARR-8]', () => {
  using lab = new FenceLab()
  const [a, b, c] = lab.leaves(3)
  const array = arrayOf(lab, [a!, b!], true)
  array.enableSignaling()
  signalFence(array)
  assert.equal(array.status, 'signaled')
  signalFence(a!, failure('EIO'))
  assert.equal(array.status, 'error')
  signalFence(b!, failure('ENOENT'))
  assert.equal(array.error?.code, 'EIO')

  const late = arrayOf(lab, [c!, lab.done()])
  late.enableSignaling()
  signalFence(c!)
  drainDeferred()
  assert.equal(late.status, 'signaled')
  lab.close()
})

test('An array signalled by hand with an error keeps that [ARR-8]', () => {
  using lab = new FenceLab()
  const [a] = lab.leaves(1)
  const array = arrayOf(lab, [a!])
  array.enableSignaling()
  signalFence(array, failure('ETIME'))
  signalFence(a!, failure('EIO'))
  drainDeferred()
  assert.equal(array.error?.code, 'ETIME')
  lab.close()
})

test('After the work of an any-array ran, late errors change nothing [ARR-8]', () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2)
  const array = arrayOf(lab, [a!, b!], true)
  array.enableSignaling()
  signalFence(a!)
  drainDeferred()
  signalFence(b!, failure('EIO'))
  assert.equal(array.status, 'signaled')
  lab.close()
})

test('An any-array lives until every element with its callback has signalled [ARR-10]', () => {
  using lab = new FenceLab()
  const [a, b, c] = lab.leaves(3)
  const elements = lab.give([a!, b!, c!])
  const array = createFenceArray(elements, { context: 1, seqno: 1, any: true })
  array.enableSignaling()
  putFence(array)
  signalFence(a!)
  drainDeferred()
  assert.equal(isFlaggedSignaled(array), true)
  signalFence(b!)
  assert.equal(referencesOf(array), 1)
  assert.deepEqual(lab.references, [2, 2, 2])
  signalFence(c!)
  assert.equal(referencesOf(array), 0)
  assert.deepEqual(lab.references, [1, 1, 1])
  lab.close()
})

test('An any-array of which more signalled than it needs knows it before the work ran [ARR-7, ARR-10]', () => {
  using lab = new FenceLab()
  const elements = lab.leaves(3)
  const array = arrayOf(lab, elements, true)
  array.enableSignaling()
  for (const element of elements) signalFence(element)
  assert.equal(isFlaggedSignaled(array), false)
  assert.equal(array.isSignaled(), true)
  lab.close()
})

test('The same fence twice in an array counts twice [ARR-3]', () => {
  using lab = new FenceLab()
  const [a] = lab.leaves(1)
  const array = arrayOf(lab, [a!, a!])
  array.enableSignaling()
  signalFence(a!)
  assert.equal(array.isSignaled(), true)
  lab.close()
})

test('setDeadline reaches every pending element [ARR-11]', () => {
  using lab = new FenceLab()
  const told: [Fence, number][] = []
  const setDeadline = (fence: Fence, ns: number): unknown => told.push([fence, ns])
  const [a, b] = lab.leaves(2, { ops: { setDeadline } })
  arrayOf(lab, [a!, b!]).setDeadline(77)
  assert.deepEqual(told, [
    [a, 77],
    [b, 77],
  ])
  lab.close()
})

test('matchContext compares a plain fence, or all elements of an array [ARR-12]', () => {
  using lab = new FenceLab()
  const seven = lab.leaf({ context: 7 })
  const eight = lab.leaf({ context: 8 })
  assert.deepEqual([matchContext(seven, 7), matchContext(seven, 8)], [true, false])
  assert.equal(matchContext(arrayOf(lab, [seven, seven]), 7), true)
  assert.equal(matchContext(arrayOf(lab, [seven, eight]), 7), false)
  const own = arrayOf(lab, [seven])
  assert.equal(matchContext(own, own.context), false)
  lab.close()
})

test('arrayFirst and arrayNext walk an array, and take a plain fence for one element [ARR-12]', () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2)
  const array = arrayOf(lab, [a!, b!])
  const empty = lab.own(createFenceArray([], { context: 1, seqno: 1 }))
  assert.deepEqual([arrayFirst(array), arrayNext(array, 1), arrayNext(array, 2)], [a, b, undefined])
  assert.deepEqual([arrayFirst(a), arrayNext(a, 1), arrayNext(a, 0)], [a, undefined, undefined])
  assert.deepEqual([arrayFirst(null), arrayFirst(undefined)], [undefined, undefined])
  assert.equal(arrayFirst(empty), undefined)
  lab.close(['ARR-1'])
})

test('isFenceArray tells arrays from all else [API-4]', () => {
  using lab = new FenceLab()
  const [a] = lab.leaves(1)
  assert.equal(isFenceArray(arrayOf(lab, [a!])), true)
  assert.deepEqual([a, null, undefined].map(isFenceArray), [false, false, false])
  lab.close()
})

test('An array of nothing is pending until enabled, then signalled when asked [ARR-1, ARR-3, ARR-7]', () => {
  using lab = new FenceLab()
  const array = arrayOf(lab, [])
  assert.equal(array.isSignaled(), false)
  array.enableSignaling()
  assert.equal(isFlaggedSignaled(array), false)
  assert.equal(array.isSignaled(), true)
  lab.close(['ARR-1'])
})

test('An any-array of nothing never signals [ARR-3, ARR-7]', () => {
  using lab = new FenceLab()
  const array = arrayOf(lab, [], true)
  array.enableSignaling()
  assert.equal(array.isSignaled(), false)
  lab.close(['ARR-1'])
})

test('A callback of an element that throws changes nothing for the array [ARR-5, PORT-4]', () => {
  using lab = new FenceLab()
  const [a] = lab.leaves(1)
  a!.addCallback(() => {
    throw new Error('broken')
  })
  const array = arrayOf(lab, [a!])
  array.enableSignaling()
  signalFence(a!)
  drainDeferred()
  assert.equal(isFlaggedSignaled(array), true)
  lab.close(['PORT-4'])
})

test('A callback of the array that throws leaves no reference behind [ARR-5, PORT-4]', () => {
  using lab = new FenceLab()
  const [a] = lab.leaves(1)
  const array = arrayOf(lab, [a!])
  array.addCallback(() => {
    throw new Error('broken')
  })
  signalFence(a!)
  drainDeferred()
  assert.equal(referencesOf(array), 1)
  lab.close(['PORT-4'])
})

test('An element that throws when asked passes through the question, which can be asked again [ARR-7]', () => {
  using lab = new FenceLab()
  let isBroken = true
  const isSignaled = (): boolean => {
    if (isBroken) throw new Error('broken')
    return true
  }
  const array = arrayOf(lab, [lab.leaf({ ops: { isSignaled } })])
  assert.throws(() => array.isSignaled(), /broken/)
  assert.equal(referencesOf(array), 1)
  isBroken = false
  assert.equal(array.isSignaled(), true)
  lab.close()
})

test('An element that throws when enabled has failed, and so has the array [ARR-4, ARR-8, PORT-4]', () => {
  using lab = new FenceLab()
  const enableSignaling = (): boolean => {
    throw failure('ENODEV')
  }
  const array = arrayOf(lab, [lab.leaf({ ops: { enableSignaling } }), lab.done()])
  array.enableSignaling()
  assert.equal(array.error?.code, 'ENODEV')
  assert.equal(referencesOf(array), 1)
  lab.close(['PORT-4'])
})

test('An element that throws when released keeps no other element [ARR-11, PORT-4]', () => {
  using lab = new FenceLab()
  const release = (): void => {
    throw new Error('broken')
  }
  const broken = lab.leaf({ ops: { release } })
  const other = lab.leaf()
  const array = createFenceArray(lab.give([broken, other]), { context: 1, seqno: 1 })
  putFence(broken)
  putFence(array)
  assert.deepEqual([referencesOf(broken), referencesOf(other)], [0, 1])
  assert.deepEqual(lab.rules, ['PORT-4'])
})

test('An element that throws for a deadline keeps it from no other element [ARR-11, PORT-4]', () => {
  using lab = new FenceLab()
  let told = 0
  const broken = lab.leaf({
    ops: {
      setDeadline() {
        throw new Error('broken')
      },
    },
  })
  const other = lab.leaf({ ops: { setDeadline: () => (told += 1) } })
  arrayOf(lab, [broken, other]).setDeadline(5)
  assert.equal(told, 1)
  lab.close(['PORT-4'])
})

test('FenceArray.any tells whether the first element is enough [ARR-3]', () => {
  const make = (any?: boolean): FenceArray =>
    createFenceArray([stubFence()], { context: 1, seqno: 1, any })
  assert.deepEqual([make().any, make(false).any, make(true).any], [false, false, true])
})
