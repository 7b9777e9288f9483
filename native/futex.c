// Blocking waits on a word that processes share. Never FUTEX_PRIVATE; a read-only shared mapping will do.
#include "families.h"
#include "mapping.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t wait_word(uint32_t *word, uint32_t expected, int64_t milliseconds) {
  struct timespec timeout = {milliseconds / 1000, (milliseconds % 1000) * 1000000};
  long result = syscall(SYS_futex, word, FUTEX_WAIT, expected, &timeout, NULL, 0);
  // EAGAIN: the word had changed already. EINTR: look again; both are what the caller waits for.
  return result == 0 || errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

// futexWait(handle, offset, expected, ms) -> 0 look again, -ETIMEDOUT. Blocks the thread: callers wait in
// slices and look whether the peer still lives in between.
static napi_value futex_wait(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  uint32_t *word = mapping_word(mapping_argument(env, &args, 0), long_argument(env, &args, 1));
  int64_t milliseconds = long_argument(env, &args, 3);
  if (word == NULL || milliseconds < 0) return number(env, -EINVAL);
  return number(env, wait_word(word, (uint32_t)int_argument(env, &args, 2), milliseconds));
}

// futexWake(handle, offset) -> waiters woken
static napi_value futex_wake(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  uint32_t *word = mapping_word(mapping_argument(env, &args, 0), long_argument(env, &args, 1));
  if (word == NULL) return number(env, -EINVAL);
  return result_of(env, syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0));
}

// futexWakeWait(wakeHandle, wakeOffset, waitHandle, waitOffset, expected, ms): both in one call.
static napi_value futex_wake_wait(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  uint32_t *wake = mapping_word(mapping_argument(env, &args, 0), long_argument(env, &args, 1));
  uint32_t *word = mapping_word(mapping_argument(env, &args, 2), long_argument(env, &args, 3));
  int64_t milliseconds = long_argument(env, &args, 5);
  if (wake == NULL || word == NULL || milliseconds < 0) return number(env, -EINVAL);
  syscall(SYS_futex, wake, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
  return number(env, wait_word(word, (uint32_t)int_argument(env, &args, 4), milliseconds));
}

void export_futex(napi_env env, napi_value exports) {
  const export_t list[] = {
      {"futexWait", futex_wait}, {"futexWake", futex_wake}, {"futexWakeWait", futex_wake_wait}};
  EXPORT(env, exports, list);
}
