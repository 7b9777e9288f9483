// Blocking waits on a word that processes share. Never FUTEX_PRIVATE; a read-only shared mapping will do.
#include "families.h"
#include "mapping.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long wake_all(uint32_t *word) {
  return syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static bool is_still(uint32_t *word, uint32_t expected) {
  return __atomic_load_n(word, __ATOMIC_SEQ_CST) == expected;
}

static int64_t wait_word(uint32_t *word, uint32_t expected, int64_t milliseconds) {
  struct timespec timeout = {milliseconds / 1000, (milliseconds % 1000) * 1000000};
  long result = syscall(SYS_futex, word, FUTEX_WAIT, expected, &timeout, NULL, 0);
  // EAGAIN: the word had changed already. EINTR: look again; both are what the caller waits for.
  return result == 0 || errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

// futexWake(handle, offset) -> waiters woken
static napi_value futex_wake(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  uint32_t *word = mapping_word(mapping_argument(env, &args, 0), long_argument(env, &args, 1));
  if (word == NULL) return number(env, -EINVAL);
  return result_of(env, wake_all(word));
}

// futexSleep(handle, offset, expected, ms, own, ownOffset, wakeHandle?, wakeOffset?) -> 0 look again, -ETIMEDOUT
//
// Blocks the thread until the word at handle/offset is not `expected`; callers wait in slices and look
// whether its owner still lives in between. The word at own/ownOffset says meanwhile that somebody sleeps,
// so that the owner wakes. Sleepers on the word at wakeHandle/wakeOffset are woken first, in the same call.
//
// The processor is offered to others once before sleeping: where the owner was only waiting for it, the
// answer is there when this thread runs again, and neither side has to sleep or to wake the other.
static napi_value futex_sleep(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  uint32_t *word = mapping_word(mapping_argument(env, &args, 0), long_argument(env, &args, 1));
  uint32_t expected = (uint32_t)int_argument(env, &args, 2);
  int64_t milliseconds = long_argument(env, &args, 3);
  mapping_t *own = mapping_argument(env, &args, 4);
  uint32_t *sleeps = mapping_word(own, long_argument(env, &args, 5));
  if (word == NULL || sleeps == NULL || !own->writable || milliseconds < 0) return number(env, -EINVAL);
  if (args.count > 6) {
    uint32_t *wake = mapping_word(mapping_argument(env, &args, 6), long_argument(env, &args, 7));
    if (wake == NULL) return number(env, -EINVAL);
    wake_all(wake);
  }
  sched_yield();
  if (!is_still(word, expected)) return number(env, 0);
  // Says that it sleeps, then looks once more; the owner stores first, then looks who sleeps.
  __atomic_store_n(sleeps, 1, __ATOMIC_SEQ_CST);
  int64_t result = is_still(word, expected) ? wait_word(word, expected, milliseconds) : 0;
  __atomic_store_n(sleeps, 0, __ATOMIC_SEQ_CST);
  return number(env, result);
}

// letOthersRun() -> nanoseconds until this thread runs again
static napi_value let_others_run(napi_env env, napi_callback_info info) {
  (void)info;
  struct timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  sched_yield();
  clock_gettime(CLOCK_MONOTONIC, &after);
  return number(env, (after.tv_sec - before.tv_sec) * 1000000000LL + (after.tv_nsec - before.tv_nsec));
}

void export_futex(napi_env env, napi_value exports) {
  const export_t list[] = {{"futexWake", futex_wake}, {"futexSleep", futex_sleep}, {"letOthersRun", let_others_run}};
  EXPORT(env, exports, list);
}
