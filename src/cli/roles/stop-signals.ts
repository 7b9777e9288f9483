/**
 * A signal that is aborted when this role is to end: by Ctrl-C or SIGTERM when started by hand; by a
 * message or the death of the process that started it otherwise (which gets the Ctrl-C itself).
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController()
  const stop = (): void => {
    controller.abort()
  }
  process.once('SIGTERM', stop)
  if (process.send === undefined) process.once('SIGINT', stop)
  else {
    process.on('SIGINT', () => {})
    process.on('message', (message) => {
      if (message === 'stop') stop()
    })
    process.once('disconnect', stop)
    // The channel alone must not keep a finished role alive.
    process.channel?.unref()
  }
  return controller.signal
}
