/** The buffer may be read: no device writes it any more. @kernel EPOLLIN @rule BUF-38 */
export const POLL_IN = 1
/** The buffer may be written: no device reads or writes it any more. @kernel EPOLLOUT @rule BUF-38 */
export const POLL_OUT = 4
/** The reservation of the buffer is gone. @kernel EPOLLERR @rule BUF-37 */
export const POLL_ERR = 8
