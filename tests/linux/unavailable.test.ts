// Goal: a bundle for a place without Node links and fails only where it is used, with one typed error.
// Method: compares the names of both modules, then calls every one of the stand-ins.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as linux from '#src/linux/index.js'
import * as unavailable from '#src/linux/unavailable.js'

const expected = { name: 'DmaBufError', code: 'ERR_DMABUF_NATIVE_UNAVAILABLE' }

type AnyFunction = (this: void, ...args: unknown[]) => unknown

function isClass(value: unknown): boolean {
  return typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value))
}

test('unavailable exports the names of dmabuf/linux', () => {
  assert.deepEqual(Object.keys(unavailable).sort(), Object.keys(linux).sort())
})

test('unavailable exports classes where dmabuf/linux does, and functions elsewhere', () => {
  const standIns = new Map<string, unknown>(Object.entries(unavailable))
  for (const [name, value] of Object.entries(linux)) {
    assert.equal(typeof standIns.get(name), typeof value, name)
    assert.equal(isClass(standIns.get(name)), isClass(value), name)
  }
})

test('every function of unavailable throws ERR_DMABUF_NATIVE_UNAVAILABLE', () => {
  const functions = Object.entries(unavailable).filter(([, value]) => !isClass(value))
  assert.ok(functions.length > 0)
  for (const [name, standIn] of functions) {
    assert.throws(() => (standIn as AnyFunction)(), expected, name)
  }
})

test('every class of unavailable throws when made, and so do its static methods', () => {
  const classes = Object.entries(unavailable).filter(([, value]) => isClass(value))
  const originals = new Map<string, unknown>(Object.entries(linux))
  for (const [name, value] of classes) {
    const standIn = value as unknown as { new (): unknown; [name: string]: unknown }
    assert.throws(() => new standIn(), expected, name)
    const original = originals.get(name) as object
    for (const method of Object.getOwnPropertyNames(original)) {
      if (typeof Reflect.get(original, method) !== 'function') continue
      assert.throws(() => (standIn[method] as AnyFunction)(), expected, `${name}.${method}`)
    }
  }
})

test('package.json gives unavailable to whoever lacks the condition node, and names types first', () => {
  const path = new URL('../../../package.json', import.meta.url)
  const { exports } = JSON.parse(readFileSync(path, 'utf8')) as {
    exports: Record<string, Record<string, Record<string, string>>>
  }
  const linuxExport = exports['./linux'] ?? {}
  assert.deepEqual(Object.keys(linuxExport), ['node', 'default'])
  assert.equal(linuxExport['node']?.['default'], './dist/linux/index.js')
  assert.equal(linuxExport['default']?.['default'], './dist/linux/unavailable.js')
  for (const condition of Object.values(linuxExport)) {
    assert.equal(Object.keys(condition)[0], 'types')
  }
})
