// Whether KVM is to be had. That its node opens says little: inside of some VMs it does, and then stops at the first
// instruction that it cannot emulate. So it is tried.
import { accessSync, constants, readFileSync } from 'node:fs'
import { boot, withJob } from './boot.mjs'

const TRIAL_SECONDS = 10

function looksPossible() {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK)
  } catch {
    return false
  }
  return /^flags\s.*\b(vmx|svm)\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'))
}

/** @returns `kvm` where a kernel boots with it, else `tcg`: QEMU's own emulation */
export async function accelerator(parts) {
  if (!looksPossible()) return 'tcg'
  const trial = {
    command: 'true',
    accel: 'kvm',
    memoryMiB: 512,
    modules: [],
    timeoutSeconds: TRIAL_SECONDS,
  }
  const { status } = await withJob((job) => boot(parts, job, trial))
  return status === 0 ? 'kvm' : 'tcg'
}
