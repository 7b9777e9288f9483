// Goal: whoever knows a name of the kernel finds ours.
// Method: compares the tables of docs/kernel-names.md with the kernel's names and with our sources.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { declaredNames } from './helpers/declared-names.js'
import { textOf } from './helpers/source-tree.js'

interface Row {
  readonly kernel: string
  readonly ours: readonly string[]
  /** The file, or why there is no counterpart. */
  readonly where: string
}

const rows: readonly Row[] = [
  ...textOf('docs/kernel-names.md').matchAll(/^\| ([^ |]+) \| (.+?) \| (.+) \|$/gm),
]
  .map(([, kernel = '', ours = '', where = '']) => ({
    kernel,
    ours: [...ours.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
    where,
  }))
  .filter(({ kernel }) => kernel !== 'kernel')

const missing = (names: readonly string[]): readonly string[] => {
  const known = new Set(rows.map(({ kernel }) => kernel))
  return names.filter((name) => !known.has(name))
}

/** `prefix('a_', 'b c(d e)')` is a_b, a_c, a_cd, a_ce. */
function prefix(start: string, list: string): readonly string[] {
  return list.split(' ').flatMap((word) => {
    const [, stem = '', ends] = /^([^(]*)(?:\(([^)]*)\))?$/.exec(word) ?? []
    return [stem, ...(ends?.split('|').map((end) => stem + end) ?? [])].map((name) => start + name)
  })
}

test('Every row names what its file has', () => {
  const files = new Map<string, ReadonlySet<string>>()
  const namesIn = (path: string): ReadonlySet<string> => {
    const names = files.get(path) ?? declaredNames(path)
    files.set(path, names)
    return names
  }
  const absent = rows
    .filter(({ ours }) => ours.length > 0)
    .flatMap(({ kernel, ours, where }) => {
      const names = namesIn(where)
      return ours
        .filter((name) => !names.has(name))
        .map((name) => `${kernel}: no ${name} in ${where}`)
    })
  assert.deepEqual(absent, [])
})

test('A row without counterpart says why', () => {
  const silent = rows.filter(({ ours, where }) => ours.length === 0 && where.length < 10)
  assert.deepEqual(silent, [])
})

test('No name stands twice', () => {
  const names = rows.map(({ kernel }) => kernel)
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  )
})

test('Every function of buffers is in the table [API-1]', () => {
  const functions = 'export fd get put mmap begin_cpu_access end_cpu_access is_dynamic'
  const maps = 'vmap(_unlocked) vunmap(_unlocked) iter_begin iter_next'
  const names = [...prefix('dma_buf_', `${functions} ${maps}`), 'get_dma_buf']
  assert.deepEqual(missing(names), [])
})

test('Every function of attachments is in the table [API-2]', () => {
  const functions = 'attach dynamic_attach detach pin unpin move_notify attachment_is_dynamic'
  const maps = 'map_attachment(_unlocked) unmap_attachment(_unlocked)'
  assert.deepEqual(missing(prefix('dma_buf_', `${functions} ${maps}`)), [])
})

test('Every function of fences is in the table [API-3]', () => {
  const life = 'init get get_rcu put release free context_alloc get_stub allocate_private_stub'
  const signal = 'signal(_locked|_timestamp|_timestamp_locked) is_signaled(_locked)'
  const wait = 'enable_sw_signaling add_callback remove_callback wait(_timeout) default_wait'
  const state = 'wait_any_timeout set_error get_status(_locked) timestamp set_deadline describe'
  const order = 'is_later(_or_same) later begin_signalling end_signalling is_array is_chain'
  const names = prefix('dma_fence_', `${life} ${signal} ${wait} ${state} ${order} is_container`)
  assert.deepEqual(missing(names), [])
})

test('Every function of containers is in the table [API-4]', () => {
  const names = [
    ...prefix('dma_fence_array_', 'alloc init create first next'),
    ...prefix('dma_fence_chain_', 'alloc free init walk find_seqno contained'),
    ...prefix('dma_fence_unwrap_', 'first next merge'),
    'dma_fence_match_context',
  ]
  assert.deepEqual(missing(names), [])
})

test('Every function of reservations is in the table [API-5]', () => {
  const locks = 'init fini lock(_interruptible|_slow|_slow_interruptible) trylock is_locked'
  const more = 'locking_ctx unlock reserve_fences add_fence replace_fences iter_begin'
  const iter = 'iter_first(_unlocked) iter_next(_unlocked) iter_end iter_usage iter_is_restarted'
  const ask = 'copy_fences get_fences get_singleton wait_timeout set_deadline test_signaled'
  const rest = 'describe usage_rw reset_max_fences'
  assert.deepEqual(missing(prefix('dma_resv_', `${locks} ${more} ${iter} ${ask} ${rest}`)), [])
})

test('Every function of sync files, heaps and locks is in the table [API-6]', () => {
  const names = [
    ...prefix('sync_file_', 'create get_fence get_name'),
    ...prefix('dma_heap_', 'add get_drvdata get_name'),
    ...prefix('ww_acquire_', 'init done fini'),
    ...prefix('ww_mutex_', 'lock(_interruptible|_slow|_slow_interruptible) trylock unlock'),
    'ww_mutex_is_locked',
  ]
  assert.deepEqual(missing(names), [])
})
