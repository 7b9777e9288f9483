/** The page size of the whole framework, bytes. @kernel PAGE_SIZE */
export const PAGE_BYTES = 4096

/** The least multiple of `step` that is not below `value`. */
export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step
}

/** The greatest multiple of `step` that is not above `value`. */
export function roundDown(value: number, step: number): number {
  return Math.floor(value / step) * step
}
