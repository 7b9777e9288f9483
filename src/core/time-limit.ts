import { host, type WaitOptions } from './host.js'

/**
 * Options for each of several waits that share one time.
 *
 * @returns what is left of it, in whole milliseconds: the message of a timeout names them
 */
export function limitTime<T extends WaitOptions>(options: T): () => T {
  const { timeoutMs } = options
  if (timeoutMs === undefined) return () => options
  const endNs = host().nowNs() + timeoutMs * 1e6
  return () => ({ ...options, timeoutMs: Math.max(0, Math.ceil((endNs - host().nowNs()) / 1e6)) })
}
