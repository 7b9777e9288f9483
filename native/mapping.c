// mmap, and ArrayBuffers over it that can be taken back.
#include "mapping.h"
#include "families.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

static const napi_type_tag MAPPING_TAG = {0x646d616275660001ULL, 0x6d617070696e6701ULL};

// Retired address ranges of the process; beyond these they are given back at once.
#define MAX_RETIRED 16384
static atomic_int retired_count;

// Async code may still hold the bare address of a view that was ended: fs.readv() and the like keep the
// Uint8Array alive, which keeps our handle alive, and write when a thread of the pool is free. So the memory
// goes now, but its addresses stay taken, by pages that nobody looks at, until the handle is collected.
// Otherwise such a write faults, or hits what the addresses are used for next.
static void retire(mapping_t *mapping) {
  mapping->retired = true;
  if (atomic_fetch_add(&retired_count, 1) < MAX_RETIRED && mapping->created > 0 &&
      mmap(mapping->base, mapping->length, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED)
    return;
  atomic_fetch_sub(&retired_count, 1);
  munmap(mapping->base, mapping->length);
  mapping->length = 0;
}

// A view that was moved away (ArrayBuffer.transfer) may be read by another thread although its finalizer
// ran: Node forces finalizers when a worker ends. Such a mapping is leaked: better a leak than a fault.
static void mapping_check(mapping_t *mapping) {
  if (mapping->references > 0 || mapping->created != mapping->ended) return;
  if (mapping->handle_lives) {
    if (!mapping->retired && !mapping->lingers) retire(mapping);
    return;
  }
  if (mapping->length > 0) {
    munmap(mapping->base, mapping->length);
    if (mapping->retired) atomic_fetch_sub(&retired_count, 1);
  }
  free(mapping);
}

static void mapping_unref(mapping_t *mapping) {
  mapping->references--;
  mapping_check(mapping);
}

static void finalize_handle(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  mapping_t *mapping = data;
  mapping->handle_lives = false;
  if (mapping->open) mapping->references--;
  mapping->open = false;
  mapping_check(mapping);
}

mapping_t *mapping_argument(napi_env env, const arguments_t *args, size_t index) {
  void *data = NULL;
  bool tagged = false;
  if (index >= args->count) return NULL;
  napi_value value = args->values[index];
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_external) return NULL;
  if (napi_check_object_type_tag(env, value, &MAPPING_TAG, &tagged) != napi_ok || !tagged) return NULL;
  if (napi_get_value_external(env, value, &data) != napi_ok || data == NULL) return NULL;
  return ((mapping_t *)data)->open ? data : NULL;
}

uint32_t *mapping_word(mapping_t *mapping, int64_t offset) {
  if (mapping == NULL || offset < 0 || offset % 4 != 0) return NULL;
  if ((uint64_t)offset + 4 > mapping->length) return NULL;
  return (uint32_t *)(mapping->base + offset);
}

// map(fd, lengthBytes, mode) -> external, or -errno. Modes:
//   0 read and write, shared     1 private: reads follow the owner's writes, own stores go nowhere
//   2 read only, shared: for pages that only native code and careful callers load from
static napi_value map(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  int fd = fd_argument(env, &args, 0);
  int64_t length = long_argument(env, &args, 1);
  int mode = int_argument(env, &args, 2);
  int64_t offset = args.count > 3 ? long_argument(env, &args, 3) : 0;
  if (length <= 0 || mode < 0 || mode > 2 || offset < 0) return number(env, -EINVAL);
  int protection = mode == 2 ? PROT_READ : PROT_READ | PROT_WRITE;
  int flags = mode == 1 ? MAP_PRIVATE | MAP_NORESERVE : MAP_SHARED;
  // Populating a writable private mapping would copy every page; those are only read in, below.
  if (mode != 1) flags |= MAP_POPULATE;
#ifdef DMABUF_BREAK_POPULATE_PRIVATE
  flags |= MAP_POPULATE;
#endif
  void *base = mmap(NULL, (size_t)length, protection, flags, fd, (off_t)offset);
  if (base == MAP_FAILED) return number(env, -errno);
  if (mode == 1) madvise(base, (size_t)length, MADV_POPULATE_READ);
  mapping_t *mapping = calloc(1, sizeof *mapping);
  napi_value external = NULL;
  if (mapping == NULL ||
      napi_create_external(env, mapping, finalize_handle, NULL, &external) != napi_ok) {
    free(mapping);
    munmap(base, (size_t)length);
    return number(env, -ENOMEM);
  }
  *mapping = (mapping_t){.base = base, .length = (size_t)length, .writable = mode != 2,
                         .references = 1, .open = true, .handle_lives = true};
  napi_type_tag_object(env, external, &MAPPING_TAG);
  return external;
}

