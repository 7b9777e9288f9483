/**
 * The picture input cannot be used; the message is the one line that the user is shown.
 *
 * Thrown for what a file or a pipe holds or lacks, never for a mistake of the calling code. It names the frame where
 * there is one and says how to convert the input where that helps.
 */
export class InputError extends Error {
  override readonly name = 'InputError'
}
