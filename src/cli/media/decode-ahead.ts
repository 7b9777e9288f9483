/**
 * The same values, of which up to `count` are asked for before the loop wants them.
 *
 * For frames of a MediaSource: a picture that takes long to decode then does not come late. Asks again whenever the loop
 * takes one. Errors come where they belong in the order; leaving the loop early ends `values`
 * after the reads that are under way.
 *
 * @param count - how many values may wait to be taken, 1 or more
 */
export async function* decodeAhead<T>(
  values: AsyncIterableIterator<T>,
  count: number,
): AsyncGenerator<T, undefined> {
  const pending: Promise<IteratorResult<T>>[] = []
  const ask = () => {
    const next = values.next()
    next.catch(() => undefined) // it is taken below, or never, if the loop is left before
    pending.push(next)
  }
  try {
    while (pending.length < count) ask()
    for (;;) {
      const result = await pending.shift()
      if (result === undefined || result.done === true) return
      ask()
      yield result.value
    }
  } finally {
    // Not awaited: it comes after the reads that are under way, and a pipe may leave those waiting.
    values.return?.().catch(() => undefined)
  }
}
