// Which descriptors an environment (a thread of Node) owns: they are closed when it ends. The kernel closes
// those of a process that dies; a worker that is terminated must look the same to its peers.
#ifndef DMABUF_OWNED_H
#define DMABUF_OWNED_H

#include "napi_util.h"

// Prepares an environment. Once, before anything else here.
void open_owned(napi_env env);

// Notes that the environment owns an open descriptor; returns it. Anything negative passes through.
int own_fd(napi_env env, int fd);

// Notes that somebody else closes it from now on.
void disown_fd(napi_env env, int fd);

#endif
