// The kernel's calls, with nothing in between: what a C program pays for each.
//
//   kernel OPERATION HEAP BYTES CPU
//
// HEAP: heap (/dev/dma_heap/system), udmabuf, memfd. OPERATION: bracket, attached (the same with the buffer imported
// by a DRM device), export, import (fences of a buffer), prime (import by a DRM device and closing that), allocate,
// touch (allocate, and write to each page), pass (a descriptor to another process, on that CPU, and back).
//
// Reads a number of operations per line from stdin, answers with a line of JSON, the mean; ends with stdin.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// Headers of older systems do not have these.
struct sync_file_argument {
  __u32 flags;
  __s32 fd;
};
#define EXPORT_SYNC_FILE _IOWR('b', 2, struct sync_file_argument)
#define IMPORT_SYNC_FILE _IOW('b', 3, struct sync_file_argument)

// libdrm's headers are not everywhere.
struct prime_handle {
  __u32 handle, flags;
  __s32 fd;
};
struct gem_close {
  __u32 handle, pad;
};
#define PRIME_FD_TO_HANDLE _IOWR('d', 0x2e, struct prime_handle)
#define GEM_CLOSE _IOW('d', 0x09, struct gem_close)

enum { PAGE = 4096, CARDS = 16 };
static int heap = -1, udmabuf = -1, card = -1;
static size_t length;

static double now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void check(int failed, const char *what) {
  if (!failed) return;
  perror(what);
  exit(1);
}

// --- buffers

static int make_memfd(void) {
  const int fd = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  check(fd < 0 || ftruncate(fd, (off_t)length) < 0, "memfd");
  check(fallocate(fd, 0, 0, (off_t)length) < 0, "fallocate");
  check(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0, "seal");
  return fd;
}

static int of_heap(void) {
  struct dma_heap_allocation_data data = {.len = length, .fd_flags = O_RDWR | O_CLOEXEC};
  check(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) < 0, "allocate");
  return (int)data.fd;
}

static int of_memfd(void) {
  const int memfd = make_memfd();
  struct udmabuf_create create = {.memfd = (__u32)memfd, .flags = UDMABUF_FLAGS_CLOEXEC, .size = length};
  const int fd = ioctl(udmabuf, UDMABUF_CREATE, &create);
  check(fd < 0, "udmabuf");
  close(memfd);
  return fd;
}

static int (*make)(void);

static volatile uint8_t *map(int fd) {
  void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  check(memory == MAP_FAILED, "mmap");
  return memory;
}

// --- operations

static int buffer = -1;
static volatile uint8_t *bytes;

static void sync_buffer(int fd, uint64_t flags) {
  struct dma_buf_sync sync = {.flags = flags};
  check(ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync) < 0, "sync");
}

static void bracket(void) {
  sync_buffer(buffer, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
  (void)bytes[0];
  sync_buffer(buffer, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
}

static int export_fences(void) {
  struct sync_file_argument argument = {.flags = DMA_BUF_SYNC_RW, .fd = -1};
  check(ioctl(buffer, EXPORT_SYNC_FILE, &argument) < 0, "export");
  return argument.fd;
}

static void export_and_close(void) { close(export_fences()); }

static int fences = -1;

static void import_fences(void) {
  struct sync_file_argument argument = {.flags = DMA_BUF_SYNC_READ, .fd = fences};
  check(ioctl(buffer, IMPORT_SYNC_FILE, &argument) < 0, "import");
}

static __u32 attach(void) {
  struct prime_handle prime = {.fd = buffer};
  check(ioctl(card, PRIME_FD_TO_HANDLE, &prime) < 0, "prime");
  return prime.handle;
}

static void attach_and_detach(void) {
  struct gem_close closing = {.handle = attach()};
  check(ioctl(card, GEM_CLOSE, &closing) < 0, "close");
}

static void allocate(void) {
  const int fd = make();
  if (make == make_memfd) munmap((void *)map(fd), length);
  close(fd);
}

static void touch(void) {
  const int fd = make();
  volatile uint8_t *memory = map(fd);
  if (make != make_memfd) sync_buffer(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
  for (size_t at = 0; at < length; at += PAGE) memory[at] = 1;
  if (make != make_memfd) sync_buffer(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
  munmap((void *)memory, length);
  close(fd);
}

// --- passing descriptors

static int peer = -1;

static void send_fd(int to, int fd) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control = {0};
  char byte = 1;
  struct iovec vector = {&byte, 1};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
  check(sendmsg(to, &message, MSG_NOSIGNAL) < 0, "send");
}

static int receive_fd(int from) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control = {0};
  char byte;
  int fd = -1;
  struct iovec vector = {&byte, 1};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) <= 0) exit(0);
  memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
  return fd;
}

