// The first root file system of the VM: busybox, the modules, and init.sh.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cpio, file, folder, link } from './cpio.mjs'

/** @param parts - the folders of QEMU, which has busybox, and of the kernel, which may have modules */
export function initrd({ qemu, kernel }) {
  const busybox = join(qemu, 'bin/busybox')
  const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n')
  const modules = join(kernel, 'modules')
  const files = existsSync(modules) ? readdirSync(modules) : []
  return cpio([
    ...['bin', 'dev', 'modules', 'proc', 'sys'].map(folder),
    file('init', readFileSync(join(import.meta.dirname, 'init.sh')), 0o755),
    file('bin/busybox', readFileSync(busybox), 0o755),
    ...applets.filter((name) => name !== 'busybox').map((name) => link(`bin/${name}`, 'busybox')),
    ...files.map((name) => file(`modules/${name}`, readFileSync(join(modules, name)))),
  ])
}
