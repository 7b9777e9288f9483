// A bit per descriptor that an environment owns. Only its own thread touches it.
#include "families.h"
#include "owned.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct {
  size_t count;  // of words
  uint64_t *words;
} owned_t;

// Runs when the environment's polls are closed: none of them watches a descriptor that is closed here.
static void close_owned(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  owned_t *owned = data;
  for (size_t word = 0; word < owned->count; word++)
    for (uint64_t bits = owned->words[word]; bits != 0; bits &= bits - 1)
      close((int)(word * 64) + __builtin_ctzll(bits));
  free(owned->words);
  free(owned);
}

void open_owned(napi_env env) {
  owned_t *owned = calloc(1, sizeof *owned);
  if (owned != NULL && napi_set_instance_data(env, owned, close_owned, NULL) != napi_ok) free(owned);
}

static owned_t *owned_of(napi_env env) {
  void *data = NULL;
  return napi_get_instance_data(env, &data) == napi_ok ? data : NULL;
}

static bool grow(owned_t *owned, size_t count) {
  size_t rounded = owned->count == 0 ? 16 : owned->count;
  while (rounded < count) rounded *= 2;
  uint64_t *words = realloc(owned->words, rounded * sizeof *words);
  if (words == NULL) return false;
  memset(words + owned->count, 0, (rounded - owned->count) * sizeof *words);
  owned->words = words;
  owned->count = rounded;
  return true;
}

// Without memory for the note the descriptor lives until the process ends.
int own_fd(napi_env env, int fd) {
  owned_t *owned = fd < 0 ? NULL : owned_of(env);
  if (owned == NULL) return fd;
  size_t word = (size_t)fd / 64;
  if (word >= owned->count && !grow(owned, word + 1)) return fd;
  owned->words[word] |= 1ULL << (fd % 64);
  return fd;
}

void disown_fd(napi_env env, int fd) {
  owned_t *owned = fd < 0 ? NULL : owned_of(env);
  if (owned != NULL && (size_t)fd / 64 < owned->count)
    owned->words[fd / 64] &= ~(1ULL << (fd % 64));
}

// own(fd) -> 0: it is closed when this thread ends, unless it is disowned or closed before. -EBADF: not open.
static napi_value own(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  int fd = fd_argument(env, &args, 0);
  if (fcntl(fd, F_GETFD) < 0) return number(env, -errno);
  own_fd(env, fd);
  return number(env, 0);
}

// disown(fd) -> 0
static napi_value disown(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  disown_fd(env, fd_argument(env, &args, 0));
  return number(env, 0);
}

void export_owned(napi_env env, napi_value exports) {
  const export_t list[] = {{"own", own}, {"disown", disown}};
  EXPORT(env, exports, list);
}
