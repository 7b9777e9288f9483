import { Random } from '../../tests/helpers/random.js'
import { within, type Fuzzer, type Process, type Target } from '../fuzzer.js'

const MOST_MS = 30_000

/** What an honest program may be told; of what is no port, a TypeError. */
const FINE = /^(|E(?!RR_)[A-Z0-9]+)$/
const NO_PORT = /^TypeError: (Open what queue.port|Port is|A port is)/

let host: Process

/** A queue and its reader, and readers of queues, in a process with a thread that does not mean well. */
export const ports: Target = {
  name: 'ports',
  about: 'queues between threads, of which one attacks the other end of a port',
  open: async (fuzzer) => {
    host = await fuzzer.startHonest()
  },
  attack,
}

async function attack(fuzzer: Fuzzer, seed: number): Promise<readonly string[]> {
  const isOpener = new Random(seed ^ 3).chance(0.4)
  const visiting = isOpener
    ? host.run((_, s) => honest.openOfThread(s), seed)
    : host.run((_, s) => honest.shareWithThread(s), seed)
  const { code, message, violations } = await within('a queue between threads', MOST_MS, visiting)
  const wrong = [...violations]
  const isNoPort = isOpener && NO_PORT.test(message)
  if (!isNoPort && !FINE.test(code)) wrong.push(`a program was told ${code}: ${message}`)
  const reason = isNoPort ? '' : message
  const kind = isNoPort ? 'TypeError' : code === '' ? 'none' : code
  return [...wrong, ...fuzzer.judge({ code: kind, reason })]
}
