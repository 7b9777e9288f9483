// One mmap and everything that points into it.
#ifndef DMABUF_MAPPING_H
#define DMABUF_MAPPING_H

#include "napi_util.h"

typedef struct {
  uint8_t *base;
  size_t length;
  bool writable;
  int references;     // one for the JS handle until unmap(), one for each view until its finalizer ran
  unsigned created;   // views handed out, modulo 2^32
  unsigned ended;     // views known to be gone: detached by us, or collected while the thread lived
  int detached;       // detached by us, finalizer still to come
  bool open;          // until unmap()
  bool lingers;       // the memory too stays until the handle is collected
  bool handle_lives;  // until the finalizer of the JS handle
  bool retired;       // the memory has been given back, its addresses have not
} mapping_t;          // touched by the thread that made it only

// The mapping behind argument `index`; NULL where that is not one of our handles, or unmapped.
mapping_t *mapping_argument(napi_env env, const arguments_t *args, size_t index);

// The 4-byte aligned word at a byte offset of the mapping; NULL where it lies outside.
uint32_t *mapping_word(mapping_t *mapping, int64_t offset);

#endif
