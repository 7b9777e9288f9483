/** The time that a probe of one thing may take. */
const LIMIT_MS = 3000

/** What a promise gives, or `late()` where it takes longer than a probe may; what it gives then is dropped. */
export async function withinLimit<T>(
  promise: Promise<T>,
  late: () => T,
  limitMs = LIMIT_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<T>((resolve) => {
    timer = setTimeout(() => {
      resolve(late())
    }, limitMs)
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    clearTimeout(timer)
  }
}
