/** The name of the errno that an error carries, of Node or of ours; the error in words where it carries none. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return String(error)
}
