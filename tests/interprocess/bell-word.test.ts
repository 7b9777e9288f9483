// Goal: whoever asks and looks again and finds nothing is rung, once.
// Method: each side runs between any two accesses of the other.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BellWatch, BellWish } from '#src/interprocess/bell-word.js'
import { HookedWords, interruptAt, wordsOf } from '../helpers/hooked-words.js'

function pair() {
  const words = wordsOf(4)
  return { words, wish: new BellWish(words, 2), watch: new BellWatch(words, 2) }
}

test('BellWatch.take says no until somebody asks, then yes once', () => {
  const { wish, watch } = pair()
  assert.equal(watch.take(), false)
  wish.ask()
  assert.equal(watch.take(), true)
  assert.equal(watch.take(), false)
})

test('Wishes before a look are answered by one ring, each wish after it by another', () => {
  const { wish, watch } = pair()
  wish.ask()
  wish.ask()
  assert.deepEqual([watch.take(), watch.take()], [true, false])
  wish.ask()
  assert.deepEqual([watch.take(), watch.take()], [true, false])
})

test('Several watchers answer the same wish each', () => {
  const { words, wish, watch } = pair()
  const other = new BellWatch(words, 2)
  wish.ask()
  assert.deepEqual([watch.take(), other.take()], [true, true])
})

test('BellWish writes its own word only, and never 0', () => {
  const { words, wish } = pair()
  for (let i = 0; i < 5; i++) {
    wish.ask()
    assert.notEqual(words.load(2), 0)
  }
  assert.deepEqual([words.load(0), words.load(1), words.load(3)], [0, 0, 0])
})

test("A stranger's word rings once for each change, and 0 never rings", () => {
  const { words, watch } = pair()
  const answers = [-1, -1, 2 ** 31 - 1, 0, 0, 5].map((value) => {
    words.store(2, value)
    return watch.take()
  })
  assert.deepEqual(answers, [true, false, true, false, false, true])
})

test('Asking, then looking: either the look finds it or the ring comes', () => {
  const NEWS = 0
  for (let at = 0; at < 4; at++) {
    const { words, watch } = pair()
    let rung = false
    const publish = (): void => {
      words.store(NEWS, 1)
      rung = watch.take()
    }
    const sleeper = interruptAt(words, at, publish)
    const wish = new BellWish(sleeper, 2)
    wish.ask()
    const found = sleeper.load(NEWS) === 1
    if (at > 1) publish()
    assert.ok(found || rung, `Published before access ${at}`)
  }
})

test('Publishing, then taking: either the look finds it or the ring comes', () => {
  const NEWS = 0
  for (let at = 0; at < 3; at++) {
    const { words, wish } = pair()
    let found = false
    const ringer = new HookedWords(words, () => {
      if (count++ !== at) return
      wish.ask()
      found = words.load(NEWS) === 1
    })
    let count = 0
    ringer.store(NEWS, 1)
    const rung = new BellWatch(ringer, 2).take()
    assert.ok(found || rung || at === 2, `Asked before access ${at}`)
  }
})
