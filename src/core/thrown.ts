/** What was thrown, as text. Callbacks may throw anything, also what has no text. @rule PORT-4 */
export function thrownText(thrown: unknown): string {
  try {
    return String(thrown)
  } catch {
    return 'something that has no text'
  }
}

/** Where it was thrown, if it says so. @rule PORT-4 */
export function thrownStack(thrown: unknown): string | undefined {
  try {
    const stack: unknown = thrown instanceof Error ? thrown.stack : undefined
    return typeof stack === 'string' ? stack : undefined
  } catch {
    return undefined
  }
}
