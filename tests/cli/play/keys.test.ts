import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { readKeys } from '#src/cli/play/keys.js'

class FakeInput extends EventEmitter {
  raw: boolean | undefined
  flowing = false
  readonly isTTY: boolean

  constructor(isTTY: boolean) {
    super()
    this.isTTY = isTTY
  }

  setRawMode(on: boolean): void {
    this.raw = on
  }

  resume(): this {
    this.flowing = true
    return this
  }

  pause(): this {
    this.flowing = false
    return this
  }
}

test('readKeys gives each key of a chunk, and q for Ctrl-C', () => {
  const input = new FakeInput(true)
  const keys: string[] = []
  using _keys = readKeys(input, (key) => keys.push(key))
  input.emit('data', Buffer.from('ks'))
  input.emit('data', Buffer.from('\x03'))
  assert.deepEqual(keys, ['k', 's', 'q'])
})

test('readKeys leaves the terminal as it was when disposed', () => {
  const input = new FakeInput(true)
  readKeys(input, () => {})[Symbol.dispose]()
  assert.deepEqual([input.raw, input.flowing, input.listenerCount('data')], [false, false, 0])
})

test('readKeys does not touch an input that is no terminal', () => {
  const input = new FakeInput(false)
  readKeys(input, () => {})[Symbol.dispose]()
  assert.deepEqual([input.raw, input.flowing, input.listenerCount('data')], [undefined, false, 0])
})
