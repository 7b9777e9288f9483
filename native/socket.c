// Unix SEQPACKET sockets: pair, listen, connect, accept, and who the peer is.
#include "families.h"
#include "owned.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const int KIND = SOCK_SEQPACKET | SOCK_CLOEXEC;

// socketPair(into: Int32Array(2)) -> 0. Blocking descriptors: every call here says MSG_DONTWAIT itself.
static napi_value socket_pair(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  bytes_t into = bytes_argument(env, &args, 0);
  if (into.data == NULL || into.length < 2 * sizeof(int)) return number(env, -EINVAL);
  int *pair = (int *)(void *)into.data;
  if (socketpair(AF_UNIX, KIND, 0, pair) < 0) return number(env, -errno);
  own_fd(env, pair[0]);
  own_fd(env, pair[1]);
  return number(env, 0);
}

static int address_of(napi_env env, const arguments_t *args, struct sockaddr_un *address) {
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  int length = string_argument(env, args, 0, address->sun_path, sizeof address->sun_path);
  return length == 0 ? -EINVAL : length;
}

// listen(path, mode, backlog) -> fd. The file appears with its final mode and never with a wider one.
static napi_value listen_at(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  struct sockaddr_un address;
  int length = address_of(env, &args, &address);
  if (length < 0) return number(env, length);
  int fd = socket(AF_UNIX, KIND | SOCK_NONBLOCK, 0);
  if (fd < 0) return number(env, -errno);
  // Linux gives the socket file the mode of the socket's inode, cut by the umask of the process.
  mode_t mode = (mode_t)uint_argument(env, &args, 1) & 0777;
  if (fchmod(fd, mode) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
      listen(fd, int_argument(env, &args, 2)) < 0) {
    int error = errno;
    close(fd);
    return number(env, -error);
  }
  // Ours by now (bind would have failed on an existing path); the umask may have taken bits away.
  if (chmod(address.sun_path, mode) < 0) {
    int error = errno;
    close(fd);
    return number(env, -error);
  }
  return number(env, own_fd(env, fd));
}

// connect(path) -> fd, -EAGAIN where the backlog is full (nothing to poll for: try again later).
static napi_value connect_to(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  struct sockaddr_un address;
  int length = address_of(env, &args, &address);
  if (length < 0) return number(env, length);
  int fd = socket(AF_UNIX, KIND | SOCK_NONBLOCK, 0);
  if (fd < 0) return number(env, -errno);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    int error = errno;
    close(fd);
    return number(env, -error);
  }
  return number(env, own_fd(env, fd));
}

// accept(fd) -> fd
static napi_value accept_one(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  int fd;
  do fd = accept4(fd_argument(env, &args, 0), NULL, NULL, SOCK_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  return result_of(env, own_fd(env, fd));
}

// peer(fd, into: Int32Array(3)) -> 0: pid, uid, gid of whoever connected (or made the pair).
static napi_value peer(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  bytes_t into = bytes_argument(env, &args, 1);
  struct ucred credentials;
  socklen_t length = sizeof credentials;
  if (into.data == NULL || into.length < sizeof credentials) return number(env, -EINVAL);
  if (getsockopt(fd_argument(env, &args, 0), SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0)
    return number(env, -errno);
  memcpy(into.data, &credentials, sizeof credentials);
  return number(env, 0);
}

// socketType(fd) -> SOCK_SEQPACKET where it is one of ours; -ENOTSOCK or another type otherwise
static napi_value is_link(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  int fd = fd_argument(env, &args, 0);
  int value = 0;
  socklen_t length = sizeof value;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &length) < 0) return number(env, -errno);
  if (value != AF_UNIX) return number(env, 0);
  length = sizeof value;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length) < 0) return number(env, -errno);
  return number(env, value == SOCK_SEQPACKET);
}

// passCredentials(fd, on) -> 0: messages then say which process sent them (a pair's SO_PEERCRED does not).
static napi_value pass_credentials(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  int on = int_argument(env, &args, 1);
  return result_of(env, setsockopt(fd_argument(env, &args, 0), SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
}

void export_socket(napi_env env, napi_value exports) {
  const export_t list[] = {
      {"socketPair", socket_pair}, {"listen", listen_at}, {"connect", connect_to},
      {"accept", accept_one},      {"peer", peer},        {"isLink", is_link},
      {"passCredentials", pass_credentials},
  };
  EXPORT(env, exports, list);
}
