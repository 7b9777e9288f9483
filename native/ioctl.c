// ioctl, with the addresses of other arrays in its argument; on this thread, or on one of libuv's pool.
#include "families.h"

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

// What is behind an argument may refer to other arrays in turn: planes of a buffer, handles of a wait.
typedef struct {
  unsigned long request;
  uint8_t *argument;  // NULL: the value is the argument
  unsigned long value;
} call_t;

// [offset, array, offset, array …]: the address of each array is stored in the argument.
static int64_t store_addresses(napi_env env, napi_value list, bytes_t into) {
  uint32_t length = 0;
  if (napi_get_array_length(env, list, &length) != napi_ok || length % 2 != 0) return -EINVAL;
  for (uint32_t i = 0; i < length; i += 2) {
    arguments_t pair = {.count = 2};
    napi_get_element(env, list, i, &pair.values[0]);
    napi_get_element(env, list, i + 1, &pair.values[1]);
    int64_t offset = long_argument(env, &pair, 0);
    bytes_t target = bytes_argument(env, &pair, 1);
    if (target.data == NULL || offset < 0 || (uint64_t)offset + 8 > into.length) return -EINVAL;
    uint64_t address = (uintptr_t)target.data;
    memcpy(into.data + offset, &address, sizeof address);
  }
  return 0;
}

// request, argument: bytes of at least the size that the request names, or an integer; addresses: see above
static int64_t call_argument(napi_env env, const arguments_t *args, call_t *call) {
  *call = (call_t){.request = uint_argument(env, args, 1)};
  size_t needed = _IOC_SIZE(call->request);
  bytes_t bytes = bytes_argument(env, args, 2);
  if (bytes.data == NULL || bytes.length == 0) {
    // An integer must not be taken for an address.
    if (needed > 0) return -EINVAL;
    int64_t value = args->count > 2 ? long_argument(env, args, 2) : 0;
    if (value < 0) return -EINVAL;
    call->value = (unsigned long)value;
    return 0;
  }
  if (bytes.length < needed) return -EINVAL;
  call->argument = bytes.data;
  return args->count > 3 ? store_addresses(env, args->values[3], bytes) : 0;
}

static int64_t call_ioctl(int fd, const call_t *call) {
  int result;
  do result = call->argument == NULL ? ioctl(fd, call->request, call->value)
                                     : ioctl(fd, call->request, call->argument);
  while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : result;
}

// ioctl(fd, request, argument?: array or integer, addresses?) -> result. It waits where the driver does.
static napi_value ioctl_now(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  call_t call;
  int64_t result = call_argument(env, &args, &call);
  return number(env, result < 0 ? result : call_ioctl(fd_argument(env, &args, 0), &call));
}

typedef struct {
  napi_async_work work;
  napi_deferred deferred;
  napi_ref argument;
  call_t call;
  int fd;
  int64_t result;
} job_t;

static void run(napi_env env, void *data) {
  (void)env;
  job_t *job = data;
  job->result = call_ioctl(job->fd, &job->call);
}

static void finish(napi_env env, napi_status status, void *data) {
  job_t *job = data;
  close(job->fd);
  napi_resolve_deferred(env, job->deferred, number(env, status == napi_ok ? job->result : -ECANCELED));
  if (job->argument != NULL) napi_delete_reference(env, job->argument);
  napi_delete_async_work(env, job->work);
  free(job);
}

// ioctlOnThread(fd, request, argument?: array or integer) -> Promise of the result, or -errno at once. The
// descriptor may be closed meanwhile; the array must not be used until then.
static napi_value ioctl_on_thread(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  napi_value promise = NULL, name;
  job_t *job = calloc(1, sizeof *job);
  if (job == NULL) return number(env, -ENOMEM);
  args.count = args.count > 3 ? 3 : args.count;
  int64_t result = call_argument(env, &args, &job->call);
  // Its own descriptor: the number may be closed, and be another file, before the thread gets to it.
  if (result == 0 && (job->fd = fcntl(fd_argument(env, &args, 0), F_DUPFD_CLOEXEC, 3)) < 0) result = -errno;
  if (result < 0) {
    free(job);
    return number(env, result);
  }
  if (job->call.argument != NULL) napi_create_reference(env, args.values[2], 1, &job->argument);
  napi_create_string_utf8(env, "dmabuf", NAPI_AUTO_LENGTH, &name);
  napi_create_promise(env, &job->deferred, &promise);
  napi_create_async_work(env, NULL, name, run, finish, job, &job->work);
  napi_queue_async_work(env, job->work);
  return promise;
}

// sync(call) -> undefined, or -errno: DMA_BUF_IOCTL_SYNC, and nothing else, since every access makes it twice. Each
// argument is a call back into Node, so it is one number: 16 times the descriptor, the flags, and 8 for a call that is
// made only where nobody is in the way. Else it is -EAGAIN.
enum { FLAGS = 7, IF_READY = 8 };

static int not_ready(int fd, uint64_t flags) {
  struct pollfd file = {.fd = fd, .events = (flags & DMA_BUF_SYNC_WRITE) != 0 ? POLLOUT : POLLIN};
  int ready;
  do ready = poll(&file, 1, 0);
  while (ready < 0 && errno == EINTR);
  if (ready > 0) return 0;
  return ready < 0 ? -errno : -EAGAIN;
}

static napi_value sync_buffer(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value value;
  double given = -1;
  napi_get_cb_info(env, info, &count, &value, NULL, NULL);
  if (count < 1 || napi_get_value_double(env, value, &given) != napi_ok) return number(env, -EINVAL);
  // Not NaN either, which must not mean stdin.
  if (!(given >= 0 && given < (double)INT32_MAX * 16)) return number(env, -EBADF);
  int64_t call = (int64_t)given;
  int fd = (int)(call >> 4);
  struct dma_buf_sync sync = {.flags = (uint64_t)call & FLAGS};
  if ((call & IF_READY) != 0) {
    int error = not_ready(fd, sync.flags);
    if (error < 0) return number(env, error);
  }
  int result;
  do result = ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
  while (result < 0 && errno == EINTR);
  return result < 0 ? number(env, -errno) : NULL;
}

void export_ioctl(napi_env env, napi_value exports) {
  const export_t list[] = {
      {"ioctl", ioctl_now},
      {"ioctlOnThread", ioctl_on_thread},
      {"sync", sync_buffer},
  };
  EXPORT(env, exports, list);
}
