// A heap of the kernel's: one call for a buffer and for what it is known by.
#include "families.h"
#include "owned.h"

#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

// A node that is no heap may take the request for one of its own, and writes no descriptor. 0 is one only where stdin is
// closed.
static bool is_buffer(int fd) {
  struct statfs status;
  return fd > 0 || (fstatfs(fd, &status) == 0 && (uint32_t)status.f_type == DMA_BUF_MAGIC);
}

// allocateFromHeap(heap, lengthBytes, flags, into: Int32Array(2)) -> fd; into: its inode, low and high word.
static napi_value allocate_from_heap(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  int64_t length = long_argument(env, &args, 1);
  bytes_t into = bytes_argument(env, &args, 3);
  if (length < 0 || into.data == NULL || into.length < 8) return number(env, -EINVAL);
  struct dma_heap_allocation_data data = {.len = (uint64_t)length, .fd_flags = uint_argument(env, &args, 2)};
  int result;
  do result = ioctl(fd_argument(env, &args, 0), DMA_HEAP_IOCTL_ALLOC, &data);
  while (result < 0 && errno == EINTR);
  if (result < 0) return number(env, -errno);
  int fd = (int)data.fd;
  if (!is_buffer(fd)) return number(env, -ENOTTY);
  struct statx status;
  if (statx(fd, "", AT_EMPTY_PATH, STATX_INO, &status) < 0) {
    int error = errno;
    close(fd);
    return number(env, -error);
  }
  uint64_t inode = status.stx_ino;
  memcpy(into.data, &inode, sizeof inode);
  return number(env, own_fd(env, fd));
}

void export_heap(napi_env env, napi_value exports) {
  const export_t list[] = {{"allocateFromHeap", allocate_from_heap}};
  EXPORT(env, exports, list);
}
