import { snapshot, type BufferSnapshot } from '../core/snapshot.js'
import { drainDeferred } from '../core/deferred.js'
import { ContractError } from './contract.js'

/**
 * Expects that buffers which are made from now on are gone, and handles that were taken are closed, when the
 * result is disposed.
 *
 * @throws {ContractError} from the disposer, naming what was left
 */
export function assertNoLeaks(): Disposable {
  const before = new Map(snapshot().buffers.map((buffer) => [buffer.inode, buffer]))
  return {
    [Symbol.dispose]() {
      drainDeferred()
      const left = snapshot().buffers.filter((buffer) => isLeft(buffer, before.get(buffer.inode)))
      if (left.length === 0) return
      const lines = left.map(
        ({ name, inode, exporterName, references, devices }) =>
          `- ${name ?? inode} of ${exporterName}: ${references} references, ${devices.length} devices attached`,
      )
      throw new ContractError(`Buffers were left open:\n${lines.join('\n')}`)
    },
  }
}

function isLeft(now: BufferSnapshot, before: BufferSnapshot | undefined): boolean {
  if (before === undefined) return true
  return now.references > before.references || now.devices.length > before.devices.length
}
