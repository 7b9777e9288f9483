// Goal: what is cut to a width fits it, and text of strangers can do nothing but be read.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fitText, visibleWidth } from '#src/cli/screen/visible-text.js'

for (const [text, columns] of [
  ['', 0],
  ['abc', 3],
  ['\x1b[31mred\x1b[0m', 3],
  ['\x1b[38;2;1;2;3m▀', 1],
  ['äöü', 3],
  ['a\u0308', 1],
  ['\u200b', 0],
  ['日本', 4],
  ['한글', 4],
  ['🌍', 2],
  ['a\tb\n', 2],
  ['\x1b]0;title\x07', 0],
] as const) {
  test(`visibleWidth of ${JSON.stringify(text)} is ${columns}`, () => {
    assert.equal(visibleWidth(text), columns)
  })
}

test('fitText leaves a text that fits as it is', () => {
  assert.equal(fitText('abc', 3).text, 'abc')
})

test('fitText cuts one column too many', () => {
  assert.equal(fitText('abcd', 3).text, 'abc')
})

test('fitText tells how many columns it used', () => {
  assert.equal(fitText('\x1b[31mabcd\x1b[0m', 3).columns, 3)
  assert.equal(fitText('日本', 3).columns, 2)
})

test('fitText to no column leaves nothing', () => {
  assert.equal(fitText('abcd', 0).text, '')
})

test('fitText keeps every form of colour', () => {
  const text = '\x1b[0;38:2:9m\x1b[47ma\x1b[m'
  assert.equal(fitText(text, 3).text, text)
})

test('fitText ends colour where it cuts', () => {
  assert.equal(fitText('\x1b[31mabcd\x1b[0m', 3).text, '\x1b[31mabc\x1b[0m')
})

test('fitText ends colour that the text leaves on', () => {
  assert.equal(fitText('\x1b[1mab', 3).text, '\x1b[1mab\x1b[0m')
})

test('fitText keeps a reset that stands right behind the last column', () => {
  assert.equal(fitText('\x1b[31mabc\x1b[0m', 3).text, '\x1b[31mabc\x1b[0m')
})

test('fitText adds no reset behind a reset', () => {
  assert.equal(fitText('\x1b[31mabc\x1b[m', 9).text, '\x1b[31mabc\x1b[m')
})

test('fitText does not cut a wide character in half', () => {
  assert.equal(fitText('日本', 3).text, '日')
})

test('fitText keeps an accent with its letter', () => {
  assert.equal(fitText('a\u0308b', 1).text, 'a\u0308')
})

for (const [name, text, expected] of [
  ['line ends', 'a\r\nb', 'ab'],
  ['cursor movement', 'a\x1b[5Ab', 'ab'],
  ['erasing', 'a\x1b[2Jb', 'ab'],
  ['private modes', 'a\x1b[?1049hb', 'ab'],
  ['a title', '\x1b]0;hello\x07x', 'x'],
  ['a link', '\x1b]8;;http://x\x1b\\x', 'x'],
  ['a title without end', '\x1b]0;hello', '0;hello'],
  ['a sequence without end', 'a\x1b[12', 'a[12'],
  ['a lone escape', 'a\x1b', 'a'],
  ['a change of direction', 'a\u202eb\u2066', 'ab'],
  ['8 bit controls', 'a\x9b2Jb', 'a2Jb'],
] as const) {
  test(`fitText makes ${name} harmless`, () => {
    assert.equal(fitText(text, 80).text, expected)
  })
}
