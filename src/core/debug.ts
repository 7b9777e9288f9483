/** What can be switched on to find mistakes; all of it costs time, so all of it is off. @rule C-6 */
export interface DebugOptions {
  /** Remember where fences and attachments were made and accesses ended. */
  readonly stacks: boolean
  /** Check how acquire contexts are used. @kernel DEBUG_WW_MUTEXES @rule WW-19 */
  readonly lockChecks: boolean
  /** Scramble the CPU side of mapped tables: importers must not look at it. @kernel DMABUF_DEBUG @rule ATT-19 */
  readonly mangleLinks: boolean
  /** The same for the tables of dynamic importers only. @rule PROP-15 */
  readonly mangleDynamicLinks: boolean
  /** Report tables whose addresses or lengths are not whole pages. @kernel DMA_API_DEBUG @rule ATT-20 */
  readonly reportAlignment: boolean
  /** Trust dynamic importers: no pin around their mappings. @kernel DMABUF_MOVE_NOTIFY @rule ATT-14 */
  readonly moveNotify: boolean
  /** Forget reserved fence slots at unlock. @kernel DEBUG_MUTEXES @rule RESV-9 */
  readonly resetSlots: boolean
  /** Pretend that no memory is left, for lists of fences, buffers, attachments, sync files, heaps: ENOMEM. @kernel failslab @rule RESV-6 */
  readonly failAllocations: boolean
  /** Pretend a deadlock now and then, to try the back-off. @kernel DEBUG_WW_MUTEX_SLOWPATH @rule WW-20 */
  readonly injectBackoff: boolean
  /** Record who waits for whom, and report cycles. @kernel LOCKDEP @rule FENCE-37 */
  readonly signalling: boolean
  /** What happens when a view is used after its access ended. @rule PROP-8 */
  readonly staleAccess: 'ignore' | 'report' | 'throw'
  /** Report fences that are pending longer than this; 0 is never. @rule FENCE-40 */
  readonly watchdogMs: number
}

const OFF: DebugOptions = {
  stacks: false,
  lockChecks: false,
  mangleLinks: false,
  mangleDynamicLinks: false,
  reportAlignment: false,
  moveNotify: false,
  resetSlots: false,
  failAllocations: false,
  injectBackoff: false,
  signalling: false,
  staleAccess: 'ignore',
  watchdogMs: 0,
}

/** The options in force: one object for ever, so that hot paths read a field of it and no more. */
export const debug: Readonly<DebugOptions> = { ...OFF }

const listeners: (() => void)[] = []

/** Calls back whenever options change: for what has to be begun and ended, not only looked at. */
export function onDebugChange(listener: () => void): void {
  listeners.push(listener)
}

/**
 * Switches debug options, those named only.
 *
 * @returns disposing it puts back what was in force before
 * @throws {TypeError} for an option that does not exist
 */
export function setDebug(options: Partial<DebugOptions>): Disposable {
  for (const name of Object.keys(options))
    if (!(name in OFF)) throw new TypeError(`No such debug option: ${name}`)
  const before = { ...debug }
  change(options)
  return {
    [Symbol.dispose]() {
      change(before)
    },
  }
}

function change(options: Partial<DebugOptions>): void {
  Object.assign(debug, options)
  for (const listener of listeners) listener()
}
