// Pipes: their end of file tells whoever holds the reading end that nobody holds the writing end any more.
#include "families.h"

#include <fcntl.h>
#include <unistd.h>

// pipe(into: Int32Array(2)) -> 0: [the reading end, the writing end]
static napi_value pipe_pair(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  bytes_t into = bytes_argument(env, &args, 0);
  if (into.data == NULL || into.length < 2 * sizeof(int)) return number(env, -EINVAL);
  return result_of(env, pipe2((int *)(void *)into.data, O_CLOEXEC | O_NONBLOCK));
}

void export_pipe(napi_env env, napi_value exports) {
  const export_t list[] = {{"pipe", pipe_pair}};
  EXPORT(env, exports, list);
}
