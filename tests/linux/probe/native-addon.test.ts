// Goal: without the native part the answer says so, and how to get it; nothing is thrown.
// Method: this process, and one whose addon is somewhere else.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { probeNativeAddon } from '#src/linux/probe/native-addon.js'

test('probeNativeAddon finds the addon of this machine', () => {
  const { reason, detail } = probeNativeAddon()
  assert.equal(reason, undefined)
  assert.match(detail, new RegExp(`^linux-${process.arch}, Node ${process.versions.node}$`))
})

test('probeNativeAddon: one that cannot be loaded is a reason with a fix', () => {
  const module = JSON.stringify(import.meta.resolve('#src/linux/probe/native-addon.js'))
  const program = `const { probeNativeAddon } = await import(${module}); console.log(JSON.stringify(probeNativeAddon()))`
  const env = { ...process.env, DMABUF_NATIVE: '/nonexistent.node' }
  const args = ['--input-type=module', '--eval', program]
  const finding = JSON.parse(execFileSync(process.execPath, args, { env, encoding: 'utf8' })) as {
    reason: string
    fix: string
  }
  assert.match(finding.reason, /could not be loaded/)
  assert.match(finding.fix, /build:native/)
})
