// Goal: lines are redrawn in their place, what stands above stays, and the cursor always comes back.
// Method: a terminal by hand that shows what a person would see.
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { LiveScreen } from '#src/cli/screen/live-screen.js'
import { FakeTerminal } from './fake-terminal.js'

function open({ columns = 20, rows = 10 } = {}) {
  const terminal = new FakeTerminal({ columns, rows })
  const host = new EventEmitter()
  return { terminal, host, screen: new LiveScreen(terminal, host) }
}

test('LiveScreen.draw shows the lines below what was there', () => {
  const { terminal, screen } = open()
  terminal.write('$ dmabuf play\r\n')
  screen.draw(['one', 'two'])
  assert.deepEqual(terminal.text, ['$ dmabuf play', 'one', 'two', ''])
})

test('LiveScreen.draw puts the new lines in place of the old ones', () => {
  const { terminal, screen } = open()
  terminal.write('above\r\n')
  screen.draw(['a long line', 'two'])
  screen.draw(['short', '2'])
  assert.deepEqual(terminal.text, ['above', 'short', '2', ''])
})

test('LiveScreen.draw leaves nothing of lines that are no more', () => {
  const { terminal, screen } = open()
  screen.draw(['1', '2', '3'])
  screen.draw(['1'])
  assert.deepEqual(terminal.text, ['1', ''])
  screen.draw([])
  assert.deepEqual(terminal.text, [''])
  screen.draw(['1', '2'])
  assert.deepEqual(terminal.text, ['1', '2', ''])
})

test('LiveScreen.draw cuts lines to the width, so that none wraps', () => {
  const { terminal, screen } = open({ columns: 5 })
  screen.draw(['12345', '123456'])
  screen.draw(['abcde', 'abcdef'])
  assert.deepEqual(terminal.text, ['abcde', 'abcde', ''])
})

test('LiveScreen.draw keeps one row of the terminal for the cursor', () => {
  const { terminal, screen } = open({ rows: 3 })
  screen.draw(['1', '2', '3', '4'])
  screen.draw(['a', 'b', 'c', 'd'])
  assert.deepEqual(terminal.text, ['a', 'b', ''])
  assert.equal(screen.rows, 2)
})

test('LiveScreen.draw covers what a narrower terminal has wrapped', () => {
  const { terminal, screen } = open({ columns: 10 })
  terminal.write('above\r\n')
  screen.draw(['1234567890', 'abc', ''])
  terminal.resize(4)
  screen.draw(['1234567890', 'abc', ''])
  // "above" was wrapped by the terminal as well.
  assert.deepEqual(terminal.text, ['abov', 'e', '1234', 'abc', '', ''])
})

test('LiveScreen.draw uses the room of a terminal that became larger', () => {
  const { terminal, screen } = open({ columns: 4, rows: 2 })
  screen.draw(['123456', 'b'])
  terminal.resize(6)
  terminal.rows = 5
  screen.draw(['123456', 'b'])
  assert.deepEqual(terminal.text, ['123456', 'b', ''])
})

test('LiveScreen.draw does not let a line break out of its place', () => {
  const { terminal, screen } = open()
  screen.draw(['a\nb', 'c\x1b[2Jd'])
  assert.deepEqual(terminal.text, ['ab', 'cd', ''])
})

test('LiveScreen hides the cursor from the first draw to close', () => {
  const { terminal, screen } = open()
  assert.ok(terminal.isCursorShown)
  screen.draw(['1'])
  assert.ok(!terminal.isCursorShown)
  screen.close()
  assert.ok(terminal.isCursorShown)
})

test('LiveScreen.close leaves the last lines and the cursor below them', () => {
  const { terminal, screen } = open()
  screen.draw(['1', '2'])
  screen.close()
  terminal.write('done')
  assert.deepEqual(terminal.text, ['1', '2', 'done'])
  assert.equal(terminal.cursorRow, 2)
})

test('LiveScreen.close without a draw writes nothing', () => {
  const written: string[] = []
  const stream = { isTTY: true, write: (text: string) => written.push(text) }
  new LiveScreen(stream, new EventEmitter()).close()
  assert.deepEqual(written, [])
})

test('LiveScreen.draw after close does nothing, nor does a second close', () => {
  const { terminal, screen } = open()
  screen.draw(['1'])
  screen.close()
  terminal.write('\x1b[?25l')
  screen.draw(['2'])
  screen.close()
  assert.deepEqual(terminal.text, ['1', ''])
  assert.ok(!terminal.isCursorShown)
})

test('LiveScreen gives the cursor back when the process exits', () => {
  const { terminal, host, screen } = open()
  screen.draw(['1'])
  host.emit('exit')
  assert.ok(terminal.isCursorShown)
})

test('LiveScreen listens for the exit only while the cursor is hidden', () => {
  const { host, screen } = open()
  assert.equal(host.listenerCount('exit'), 0)
  screen.draw(['1'])
  screen.draw(['2'])
  assert.equal(host.listenerCount('exit'), 1)
  screen.close()
  assert.equal(host.listenerCount('exit'), 0)
})

test('LiveScreen refuses a stream that is no terminal', () => {
  const stream = { write: () => true }
  assert.throws(() => new LiveScreen(stream, new EventEmitter()), TypeError)
})

test('LiveScreen takes 80 by 24 where the terminal does not tell', () => {
  const screen = new LiveScreen({ isTTY: true, columns: 0, write: () => true }, new EventEmitter())
  assert.deepEqual([screen.columns, screen.rows], [80, 23])
})

test('LiveScreen takes the size of the smallest terminal as it is', () => {
  const terminal = new FakeTerminal({ columns: 1, rows: 1 })
  const screen = new LiveScreen(terminal, new EventEmitter())
  assert.deepEqual([screen.columns, screen.rows], [1, 1])
})
