// Readiness of a descriptor on the event loop of the thread (uv_poll). The symbols are Node's own.
#include "families.h"
#include "message.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>

typedef struct uv_loop_s uv_loop_t;
typedef struct {
  void *data;            // first member of every libuv handle
  uint64_t opaque[39];   // 320 bytes in all; checked against uv_handle_size at start
} uv_poll_t;
enum { UV_POLL_TYPE = 8 };
extern size_t uv_handle_size(int type);
extern int uv_poll_init(uv_loop_t *loop, uv_poll_t *handle, int fd);
extern int uv_poll_start(uv_poll_t *handle, int events, void (*callback)(uv_poll_t *, int, int));
extern int uv_poll_stop(uv_poll_t *handle);
extern void uv_close(void *handle, void (*callback)(void *));
extern void uv_ref(void *handle);
extern void uv_unref(void *handle);

static const napi_type_tag POLL_TAG = {0x646d616275660001ULL, 0x706f6c6c00000001ULL};

// Two owners: libuv until the close callback, JavaScript until the external's finalizer.
enum { EVENTS, MESSAGES, DOORBELL, MODE_COUNT };

typedef struct {
  uv_poll_t handle;
  napi_env env;
  napi_ref callback, bytes_ref, ancillary_ref;
  napi_async_context context;
  napi_async_cleanup_hook_handle hook;
  bytes_t bytes, ancillary;  // where messages are read to before the callback
  int fd, owners, mode;
  unsigned rings;  // of a doorbell, so far
  bool closing;
} poll_t;

static void drop_owner(poll_t *poll) {
  if (--poll->owners == 0) free(poll);
}

static void closed(void *handle) {
  poll_t *poll = ((uv_poll_t *)handle)->data;
  napi_remove_async_cleanup_hook(poll->hook);
  drop_owner(poll);
}

static void close_poll(poll_t *poll) {
  if (poll->closing) return;
  poll->closing = true;
  uv_poll_stop(&poll->handle);
  napi_delete_reference(poll->env, poll->callback);
  if (poll->bytes_ref != NULL) napi_delete_reference(poll->env, poll->bytes_ref);
  if (poll->ancillary_ref != NULL) napi_delete_reference(poll->env, poll->ancillary_ref);
  napi_async_destroy(poll->env, poll->context);
  uv_close(&poll->handle, closed);
}

static void on_environment_end(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  close_poll(data);
}

static void finalize_poll(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  poll_t *poll = data;
  close_poll(poll);
  drop_owner(poll);
}

static void call_back(poll_t *poll, int32_t events, int64_t received) {
  napi_env env = poll->env;
  napi_handle_scope scope;
  napi_open_handle_scope(env, &scope);
  napi_value callback, receiver, result, error;
  napi_value args[2] = {number(env, events), number(env, received)};
  napi_get_reference_value(env, poll->callback, &callback);
  napi_get_global(env, &receiver);
  napi_status status = napi_make_callback(env, poll->context, receiver, callback, 2, args, &result);
  bool pending = false;
  if (status != napi_ok && napi_is_exception_pending(env, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env, &error) == napi_ok)
    napi_fatal_exception(env, error);
  napi_close_handle_scope(env, scope);
}

static int64_t take_edge(int set) {
  struct epoll_event rung[4];
  int count = epoll_wait(set, rung, 4, 0);
  return count < 0 ? -errno : count;
}

// A stranger's set may watch something that is always ready, and would keep this thread awake. An honest
// one has one edge to take, rarely two, until this thread asks for more.
static bool rings_for_ever(int set) {
  for (int look = 0; look < 8; look++)
    if (take_edge(set) <= 0) return false;
  return true;
}

static void ready(uv_poll_t *handle, int status, int events) {
  poll_t *poll = handle->data;
  if (poll->closing) return;
  int64_t received = status;
  // libuv says EBADF for a socket with an error pending (ECONNRESET): the socket itself knows better.
  if (poll->mode == MESSAGES && (status < 0 || (events & 1))) {
    ancillary_t *ancillary = (ancillary_t *)(void *)poll->ancillary.data;
    received = receive_message(poll->env, poll->fd, poll->bytes, ancillary);
    if (received == -EAGAIN && events == 1) return;
  } else if (poll->mode == DOORBELL && status >= 0) {
    // Never blocks, whatever the ringer did to the set: the edge is consumed, or nothing is.
    received = take_edge(poll->fd);
    if (received == 0 || received == -EINTR) return;
    if (received > 0 && (++poll->rings & 255) == 0 && rings_for_ever(poll->fd)) received = -EPROTO;
  }
  call_back(poll, events, received);
}

