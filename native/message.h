// Receiving one SEQPACKET message with its descriptors; shared by recv() and the poll callback.
#ifndef DMABUF_MESSAGE_H
#define DMABUF_MESSAGE_H

#include "napi_util.h"

#define MESSAGE_MAX_FDS 253  // SCM_MAX_FD of the kernel

typedef struct {
  int32_t fd_count;
  int32_t pid, uid, gid;  // of the sender; pid 0 where passCredentials is off
  int32_t fds[MESSAGE_MAX_FDS];
} ancillary_t;

// Bytes received, 0 at the end of the stream, or -errno. -EMSGSIZE: longer than `bytes`. -EMFILE: this
// process had no room for a descriptor. All received ones are closed then, and the message is lost.
// The environment owns the descriptors.
int64_t receive_message(napi_env env, int socket, bytes_t bytes, ancillary_t *ancillary);

#endif
