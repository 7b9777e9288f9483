/** The buffers of a domain in which somebody dies at a step. */
export const STEP_BUFFERS: readonly string[] = ['first', 'second']

/** The bytes of each. */
export const BUFFER_BYTES = 4096