// While a thread lives, a finalizer means that nobody refers to the memory any more. When it ends,
// finalizers are forced whoever still looks; JavaScript cannot be entered then, which is how we know.
static bool thread_lives(napi_env env) {
  napi_value global, value;
  return napi_get_global(env, &global) == napi_ok &&
         napi_get_named_property(env, global, "undefined", &value) == napi_ok;
}

static void finalize_view(napi_env env, void *data, void *hint) {
  (void)data;
  mapping_t *mapping = hint;
  if (mapping->detached > 0) mapping->detached--;
  else if (thread_lives(env)) mapping->ended++;
  mapping_unref(mapping);
}

// Of a view that our own code keeps to itself: nobody can have moved it, so that it is gone with its thread.
static void finalize_kept_view(napi_env env, void *data, void *hint) {
  (void)env;
  (void)data;
  mapping_t *mapping = hint;
  if (mapping->detached > 0) mapping->detached--;
  else mapping->ended++;
  mapping_unref(mapping);
}

// view(handle, lengthBytes, kept?) -> ArrayBuffer over the start of the mapping; undefined where the runtime
// forbids external memory. kept 1: no program will ever see it.
static napi_value view(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  mapping_t *mapping = mapping_argument(env, &args, 0);
  int64_t length = long_argument(env, &args, 1);
  if (mapping == NULL) return number(env, -EBADF);
  if (length < 1 || (uint64_t)length > mapping->length) return number(env, -EINVAL);
#ifdef DMABUF_NO_EXTERNAL_BUFFERS
  (void)finalize_view;
  (void)finalize_kept_view;
  return NULL;
#else
  napi_value buffer = NULL;
  napi_finalize finalize = int_argument(env, &args, 2) == 1 ? finalize_kept_view : finalize_view;
  napi_status status = napi_create_external_arraybuffer(env, mapping->base, (size_t)length, finalize,
                                                        mapping, &buffer);
  if (status == napi_no_external_buffers_allowed) return NULL;
  if (status != napi_ok) return number(env, -ENOMEM);
  mapping->references++;
  mapping->created++;
  return buffer;
#endif
}

// end(handle, ArrayBuffer) -> 1 detached, 0 it was already gone: somebody moved it away.
static napi_value end(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  mapping_t *mapping = mapping_argument(env, &args, 0);
  void *data = NULL;
  size_t length = 0;
  if (mapping == NULL) return number(env, -EBADF);
  if (args.count < 2 || napi_get_arraybuffer_info(env, args.values[1], &data, &length) != napi_ok)
    return number(env, -EINVAL);
  if (length == 0) return number(env, 0);
  if (data != mapping->base) return number(env, -EINVAL);
  // Counted first: detaching may run the finalizer on some versions before it returns.
  mapping->detached++;
  mapping->ended++;
  if (napi_detach_arraybuffer(env, args.values[1]) == napi_ok) return number(env, 1);
  mapping->detached--;
  mapping->ended--;
  return number(env, -EINVAL);
}

// unmap(handle, lingers) -> 0. The memory goes when the last view is gone, which may be now; if it lingers,
// when the handle is collected.
static napi_value unmap(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  mapping_t *mapping = mapping_argument(env, &args, 0);
  if (mapping == NULL) return number(env, -EBADF);
  mapping->open = false;
  mapping->lingers = int_argument(env, &args, 1) == 1;
  mapping_unref(mapping);
  return number(env, 0);
}

// copy(handle, offset, bytes, direction) -> bytes copied. direction 0: out of the mapping, 1: into it.
static napi_value copy(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  mapping_t *mapping = mapping_argument(env, &args, 0);
  int64_t offset = long_argument(env, &args, 1);
  bytes_t bytes = bytes_argument(env, &args, 2);
  int into = int_argument(env, &args, 3);
  if (mapping == NULL) return number(env, -EBADF);
  if (offset < 0 || (uint64_t)offset + bytes.length > mapping->length) return number(env, -EINVAL);
  if (into == 1 && !mapping->writable) return number(env, -EACCES);
  if (bytes.length > 0 && into == 1) memcpy(mapping->base + offset, bytes.data, bytes.length);
  else if (bytes.length > 0) memcpy(bytes.data, mapping->base + offset, bytes.length);
  return number(env, (int64_t)bytes.length);
}

void export_mapping(napi_env env, napi_value exports) {
  const export_t list[] = {
      {"map", map}, {"view", view}, {"end", end}, {"unmap", unmap}, {"copy", copy},
  };
  EXPORT(env, exports, list);
}
