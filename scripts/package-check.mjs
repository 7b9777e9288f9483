// What other people's tools will find in the tarball: publint, and attw for how its types resolve.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const ROOT = dirname(import.meta.dirname)

function tool(name, args) {
  return spawnSync(join(ROOT, 'node_modules/.bin', name), args, { cwd: ROOT, stdio: 'inherit' })
    .status
}

const folder = mkdtempSync(join(tmpdir(), 'dmabuf-package-'))
try {
  const args = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder]
  const name = execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8' }).trim().split('\n').pop()
  const tarball = join(folder, name)
  const statuses = [
    tool('publint', ['run', tarball, '--strict']),
    // The package is ESM only: what CommonJS type resolution thinks of it is not a defect.
    tool('attw', [tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-emoji']),
  ]
  process.exitCode = statuses.every((status) => status === 0) ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
