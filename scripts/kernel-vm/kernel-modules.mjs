// The modules of an unpacked kernel: where they are, and what each needs loaded before.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { command } from './apt.mjs'

const SUFFIX = /\.ko(\.xz)?$/

/** Module names are written with either; the kernel takes them for the same. */
const normal = (name) => name.replaceAll('-', '_')

/** Names of the modules that an object file says it needs, from its `.modinfo`. */
export function dependencies(bytes) {
  const key = Buffer.from('\0depends=')
  const start = bytes.indexOf(key)
  if (start < 0) return []
  const from = start + key.length
  const text = bytes.toString('latin1', from, bytes.indexOf(0, from))
  return text === '' ? [] : text.split(',').map(normal)
}

/** Modules under a folder, read and unpacked one by one as they are needed. */
export class ModuleTree {
  #paths = new Map()
  #xz

  /** @param xz - the program that unpacks */
  constructor(folder, xz) {
    this.#xz = xz
    for (const name of readdirSync(folder, { recursive: true })) {
      if (!SUFFIX.test(name)) continue
      const base = name.split('/').at(-1).replace(SUFFIX, '')
      this.#paths.set(normal(base), join(folder, name))
    }
  }

  /** Adds to `into`, a Map, a module and what it needs, in the order in which they load. */
  collect(name, into) {
    if (into.has(name)) return
    const bytes = this.#read(name)
    // What is built into the kernel has no file.
    if (bytes === undefined) return
    for (const needed of dependencies(bytes)) this.collect(needed, into)
    into.set(name, bytes)
  }

  #read(name) {
    const path = this.#paths.get(name)
    if (path === undefined) return undefined
    if (!path.endsWith('.xz')) return readFileSync(path)
    return Buffer.from(command(this.#xz, ['-dc', path], { encoding: 'buffer' }))
  }
}
