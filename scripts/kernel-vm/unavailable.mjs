/** What the VM is made of cannot be had on this machine: the tests are skipped, not failed. */
export class Unavailable extends Error {}

/** Says on stderr what is going on, where a person looks; stdout is the tests'. */
export function say(text) {
  process.stderr.write(`kernel-vm: ${text}\n`)
}
