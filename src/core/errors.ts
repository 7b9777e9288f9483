/** Errno names this package reports, as the kernel spells them. */
export type Errno =
  | 'EACCES'
  | 'EADDRINUSE'
  | 'EAGAIN'
  | 'EALREADY'
  | 'EBADF'
  | 'EBADFD'
  | 'EBUSY'
  | 'ECONNREFUSED'
  | 'ECONNRESET'
  | 'EDEADLK'
  | 'EEXIST'
  | 'EFAULT'
  | 'EINTR'
  | 'EINVAL'
  | 'EIO'
  | 'EMFILE'
  | 'EMSGSIZE'
  | 'ENAMETOOLONG'
  | 'ENFILE'
  | 'ENODEV'
  | 'ENOENT'
  | 'ENOMEM'
  | 'ENOTSOCK'
  | 'ENOTTY'
  | 'EOVERFLOW'
  | 'EOWNERDEAD'
  | 'EPERM'
  | 'EPIPE'
  | 'EPROTO'
  | 'EREMOTEIO'
  | 'ESPIPE'
  | 'ETIME'
  | 'ETIMEDOUT'
  | (string & {})

/** The kernel's limit: larger ones are no error numbers. */
const MAX_ERRNO = 4095

/** Linux numbers of the names above; the same on every architecture that Node runs on. */
const NUMBERS: Readonly<Record<string, number>> = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EPIPE: 32,
  EDOM: 33,
  ERANGE: 34,
  EDEADLK: 35,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ELOOP: 40,
  ENOLINK: 67,
  ETIME: 62,
  EPROTO: 71,
  EOVERFLOW: 75,
  EBADFD: 77,
  ENOTSOCK: 88,
  EMSGSIZE: 90,
  EPROTOTYPE: 91,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  ECONNRESET: 104,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EALREADY: 114,
  EREMOTEIO: 121,
  ECANCELED: 125,
  EOWNERDEAD: 130,
}

const BRAND = Symbol.for('dmabuf.error')

/** What an error carries besides its code, operation and message. */
export interface DmaBufErrorOptions {
  /** Id of the rule of docs that was broken, for example `BUF-17`. */
  readonly rule?: string
  /** Plain data a program may want: sizes, ids, paths. */
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

/**
 * A condition that the kernel would report: EBUSY, EOWNERDEAD, ETIMEDOUT … The message says what to do.
 *
 * Wrong types and ranges are TypeError and RangeError instead.
 */
export class DmaBufError extends Error {
  override readonly name = 'DmaBufError'
  /** Errno name, or an `ERR_DMABUF_…` code of this package. */
  readonly code: Errno
  /** Negative, as in Node's own system errors; undefined for `ERR_DMABUF_…`. */
  readonly errno: number | undefined
  /** What was being done: the name of the call. */
  readonly operation: string
  readonly rule: string | undefined
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: Errno, operation: string, message: string, options: DmaBufErrorOptions = {}) {
    super(`${code}: ${message}`, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    const number = numberOf(code)
    this.errno = number === undefined ? undefined : -number
    this.operation = operation
    this.rule = options.rule
    this.details = options.details ?? {}
  }

  /** Whether a value is such an error, from this or another copy of the package; of `code` where given. */
  static is(value: unknown, code?: Errno): value is DmaBufError {
    if (typeof value !== 'object' || value === null || !(BRAND in value)) return false
    return code === undefined || (value as DmaBufError).code === code
  }

  get [BRAND](): true {
    return true
  }
}

/** The name of a positive errno number; `E` and the number where we have no name for it. */
export function errnoName(errno: number): Errno {
  for (const [name, number] of Object.entries(NUMBERS)) if (number === errno) return name
  return errno >= 1 && errno <= MAX_ERRNO ? `E${errno}` : 'EPROTO'
}

/** The positive errno number of a name, or of what errnoName() made of one; EPROTO's for any other. */
export function errnoNumber(code: Errno): number {
  return numberOf(code) ?? 71
}

// Other programs have errors that we have no name for: those are called by their numbers.
function numberOf(code: string): number | undefined {
  const number = NUMBERS[code] ?? Number(/^E([1-9]\d{0,3})$/.exec(code)?.[1])
  return number <= MAX_ERRNO ? number : undefined
}

/**
 * A contract that was broken so badly that going on would corrupt state: what the kernel calls BUG.
 *
 * @rule C-2
 * @throws {DmaBufError} ERR_DMABUF_BUG, always
 */
export function bug(rule: string, operation: string, message: string): never {
  throw new DmaBufError('ERR_DMABUF_BUG', operation, message, { rule })
}
