/** May only be read. */
export const O_RDONLY = 0
/** May only be written. */
export const O_WRONLY = 1
/** May be read and written. */
export const O_RDWR = 2
/** The bits of the access mode. */
export const O_ACCMODE = 3
/** Calls do not wait. */
export const O_NONBLOCK = 0o4000
/** Closed where the process becomes another program. */
export const O_CLOEXEC = 0o2000000
/** Names a file without opening it. */
export const O_PATH = 0o10000000

/** There is something to read. */
export const POLLIN = 1
/** There is room to write. */
export const POLLOUT = 4
/** Something is wrong; reported whether asked for or not. */
export const POLLERR = 8
/** No such descriptor is open. */
export const POLLNVAL = 32

/** From the start. */
export const SEEK_SET = 0
/** From where the file stands. */
export const SEEK_CUR = 1
/** From the end. */
export const SEEK_END = 2

/** Pages may be read. */
export const PROT_READ = 1
/** Pages may be written. */
export const PROT_WRITE = 2

/** Writes are seen by everybody. */
export const MAP_SHARED = 1
/** Writes are seen by their writer only. */
export const MAP_PRIVATE = 2
