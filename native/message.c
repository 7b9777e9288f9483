// Messages with descriptors (SCM_RIGHTS). Never blocks and never raises SIGPIPE.
#include "message.h"
#include "families.h"
#include "owned.h"

#include <sys/socket.h>
#include <unistd.h>

static void close_all(ancillary_t *ancillary) {
  for (int i = 0; i < ancillary->fd_count; i++) close(ancillary->fds[i]);
  ancillary->fd_count = 0;
}

static void take_control(struct msghdr *message, ancillary_t *ancillary) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level != SOL_SOCKET) continue;
    size_t size = c->cmsg_len - CMSG_LEN(0);
    if (c->cmsg_type == SCM_CREDENTIALS && size >= sizeof(struct ucred)) {
      struct ucred credentials;
      memcpy(&credentials, CMSG_DATA(c), sizeof credentials);
      ancillary->pid = credentials.pid;
      ancillary->uid = (int32_t)credentials.uid;
      ancillary->gid = (int32_t)credentials.gid;
    } else if (c->cmsg_type == SCM_RIGHTS) {
      size_t count = size / sizeof(int);
      for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
        if (ancillary->fd_count < MESSAGE_MAX_FDS) ancillary->fds[ancillary->fd_count++] = fd;
        else close(fd);
      }
    }
  }
}

int64_t receive_message(napi_env env, int socket, bytes_t bytes, ancillary_t *ancillary) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int) * MESSAGE_MAX_FDS) + CMSG_SPACE(sizeof(struct ucred))];
  } control;
  struct iovec vector = {bytes.data, bytes.length};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control,
                           .msg_controllen = sizeof control};
  ancillary->fd_count = 0;
  ancillary->pid = 0;
  ssize_t length;
  do length = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (length < 0 && errno == EINTR);
  if (length < 0) return -errno;
  if (message.msg_controllen > 0) take_control(&message, ancillary);
  if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
    close_all(ancillary);
    // There is space for as many as the kernel sends: it cuts only where it cannot install one.
    return message.msg_flags & MSG_CTRUNC ? -EMFILE : -EMSGSIZE;
  }
  for (int i = 0; i < ancillary->fd_count; i++) own_fd(env, ancillary->fds[i]);
  return length;
}

// receive(fd, bytes, ancillary: Int32Array(257)) -> bytes received; see receive_message.
static napi_value receive(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  bytes_t bytes = bytes_argument(env, &args, 1);
  bytes_t ancillary = bytes_argument(env, &args, 2);
  if (bytes.data == NULL || ancillary.data == NULL || ancillary.length < sizeof(ancillary_t))
    return number(env, -EINVAL);
  return number(env, receive_message(env, fd_argument(env, &args, 0), bytes,
                                     (ancillary_t *)(void *)ancillary.data));
}

// send(fd, bytes, lengthBytes, fds?: Int32Array) -> bytes sent. The descriptors stay the caller's.
static napi_value send_message(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  int fd = fd_argument(env, &args, 0);
  bytes_t bytes = bytes_argument(env, &args, 1);
  int64_t length = long_argument(env, &args, 2);
  bytes_t fds = args.count > 3 ? bytes_argument(env, &args, 3) : (bytes_t){NULL, 0};
  if (bytes.data == NULL || length < 0 || (size_t)length > bytes.length) return number(env, -EINVAL);
  if (fds.length == 0) {
    ssize_t sent;
    do sent = send(fd, bytes.data, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return result_of(env, sent);
  }
  if (fds.length > sizeof(int) * MESSAGE_MAX_FDS) return number(env, -EINVAL);
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int) * MESSAGE_MAX_FDS)];
  } control = {0};
  struct iovec vector = {bytes.data, (size_t)length};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control,
                           .msg_controllen = CMSG_SPACE(fds.length)};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(fds.length);
  memcpy(CMSG_DATA(header), fds.data, fds.length);
  ssize_t sent;
  do sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return result_of(env, sent);
}

void export_message(napi_env env, napi_value exports) {
  const export_t list[] = {{"receive", receive}, {"send", send_message}};
  EXPORT(env, exports, list);
}