static void pass(void) {
  send_fd(peer, buffer);
  close(receive_fd(peer));
}

static void start_peer(const char *cpu) {
  int pair[2];
  check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0, "socketpair");
  const pid_t child = fork();
  check(child < 0, "fork");
  peer = pair[0];
  if (child != 0) {
    close(pair[1]);
    return;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(atoi(cpu), &cpus);
  check(sched_setaffinity(0, sizeof cpus, &cpus) < 0, "sched_setaffinity");
  close(pair[0]);
  for (;;) {
    const int fd = receive_fd(pair[1]);
    send_fd(pair[1], fd);
    close(fd);
  }
}

// --- rounds

typedef struct {
  const char *name;
  void (*run)(void);
  int needs_buffer, needs_card;
} operation_t;

static const operation_t operations[] = {
    {"bracket", bracket, 1, 0},        {"attached", bracket, 1, 1},       {"export", export_and_close, 1, 0},
    {"import", import_fences, 1, 0},   {"prime", attach_and_detach, 1, 1}, {"allocate", allocate, 0, 0},
    {"touch", touch, 0, 0},            {"pass", pass, 1, 0},
};

// A device that imports a buffer of system memory.
static void open_card(void) {
  char path[32];
  for (int i = 0; i < CARDS; i++) {
    snprintf(path, sizeof path, "/dev/dri/card%d", i);
    card = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    struct prime_handle prime = {.fd = buffer};
    if (card >= 0 && ioctl(card, PRIME_FD_TO_HANDLE, &prime) == 0) {
      struct gem_close closing = {.handle = prime.handle};
      ioctl(card, GEM_CLOSE, &closing);
      return;
    }
    close(card);
  }
  check(1, "No DRM device imports the buffer");
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  const operation_t *operation = NULL;
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
    if (strcmp(operations[i].name, argv[1]) == 0) operation = &operations[i];
  if (operation == NULL) return 2;
  length = strtoull(argv[3], NULL, 10);
  make = strcmp(argv[2], "heap") == 0 ? of_heap : strcmp(argv[2], "udmabuf") == 0 ? of_memfd : make_memfd;
  heap = make == of_heap ? open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC) : -1;
  udmabuf = make == of_memfd ? open("/dev/udmabuf", O_RDWR | O_CLOEXEC) : -1;
  check(make == of_heap && heap < 0, "/dev/dma_heap/system");
  check(make == of_memfd && udmabuf < 0, "/dev/udmabuf");
  if (operation->needs_buffer) {
    buffer = make();
    bytes = map(buffer);
  }
  if (operation->needs_card) open_card();
  if (operation->run == bracket && operation->needs_card) attach();
  if (operation->run == import_fences) fences = export_fences();
  if (operation->run == pass) start_peer(argv[4]);
  printf("{\"ready\":true}\n");
  fflush(stdout);
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL) {
    const int count = atoi(line);
    if (count < 1) return 2;
    const double start = now_ns();
    for (int i = 0; i < count; i++) operation->run();
    printf("{\"ns\":%.1f}\n", (now_ns() - start) / count);
    fflush(stdout);
  }
  return 0;
}