static poll_t *poll_argument(napi_env env, const arguments_t *args) {
  void *data = NULL;
  bool tagged = false;
  napi_valuetype type;
  if (args->count < 1 || napi_typeof(env, args->values[0], &type) != napi_ok) return NULL;
  if (type != napi_external) return NULL;
  if (napi_check_object_type_tag(env, args->values[0], &POLL_TAG, &tagged) != napi_ok || !tagged)
    return NULL;
  napi_get_value_external(env, args->values[0], &data);
  return data;
}

// pollOpen(fd, callback(events, received), mode, bytes?, ancillary?) -> external, or -errno. Modes:
//   0 report events     1 receive one message into bytes and ancillary first     2 consume a doorbell's edge
static napi_value poll_open(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  uv_loop_t *loop = NULL;
  poll_t *poll = calloc(1, sizeof *poll);
  if (poll == NULL) return number(env, -ENOMEM);
  poll->fd = fd_argument(env, &args, 0);
  poll->env = env;
  poll->mode = int_argument(env, &args, 2);
  poll->bytes = bytes_argument(env, &args, 3);
  poll->ancillary = bytes_argument(env, &args, 4);
  int flags = fcntl(poll->fd, F_GETFL);
  int result = uv_handle_size(UV_POLL_TYPE) > sizeof poll->handle ? -EINVAL : 0;
  napi_valuetype type = napi_undefined;
  if (args.count > 1) napi_typeof(env, args.values[1], &type);
  if (type != napi_function) result = -EINVAL;
  if (args.count < 3 || poll->mode < 0 || poll->mode >= MODE_COUNT) result = -EINVAL;
  if (poll->mode == MESSAGES &&
      (poll->bytes.data == NULL || poll->ancillary.length < sizeof(ancillary_t)))
    result = -EINVAL;
  if (result == 0 && napi_get_uv_event_loop(env, (struct uv_loop_s **)&loop) != napi_ok) result = -EINVAL;
  if (result == 0) result = uv_poll_init(loop, &poll->handle, poll->fd);
  if (result < 0) {
    free(poll);
    return number(env, result);
  }
  // uv_poll_init sets O_NONBLOCK on the description, which the peer may share.
  if (flags >= 0) fcntl(poll->fd, F_SETFL, flags);
  poll->handle.data = poll;
  poll->owners = 2;
  napi_value name, external = NULL;
  napi_create_string_utf8(env, "dmabuf", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, NULL, name, &poll->context);
  napi_create_reference(env, args.values[1], 1, &poll->callback);
  if (poll->mode == MESSAGES) {
    napi_create_reference(env, args.values[3], 1, &poll->bytes_ref);
    napi_create_reference(env, args.values[4], 1, &poll->ancillary_ref);
  }
  napi_add_async_cleanup_hook(env, on_environment_end, poll, &poll->hook);
  napi_create_external(env, poll, finalize_poll, NULL, &external);
  napi_type_tag_object(env, external, &POLL_TAG);
  return external;
}

// pollStart(poll, events) -> 0. events: 1 readable, 2 writable, 4 the peer has gone, 0 stops.
static napi_value poll_start(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  poll_t *poll = poll_argument(env, &args);
  int events = int_argument(env, &args, 1);
  if (poll == NULL || poll->closing) return number(env, -EBADF);
  if (events < 0 || events > 7) return number(env, -EINVAL);
  if (events == 0) return number(env, uv_poll_stop(&poll->handle));
  return number(env, uv_poll_start(&poll->handle, events, ready));
}

// pollRef(poll, on) -> 0: whether it keeps the event loop alive.
static napi_value poll_ref(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  poll_t *poll = poll_argument(env, &args);
  if (poll == NULL || poll->closing) return number(env, -EBADF);
  if (int_argument(env, &args, 1) != 0) uv_ref(&poll->handle);
  else uv_unref(&poll->handle);
  return number(env, 0);
}

// pollClose(poll) -> 0. Idempotent; close the descriptor after this, not before.
static napi_value poll_close(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  poll_t *poll = poll_argument(env, &args);
  if (poll == NULL) return number(env, -EBADF);
  close_poll(poll);
  return number(env, 0);
}

void export_poll(napi_env env, napi_value exports) {
  const export_t list[] = {{"pollOpen", poll_open},
                           {"pollStart", poll_start},
                           {"pollRef", poll_ref},
                           {"pollClose", poll_close}};
  EXPORT(env, exports, list);
}
