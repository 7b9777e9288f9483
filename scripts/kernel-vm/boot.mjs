// Boots a kernel under QEMU with this machine's root below it, and runs one command there as root.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initrd } from './initrd.mjs'
import { qemuEnvironment } from './packages.mjs'

const CONSOLE_LINES = 20
const APPEND =
  'console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off tsc=reliable random.trust_cpu=on'

/** By what runs the instructions. The clock of `count` does not go on by itself: each of them is a nanosecond. */
export const PROCESSORS = {
  kvm: ['-accel', 'kvm', '-cpu', 'host', '-smp', '2'],
  tcg: ['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2'],
  count: [
    '-accel',
    'tcg,thread=single',
    '-cpu',
    'max',
    '-icount',
    'shift=0,sleep=off',
    '-smp',
    '1',
  ],
}

/**
 * Runs a command in a VM. Its output goes to stdout and stderr of ours.
 *
 * What the command leaves in /job is in `job` afterwards; all else that it writes is lost. QEMU ends with this
 * process, whatever ends it.
 *
 * @param parts - the folders of QEMU and the kernel
 * @param options.command - for /bin/sh
 * @param options.modules - what is loaded before, in order
 * @param options.accel - one of PROCESSORS
 * @param options.extra - more words for the kernel's command line
 * @returns `{ status, death }`: the command's status, or how the VM ended without one
 */
export async function boot(parts, job, options) {
  const { command, timeoutSeconds } = options
  writeFileSync(join(job, 'cmd'), `${command}\n`)
  writeFileSync(join(job, 'initrd'), initrd(parts))
  const ports = await Promise.all([
    listen(job, 'out', options.stdout ?? process.stdout),
    listen(job, 'err', options.stderr ?? process.stderr),
  ])
  try {
    const ended = await run(parts.qemu, qemuArguments(parts, job, options), timeoutSeconds)
    await Promise.all(ports.map((port) => port.done()))
    const file = join(job, 'status')
    if (existsSync(file)) return { status: Number(readFileSync(file, 'utf8')) }
    return { death: `${ended}\n${consoleEnd(job)}` }
  } finally {
    for (const port of ports) port.close()
  }
}

/** A folder that the VM has as /job, given to `use` and removed after. */
export async function withJob(use) {
  const job = mkdtempSync(join(tmpdir(), 'kernel-vm-'))
  try {
    return await use(job)
  } finally {
    rmSync(job, { recursive: true, force: true })
  }
}

function qemuArguments(parts, job, { accel, memoryMiB, modules, extra = '' }) {
  const share = (tag, path, mode) => [
    ['-fsdev', `local,id=${tag},path=${path},security_model=none,multidevs=remap${mode}`],
    ['-device', `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`],
  ]
  const port = (name) => [
    ['-chardev', `socket,id=${name},path=${join(job, name)}`],
    ['-device', `virtserialport,chardev=${name},name=${name}`],
  ]
  return [
    ['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-machine', 'q35'],
    PROCESSORS[accel],
    ['-m', String(memoryMiB)],
    ['-L', join(parts.qemu, 'usr/share/qemu'), '-L', join(parts.qemu, 'usr/share/seabios')],
    ['-kernel', join(parts.kernel, 'vmlinuz'), '-initrd', join(job, 'initrd')],
    ['-append', `${APPEND} vm.modules=${modules.join(',')} ${extra}`],
    ['-serial', `file:${join(job, 'console')}`],
    ['-device', 'virtio-serial-pci,max_ports=4', ...port('out').flat(), ...port('err').flat()],
    ['-device', 'isa-debug-exit,iobase=0x501,iosize=1'],
    // A display that nobody looks at: its driver has syncobjs, which vgem has not.
    ['-device', 'virtio-gpu-pci'],
    ...share('root', '/', ',readonly=on'),
    ...share('job', job, ''),
  ].flat()
}

/** @returns how QEMU ended, in words */
function run(qemu, args, timeoutSeconds) {
  const binary = join(qemu, 'usr/bin/qemu-system-x86_64')
  // setpriv: QEMU goes when this process goes, also where nothing of it runs any more.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', binary, ...args], {
    env: qemuEnvironment(qemu),
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    child.kill('SIGKILL')
  }, timeoutSeconds * 1000)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (status, signal) => {
      clearTimeout(timer)
      resolve(isLate ? `not done after ${timeoutSeconds} s` : `QEMU ended with ${status ?? signal}`)
    })
  })
}

/** The host's end of a serial port: what comes goes on to `to`. */
async function listen(job, name, to) {
  const server = createServer()
  await new Promise((resolve) => server.listen(join(job, name), resolve))
  let finished = Promise.resolve()
  server.once('connection', (socket) => {
    finished = new Promise((resolve) => socket.once('close', resolve))
    socket.pipe(to, { end: false })
  })
  return { done: () => finished, close: () => server.close() }
}

function consoleEnd(job) {
  const file = join(job, 'console')
  const text = existsSync(file) ? readFileSync(file, 'latin1') : ''
  const lines = text.split(/\r?\n/).filter((line) => line !== '')
  if (lines.length === 0) return 'The console is empty.'
  return ['The end of the console:', ...lines.slice(-CONSOLE_LINES)].join('\n')
}
