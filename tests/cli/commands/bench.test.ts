// Goal: whoever has installed the package can measure their own machine.
// Method: the real command, with what it does without measuring; and one short group.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../../helpers/leaks.js'
import { runDmabuf, scratchFolder, startDmabuf } from '../../helpers/dmabuf-command.js'

/** As --json prints it: one call of the kernel, by C and by this package. */
const RESULTS = {
  machine: { cores: 2, kernel: 'Linux 6.12', node: 'Node 20.20', load: 0 },
  seconds: 1,
  measurements: ['dmabuf', 'C'].map((column, index) => ({
    id: column,
    what: column,
    unit: 'us',
    oneCore: { median: 10 ** index, low: 1, high: 10 },
    detail: '',
    cell: { table: 'Calls of the kernel', row: 'SYNC', column, chart: 'dots' },
  })),
}

test('dmabuf bench --help names its options and groups, the kernel’s among them', async () => {
  using folder = scratchFolder()
  const { code, stdout } = await runDmabuf(['bench', '--help'], folder.path)
  assert.equal(code, 0)
  for (const word of ['--quick', '--json', '--chart FILE', 'kernel-access', 'kernel-allocations'])
    assert.ok(stdout.includes(word), word)
})

test('dmabuf bench exits with 2 where no group has the name', async () => {
  using folder = scratchFolder()
  assert.equal((await runDmabuf(['bench', '--filter', 'nothing'], folder.path)).code, 2)
})

for (const [args, said, code] of [
  [['--nope'], /Unknown option '--nope'/, 2],
  [['extra'], /Unexpected argument 'extra'/, 2],
  [['--filter'], /--filter/, 2],
  [['--from', 'missing.json'], /ENOENT.*missing\.json/, 1],
  [['--from', 'other.json'], /other\.json is not what bench --json prints/, 1],
  [['--from', 'no.json'], /no\.json is not what bench --json prints/, 1],
  [['--chart', 'missing/chart.svg'], /ENOENT.*missing/, 1],
] as const)
  test(`dmabuf bench ${args.join(' ')} says what is wrong in a line, before it measures`, async () => {
    using folder = scratchFolder()
    writeFileSync(join(folder.path, 'other.json'), '{}')
    writeFileSync(join(folder.path, 'no.json'), '<')
    const ended = await runDmabuf(['bench', ...args], folder.path)
    assert.equal(ended.code, code)
    assert.match(ended.stderr, said)
    assert.equal(ended.stderr.trim().split('\n').length, 1, ended.stderr)
  })

test('dmabuf bench --from prints a table and draws a chart of what was measured before', async () => {
  using folder = scratchFolder()
  writeFileSync(join(folder.path, 'results.json'), JSON.stringify(RESULTS))
  const args = ['bench', '--from', 'results.json', '--chart', 'chart.svg', '--markdown']
  const { code, stdout, stderr } = await runDmabuf(args, folder.path)
  assert.equal(code, 0, stderr)
  assert.match(stdout, /\| SYNC \| 1\.0 \| 10\.0 \|/)
  const chart = readFileSync(join(folder.path, 'chart.svg'), 'utf8')
  assert.match(chart, /^<svg /)
  assert.equal(chart.match(/<circle [^>]*cy="85\.0"/g)?.length, 2)
})

test('dmabuf bench: what needs a C compiler says that there is none, and the run goes on', async () => {
  using folder = scratchFolder()
  const args = ['bench', '--quick', '--json', '--filter', 'kernel']
  const { ended } = startDmabuf(args, folder.path, undefined, { CC: '/nonexistent/cc' })
  const { code, stdout, stderr } = await ended
  assert.equal(code, 0, stderr)
  const { measurements } = JSON.parse(stdout) as { measurements: { id: string; detail: string }[] }
  assert.deepEqual(
    measurements.map(({ id }) => id),
    ['kernel-access', 'kernel-fences', 'kernel-allocations', 'kernel-handoffs'],
  )
  for (const { detail } of measurements) assert.match(detail, /no compiler/)
})

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)
  test(`dmabuf bench that gets ${signal} by itself ends what it has started`, async () => {
    using folder = scratchFolder()
    const bench = startDmabuf(['bench', '--quick', '--filter', 'handoffs'], folder.path)
    const main = bench.child.pid!
    const children = (pid: number): number[] =>
      readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
        .split(' ')
        .map(Number)
        .filter(Boolean)
    await until(() => children(main).some((pid) => children(pid).length > 0))
    const [measuring] = children(main)
    process.kill(main, signal)
    assert.equal((await bench.ended).code, code)
    assert.equal(isAlive(measuring!), false)
  })

/** Not a zombie either, which nobody has waited for. */
function isAlive(pid: number): boolean {
  const path = `/proc/${pid}/stat`
  return existsSync(path) && !/\) [ZX]/.test(readFileSync(path, 'utf8'))
}
