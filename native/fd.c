// Files that are only a number: memfd_create, ftruncate, seals, statx, dup, close.
#include "families.h"
#include "owned.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

// openFile(path, flags) -> fd. It may wait where the file does: ask for O_NONBLOCK.
static napi_value open_file(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  char path[4096];
  int length = string_argument(env, &args, 0, path, sizeof path);
  if (length < 0) return number(env, length);
  // A NUL would name another file than the caller saw.
  if (strlen(path) != (size_t)length) return number(env, -ENOENT);
  int fd;
  do fd = open(path, (int_argument(env, &args, 1) & ~(O_CREAT | O_TMPFILE)) | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  return result_of(env, own_fd(env, fd));
}

// memfd(name, flags) -> fd. MFD_NOEXEC_SEAL is tried first where the kernel knows it (6.3).
static napi_value memfd(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  char name[250];
  int length = string_argument(env, &args, 0, name, sizeof name);
  if (length < 0) return number(env, length);
  unsigned flags = uint_argument(env, &args, 1) | MFD_CLOEXEC;
  int fd = memfd_create(name, flags | 0x0008U /* MFD_NOEXEC_SEAL */);
  if (fd < 0 && errno == EINVAL) fd = memfd_create(name, flags);
  return result_of(env, own_fd(env, fd));
}

// truncate(fd, lengthBytes) -> 0
static napi_value truncate_fd(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  return result_of(env, ftruncate(fd_argument(env, &args, 0), long_argument(env, &args, 1)));
}

// allocate(fd, lengthBytes) -> 0: reserves every page, so that a full /dev/shm is an error, not SIGBUS.
static napi_value allocate(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  int fd = fd_argument(env, &args, 0);
  int64_t length = long_argument(env, &args, 1);
  int result;
  do result = fallocate(fd, 0, 0, length);
  while (result < 0 && errno == EINTR);
  return result_of(env, result);
}

static napi_value add_seals(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  return result_of(env, fcntl(fd_argument(env, &args, 0), F_ADD_SEALS, int_argument(env, &args, 1)));
}

static napi_value get_seals(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  return result_of(env, fcntl(fd_argument(env, &args, 0), F_GET_SEALS));
}

// stat(fd, into: Int32Array(2)) -> size; into: inode, low and high word.
static napi_value stat_fd(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  bytes_t into = bytes_argument(env, &args, 1);
  struct statx status;
  if (into.data == NULL || into.length < 8) return number(env, -EINVAL);
  // Not fstat(): C libraries before glibc 2.33, which Node 20 still runs on, do not export it.
  if (statx(fd_argument(env, &args, 0), "", AT_EMPTY_PATH, STATX_INO | STATX_SIZE, &status) < 0)
    return number(env, -errno);
  uint64_t inode = status.stx_ino;
  memcpy(into.data, &inode, sizeof inode);
  return number(env, (int64_t)status.stx_size);
}

// fileSystem(fd) -> the magic number of the file system it is on: DMA_BUF_MAGIC of a dma-buf.
static napi_value file_system(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  struct statfs status;
  if (fstatfs(fd_argument(env, &args, 0), &status) < 0) return number(env, -errno);
  return number(env, (uint32_t)status.f_type);
}

// fileFlags(fd) -> the flags it was opened with: access mode, O_NONBLOCK.
static napi_value file_flags(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  return result_of(env, fcntl(fd_argument(env, &args, 0), F_GETFL));
}

// seek(fd, offset, whence) -> where the file stands now
static napi_value seek(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  double offset = 0;
  if (args.count > 1) napi_get_value_double(env, args.values[1], &offset);
  if (!(offset >= -9007199254740991.0 && offset <= 9007199254740991.0)) return number(env, -EINVAL);
  return result_of(env, lseek(fd_argument(env, &args, 0), (off_t)offset, int_argument(env, &args, 2)));
}

// pollNow(fd, events) -> the events of poll(2) that are there; 0 where none is.
static napi_value poll_now(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  struct pollfd file = {.fd = fd_argument(env, &args, 0), .events = (short)int_argument(env, &args, 1)};
  int result;
  do result = poll(&file, 1, 0);
  while (result < 0 && errno == EINTR);
  return number(env, result < 0 ? -errno : file.revents);
}

static napi_value dup_fd(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  return result_of(env, own_fd(env, fcntl(fd_argument(env, &args, 0), F_DUPFD_CLOEXEC, 3)));
}

// setCloseOnExec(fd) -> 0: for a descriptor inherited at spawn, which must not go on to grandchildren.
static napi_value set_close_on_exec(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  return result_of(env, fcntl(fd_argument(env, &args, 0), F_SETFD, FD_CLOEXEC));
}

// close(fd) -> 0. Never repeated on EINTR: Linux has closed the descriptor then.
static napi_value close_fd(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  int fd = fd_argument(env, &args, 0);
  disown_fd(env, fd);
  int result = close(fd);
  return number(env, result < 0 && errno != EINTR ? -errno : 0);
}

void export_fd(napi_env env, napi_value exports) {
  const export_t list[] = {
      {"memfd", memfd},         {"truncate", truncate_fd}, {"allocate", allocate},
      {"addSeals", add_seals},  {"getSeals", get_seals},   {"stat", stat_fd},
      {"dup", dup_fd},          {"close", close_fd},       {"setCloseOnExec", set_close_on_exec},
      {"openFile", open_file},  {"fileSystem", file_system}, {"fileFlags", file_flags},
      {"seek", seek},           {"pollNow", poll_now},
  };
  EXPORT(env, exports, list);
}
