// A wake-up that cannot block either side. The ringer alone holds an eventfd; the receiver gets only an
// epoll set that watches it, so it can neither fill the eventfd nor clear its O_NONBLOCK.
#include "families.h"
#include "owned.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

// doorbell(into: Int32Array(2)) -> 0: [the eventfd to ring, the epoll set to give away]
static napi_value doorbell(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  bytes_t into = bytes_argument(env, &args, 0);
  if (into.data == NULL || into.length < 2 * sizeof(int)) return number(env, -EINVAL);
  int bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (bell < 0) return number(env, -errno);
  int set = epoll_create1(EPOLL_CLOEXEC);
  // Edge-triggered: each ring is one event, though nobody ever reads the counter.
  struct epoll_event event = {.events = EPOLLIN | EPOLLET};
  if (set < 0 || epoll_ctl(set, EPOLL_CTL_ADD, bell, &event) < 0) {
    int error = errno;
    close(bell);
    if (set >= 0) close(set);
    return number(env, -error);
  }
  int fds[2] = {own_fd(env, bell), own_fd(env, set)};
  memcpy(into.data, fds, sizeof fds);
  return number(env, 0);
}

// ring(fd) -> 0. One eventfd write; the counter would be full after 2^64 - 2 of them.
static napi_value ring(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  const uint64_t one = 1;
  return result_of(env, write(fd_argument(env, &args, 0), &one, sizeof one) < 0 ? -1 : 0);
}

void export_doorbell(napi_env env, napi_value exports) {
  const export_t list[] = {{"doorbell", doorbell}, {"ring", ring}};
  EXPORT(env, exports, list);
}
