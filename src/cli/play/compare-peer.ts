// The other process of compare.ts: says how long each frame took to arrive.
import { connectFrames } from '../../linux/index.js'

function answer(sinceNs: bigint): void {
  process.send?.({ us: Number(process.hrtime.bigint() - sinceNs) / 1000 })
}

async function main(socket: string): Promise<void> {
  process.on('message', (message: { atNs: bigint; picture: Uint8Array }) => {
    answer(message.atNs)
  })
  await using frames = await connectFrames(socket)
  process.send?.({ us: 0 })
  for await (using frame of frames) answer(BigInt(frame.timestampNs))
}

main(process.argv[2] ?? '').then(
  () => {
    process.disconnect()
  },
  () => {
    process.exit(1)
  },
)
