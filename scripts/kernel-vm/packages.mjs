// QEMU from the machine's own release of Debian, the kernel from the release that has Linux 6.12.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { Apt, command, releaseName, sourcesOf } from './apt.mjs'
import { cacheFolder, keyOf, part, replaceFile } from './cache.mjs'
import { ModuleTree } from './kernel-modules.mjs'
import { say, Unavailable } from './unavailable.mjs'

export const KERNEL_RELEASE = 'trixie'
const KERNEL = 'linux-image-amd64'
const ROOTS = ['qemu-system-x86', 'busybox-static']
/** Of these an installed copy does not help: all of it has to be in the cache. */
const isOurs = (name) => /^(qemu-|seabios$|ipxe-qemu$|busybox)/.test(name)
/** Lists of modules by the name under which the VM loads them. */
const MODULES = {
  overlay: ['overlay'],
  '9p': ['9pnet_virtio', '9p'],
  vgem: ['vgem'],
  vivid: ['vivid'],
  virtio_gpu: ['virtio_gpu'],
}
const LIBRARIES = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu']

/**
 * Everything that a VM is made of, from the cache or fetched.
 *
 * @param options.update - fetch what is newest, whatever is there
 * @returns `{ qemu, kernel }`, both folders
 * @throws {Unavailable} where packages cannot be had
 */
export async function packages({ update = false } = {}) {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Unavailable(
      `it needs Linux on x86-64, this is ${process.platform} on ${process.arch}`,
    )
  mkdirSync(cacheFolder(), { recursive: true })
  const chosen = join(
    cacheFolder(),
    `parts-${keyOf(releaseName(), KERNEL_RELEASE, ROOTS, MODULES)}.json`,
  )
  const known = update ? undefined : chosenParts(chosen)
  if (known !== undefined) return known
  const fetched = await fetchAll()
  const names = Object.entries(fetched).map(([part, folder]) => [part, basename(folder)])
  replaceFile(chosen, `${JSON.stringify(Object.fromEntries(names))}\n`)
  return fetched
}

/** What was fetched last, where all of it is still there. */
function chosenParts(file) {
  if (!existsSync(file)) return undefined
  const { qemu, kernel } = JSON.parse(readFileSync(file, 'utf8'))
  const parts = { qemu: join(cacheFolder(), qemu), kernel: join(cacheFolder(), kernel) }
  return Object.values(parts).every((folder) => existsSync(folder)) ? parts : undefined
}

async function fetchAll() {
  if (!existsSync('/var/lib/dpkg/status')) throw new Unavailable('this machine has no dpkg and apt')
  const work = join(cacheFolder(), `.unfinished-apt-${process.pid}`)
  try {
    say('reading lists of packages')
    const own = ownApt(work)
    const roots = existsSync('/usr/bin/xz') ? ROOTS : [...ROOTS, 'xz-utils']
    const qemu = await qemuPart(own, own.missing(roots), work)
    return { qemu, kernel: await kernelPart(newerApt(work, own), qemu, work) }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** The machine's own release. */
function ownApt(work) {
  const apt = new Apt(join(work, 'own'), { hidden: isOurs })
  apt.update()
  // Says so where there are no lists, before a package is missed.
  apt.archive(releaseName())
  return apt
}

/** The release that the kernel is of, from where the machine has its own. */
export function newerApt(work, own = ownApt(work)) {
  const archive = own.archive(releaseName())
  const apt = new Apt(join(work, 'newer'), { sources: sourcesOf(archive, KERNEL_RELEASE) })
  apt.update()
  return apt
}

function qemuPart(apt, names, work) {
  return part(`qemu-${keyOf(names.toSorted())}`, (folder) => {
    say(`fetching QEMU: ${names.length} packages`)
    const debs = join(work, 'qemu')
    apt.download(names, debs)
    unpackAll(debs, folder)
    // It has to find all its libraries, here or in what was fetched.
    command(join(folder, 'usr/bin/qemu-system-x86_64'), ['--version'], {
      env: qemuEnvironment(folder),
    })
  })
}

function kernelPart(apt, qemu, work) {
  const name = apt.dependency(KERNEL, 'linux-image-6\\.')
  const version = apt.version(name)
  return part(`${name}-${keyOf(version, MODULES)}`, (folder) => {
    say(`fetching ${name}: some 110 MB`)
    const debs = join(work, 'kernel')
    apt.download([name], debs)
    const unpacked = join(work, 'linux')
    unpackAll(debs, unpacked)
    const image = readdirSync(join(unpacked, 'boot')).find((file) => file.startsWith('vmlinuz'))
    renameSync(join(unpacked, 'boot', image), join(folder, 'vmlinuz'))
    keepModules(join(unpacked, 'usr/lib/modules'), qemu, join(folder, 'modules'))
  })
}

function keepModules(from, qemu, to) {
  mkdirSync(to)
  const fetchedXz = join(qemu, 'usr/bin/xz')
  const tree = new ModuleTree(from, existsSync(fetchedXz) ? fetchedXz : 'xz')
  for (const [list, names] of Object.entries(MODULES)) {
    const files = new Map()
    for (const name of names) tree.collect(name, files)
    for (const [name, bytes] of files) writeFileSync(join(to, `${name}.ko`), bytes)
    writeFileSync(
      join(to, `${list}.list`),
      [...files.keys()].map((name) => `${name}.ko\n`).join(''),
    )
  }
}

/** Unpacks packages and removes them. */
export function unpackAll(debs, folder) {
  mkdirSync(folder, { recursive: true })
  for (const deb of readdirSync(debs)) {
    command('dpkg-deb', ['--extract', join(debs, deb), folder])
    rmSync(join(debs, deb))
  }
}

/** What QEMU needs to find where it was unpacked and not installed. */
export function qemuEnvironment(folder) {
  return {
    ...process.env,
    LD_LIBRARY_PATH: LIBRARIES.map((library) => join(folder, library)).join(':'),
    QEMU_MODULE_DIR: join(folder, LIBRARIES[0], 'qemu'),
  }
}
