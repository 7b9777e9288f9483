// A viewer in C: joins a frame queue of `serveFrames(path)` and prints a line for each frame. It is written from
// docs/wire-format.md alone and needs nothing but the C library.
//
//   cc -std=c11 -O2 join-queue.c -o join-queue
//   join-queue PATH [mode=fifo|latest] [held=1] [frames=0] [hold=0] [fences=wait|pass] [release=now|late]
//
// frames: leave after so many (0: stay). hold: milliseconds that each frame is held. fences: take frames whose
// acquire fence is pending only once it has signalled, or at once and wait then. release: `late` gives the buffer
// back first and looks at the bytes afterwards, as a program does whose GPU is still at work.
//
// Each line is `frame TICKET LENGTH bytes CHECKSUM` (FNV-1a), `frame TICKET failed ERRNO`, or the last one: `end
// clean`, `end left`, or `end ERRNO REASON`.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif

enum { HELLO = 1, GOODBYE = 2, USER = 3, QUEUE_JOIN = 16, QUEUE_WELCOME = 17, QUEUE_BUFFERS = 18 };
enum { HEADER = 8, MAX_PACKET = 65536, MAX_FDS = 253, MAX_SLOTS = 64, PAGE = 4096 };
enum { OUR_VERSION = 2, OUR_FEATURES = 1 };

// Words of the queue's page, of a descriptor, and of our own page.
enum { Q_MAGIC = 0, Q_VERSION = 1, Q_SLOTS = 2, Q_WISH = 6, Q_PUBLISHED = 16, Q_READY = 18, Q_RING = 32 };
enum { Q_LEAVE = 160, Q_DESCRIPTORS = 256, DESCRIPTOR = 64, RING = 128 };
enum { D_TICKET = 0, D_FOURCC = 3, D_WIDTH = 6, D_HEIGHT = 7, D_PLANES = 8, D_PLANE = 10 };
enum { D_USED = 22, D_SERIAL = 23, D_RECTANGLES = 26, D_RECTANGLE = 28, D_FENCE = 60 };
enum { C_MAGIC = 0, C_VERSION = 1, C_WISH = 4, C_CURSOR = 8, C_CLAIMS = 12, C_RELEASING = 14 };

typedef struct {
  uint32_t serial; // 0: the slot has none
  uint64_t length;
  const uint8_t *bytes;
} buffer_t;

typedef struct {
  uint8_t type;
  int32_t argument;
  size_t length;
  int fd_count;
  int fds[MAX_FDS];
  uint8_t packet[MAX_PACKET];
} message_t;

typedef struct {
  // As asked for.
  bool latest, pass_fences, release_late;
  uint32_t max_held, frames, hold_ms;
  // The link.
  int socket;
  bool greeted, lenient, said_goodbye, ended;
  int goodbye_errno;
  char reason[1001];
  // Memory, and what is known of it.
  const uint32_t *queue;
  uint32_t *own;
  uint32_t slots, index, wish, answered;
  uint64_t cursor, published, ready;
  buffer_t buffers[MAX_SLOTS];
  const buffer_t *looked_at; // stays mapped; NULL between two frames
  int bell, rings; // the eventfd that we ring, the set that rings us
} viewer_t;

static message_t message; // the one under way

// --- the end

static void send_message(int socket, uint8_t type, int32_t argument, const void *payload, size_t length,
                         const int *fds, int fd_count) {
  uint8_t header[HEADER] = {0x0f, 0xdb, 1, type};
  memcpy(header + 4, &argument, sizeof argument);
  struct iovec parts[2] = {{header, sizeof header}, {(void *)(uintptr_t)payload, length}};
  union {
    char bytes[CMSG_SPACE(sizeof(int) * 4)];
    struct cmsghdr align;
  } control = {{0}};
  struct msghdr packet = {.msg_iov = parts, .msg_iovlen = 2};
  if (fd_count > 0) {
    packet.msg_control = control.bytes;
    packet.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)fd_count);
    struct cmsghdr *item = CMSG_FIRSTHDR(&packet);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)fd_count);
    memcpy(CMSG_DATA(item), fds, sizeof(int) * (size_t)fd_count);
  }
  // A peer that has left is noticed when we read.
  (void)sendmsg(socket, &packet, MSG_NOSIGNAL);
}

// Says why, to the peer as well, and ends this program.
static _Noreturn void leave(viewer_t *v, int error, const char *format, ...) {
  char reason[256];
  va_list args;
  va_start(args, format);
  vsnprintf(reason, sizeof reason, format, args);
  va_end(args);
  send_message(v->socket, GOODBYE, error, reason, strlen(reason), NULL, 0);
  printf("end %d %s\n", error, reason);
  exit(1);
}

// The link is over: says how, and ends this program.
static _Noreturn void finish(const viewer_t *v) {
  if (!v->said_goodbye) {
    printf("end %d the producer died\n", EOWNERDEAD);
    exit(1);
  }
  if (v->goodbye_errno == 0) {
    printf("end clean\n");
    exit(0);
  }
  printf("end %d %s\n", v->goodbye_errno, v->reason);
  exit(1);
}

// --- messages

static uint16_t u16_at(const uint8_t *at) {
  return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t u32_at(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

// Whole numbers travel as IEEE doubles.
static uint64_t f64_at(viewer_t *v, const uint8_t *at) {
  double value;
  memcpy(&value, at, sizeof value);
  if (!(value >= 0 && value < 9007199254740992.0) || value != (double)(uint64_t)value)
    leave(v, EPROTO, "not a whole number");
  return (uint64_t)value;
}

static void close_fds(void) {
  for (int i = 0; i < message.fd_count; i++) close(message.fds[i]);
  message.fd_count = 0;
}

// Takes a descriptor out of the message; the others are closed with it.
static int take_fd(viewer_t *v, int which) {
  if (which >= message.fd_count || message.fds[which] < 0) leave(v, EPROTO, "a descriptor is missing");
  const int fd = message.fds[which];
  message.fds[which] = -1;
  return fd;
}

static void take_descriptors(struct msghdr *packet) {
  message.fd_count = 0;
  for (struct cmsghdr *item = CMSG_FIRSTHDR(packet); item != NULL; item = CMSG_NXTHDR(packet, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    const size_t bytes = item->cmsg_len - CMSG_LEN(0);
    message.fd_count = (int)(bytes / sizeof(int));
    memcpy(message.fds, CMSG_DATA(item), bytes);
  }
}

// Reads one packet. False: there is none now, or the link has ended.
static bool read_packet(viewer_t *v) {
  static union {
    char bytes[CMSG_SPACE(sizeof(int) * MAX_FDS)];
    struct cmsghdr align;
  } control;
  struct iovec whole = {message.packet, sizeof message.packet};
  struct msghdr packet = {.msg_iov = &whole, .msg_iovlen = 1, .msg_control = control.bytes};
  ssize_t length;
  do {
    packet.msg_controllen = sizeof control.bytes;
    length = recvmsg(v->socket, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    // ECONNRESET comes once, and before the goodbye.
  } while (length < 0 && (errno == EINTR || errno == ECONNRESET));
  if (length < 0 && errno == EAGAIN) return false;
  if (length <= 0) {
    v->ended = true;
    return false;
  }
  take_descriptors(&packet);
  const bool cut = (packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  if (cut || length < HEADER || u16_at(message.packet) != 0xdb0f || message.packet[2] != 1)
    leave(v, EPROTO, "not a message of ours");
  message.type = message.packet[3];
  message.argument = (int32_t)u32_at(message.packet + 4);
  message.length = (size_t)length - HEADER;
  return true;
}

static void take_hello(viewer_t *v) {
  const uint8_t *payload = message.packet + HEADER;
  uint16_t lowest = 1, highest = 1;
  uint32_t offered = 0, required = 0;
  if (message.length >= 12) {
    lowest = u16_at(payload);
    highest = u16_at(payload + 2);
    offered = u32_at(payload + 4);
    required = u32_at(payload + 8);
  }
  if (lowest > OUR_VERSION || highest < OUR_VERSION)
    leave(v, EPROTO, "the producer speaks versions %d to %d, this viewer speaks %d", lowest, highest, OUR_VERSION);
  if ((required & ~(uint32_t)OUR_FEATURES) != 0)
    leave(v, EPROTO, "the producer requires features %#x, this viewer has %#x", required, OUR_FEATURES);
  v->lenient = (offered & 1) != 0;
  v->greeted = true;
}

static void take_goodbye(viewer_t *v) {
  const size_t length = message.length < sizeof v->reason ? message.length : sizeof v->reason - 1;
  memcpy(v->reason, message.packet + HEADER, length);
  v->reason[length] = 0;
  // One line, whatever it says.
  for (char *at = v->reason; *at != 0; at++)
    if ((unsigned char)*at < ' ' || *at == 0x7f) *at = ' ';
  v->goodbye_errno = message.argument;
  v->said_goodbye = true;
}

// --- memory

static const void *map_readable(viewer_t *v, int fd, uint64_t length) {
  struct stat facts;
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) leave(v, EPROTO, "memory that may shrink");
  if (fstat(fd, &facts) < 0 || (uint64_t)facts.st_size < length) leave(v, EPROTO, "memory that is too short");
  const void *memory = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) leave(v, errno, "cannot map");
  close(fd);
  return memory;
}

// The entries of a welcome, or of another size; `fd` is the first of their descriptors.
static void take_buffers(viewer_t *v, const uint8_t *entries, size_t length, int fd) {
  if (length % 16 != 0) leave(v, EPROTO, "half an entry");
  for (size_t at = 0; at < length; at += 16) {
    const uint32_t slot = u32_at(entries + at), serial = u32_at(entries + at + 4);
    const uint64_t bytes = f64_at(v, entries + at + 8);
    if (slot >= v->slots || serial == 0 || bytes > INT32_MAX) leave(v, EPROTO, "no buffer of this queue");
    buffer_t *buffer = &v->buffers[slot];
    if (buffer == v->looked_at) leave(v, EPROTO, "another buffer for a slot that is in use");
    if (buffer->bytes != NULL) munmap((void *)(uintptr_t)buffer->bytes, buffer->length);
    *buffer = (buffer_t){0};
    if (bytes == 0) continue;
    *buffer = (buffer_t){serial, bytes, map_readable(v, take_fd(v, fd++), bytes)};
  }
}

static uint32_t load(const uint32_t *word) {
  return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void store(uint32_t *word, uint32_t value) {
  __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

// Plain words: what publishes them is atomic, so their own order does not matter.
static uint32_t plain(const uint32_t *word) {
  return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void take_welcome(viewer_t *v) {
  const uint8_t *payload = message.packet + HEADER;
  if (message.length < 24) leave(v, EPROTO, "a short welcome");
  v->index = u32_at(payload);
  v->slots = u32_at(payload + 4);
  v->cursor = f64_at(v, payload + 8);
  if (v->index > 1023 || v->slots < 2 || v->slots > MAX_SLOTS || v->cursor < 1)
    leave(v, EPROTO, "no welcome of a queue");
  v->queue = map_readable(v, take_fd(v, 0), 1024 + 256 * (uint64_t)v->slots);
  v->rings = take_fd(v, 1);
  if (load(v->queue + Q_MAGIC) != 0x51424d44 || load(v->queue + Q_VERSION) != 2 ||
      load(v->queue + Q_SLOTS) != v->slots)
    leave(v, EPROTO, "a page that is no queue");
  take_buffers(v, payload + 24, message.length - 24, 2);
}

// Takes whatever the producer has sent.
static void read_link(viewer_t *v) {
  while (!v->ended && read_packet(v)) {
    if (message.type == GOODBYE) take_goodbye(v);
    else if (message.type == HELLO && !v->greeted) take_hello(v);
    else if (!v->greeted) leave(v, EPROTO, "the first message is no hello");
    else if (message.type == QUEUE_WELCOME && v->queue == NULL) take_welcome(v);
    else if (message.type == QUEUE_BUFFERS && v->queue != NULL)
      take_buffers(v, message.packet + HEADER, message.length, 0);
    else if (message.type != USER && !v->lenient) leave(v, EPROTO, "message of type %d", message.type);
    close_fds();
  }
}

// --- words

static uint64_t counter(const viewer_t *v, int word, uint64_t *largest) {
  const uint64_t high = load(v->queue + word + 1);
  const uint64_t value = high << 32 | load(v->queue + word);
  if (value > *largest) *largest = value;
  return *largest;
}

static void store_cursor(viewer_t *v, uint64_t ticket) {
  const bool carries = ticket >> 32 != v->cursor >> 32;
  v->cursor = ticket;
  store(v->own + C_CURSOR, (uint32_t)ticket);
  if (carries) store(v->own + C_CURSOR + 1, (uint32_t)(ticket >> 32));
}

static void set_bit(viewer_t *v, int words, uint32_t slot, bool set) {
  uint32_t *word = v->own + words + slot / 32;
  const uint32_t bit = 1u << slot % 32;
  store(word, set ? *word | bit : *word & ~bit);
}

static void ask_to_be_rung(viewer_t *v) {
  v->wish = v->wish == INT32_MAX ? 1 : v->wish + 1;
  store(v->own + C_WISH, v->wish);
}

static void ring_if_wanted(viewer_t *v) {
  const uint32_t wish = load(v->queue + Q_WISH);
  const uint64_t one = 1;
  if (wish == v->answered) return;
  v->answered = wish;
  if (wish != 0 && write(v->bell, &one, sizeof one) < 0 && errno != EAGAIN) leave(v, errno, "cannot ring");
}

static void give_back(viewer_t *v, uint32_t slot) {
  set_bit(v, C_CLAIMS, slot, false);
  ring_if_wanted(v);
}

static const uint32_t *descriptor_of(const viewer_t *v, uint32_t slot) {
  return v->queue + Q_DESCRIPTORS + DESCRIPTOR * slot;
}

static uint32_t slot_of(viewer_t *v, uint64_t ticket) {
  const uint32_t slot = plain(v->queue + Q_RING + ticket % RING);
  if (slot >= v->slots) leave(v, EPROTO, "ticket %llu names slot %u", (unsigned long long)ticket, slot);
  return slot;
}

// --- taking a frame

typedef struct {
  uint64_t ticket;
  uint32_t slot, words[DESCRIPTOR];
} frame_t;

static void check_format(viewer_t *v, const frame_t *frame, uint64_t length) {
  const uint32_t *word = frame->words;
  const bool shape = word[D_WIDTH] - 1 < 16384 && word[D_HEIGHT] - 1 < 16384 && word[D_PLANES] - 1 < 4;
  if (!shape) leave(v, EPROTO, "a frame of %u x %u with %u planes", word[D_WIDTH], word[D_HEIGHT], word[D_PLANES]);
  for (uint32_t i = 0; i < word[D_PLANES]; i++) {
    const uint32_t *plane = word + D_PLANE + 3 * i;
    if (plane[0] + (uint64_t)plane[1] * plane[2] > length) leave(v, EPROTO, "plane %u ends behind the buffer", i);
  }
  for (uint32_t i = 0; i < word[D_RECTANGLES]; i++) {
    const uint32_t *at = word + D_RECTANGLE + 4 * i;
    if ((uint64_t)at[0] + at[2] > word[D_WIDTH] || (uint64_t)at[1] + at[3] > word[D_HEIGHT])
      leave(v, EPROTO, "damage outside the frame");
  }
}

static void check_descriptor(viewer_t *v, const frame_t *frame) {
  const uint32_t *word = frame->words;
  const uint64_t ticket = (uint64_t)word[D_TICKET + 1] << 32 | word[D_TICKET];
  const uint64_t length = v->buffers[frame->slot].length;
  if (ticket != frame->ticket) leave(v, EPROTO, "the descriptor is of another frame");
  if (word[D_USED] > length || word[D_RECTANGLES] > 8) leave(v, EPROTO, "the descriptor makes no sense");
  if (word[D_FOURCC] != 0) check_format(v, frame, length);
}

static bool told_to_leave(const viewer_t *v) {
  return (load(v->queue + Q_LEAVE + v->index / 32) >> v->index % 32 & 1) != 0;
}

static bool has_buffer(const viewer_t *v, uint32_t slot) {
  return v->buffers[slot].serial != 0 && v->buffers[slot].serial == plain(descriptor_of(v, slot) + D_SERIAL);
}

// The end of a link that was told to leave: its goodbye is there, or on its way, or did not fit.
static _Noreturn void finish_told(viewer_t *v) {
  struct pollfd link = {.fd = v->socket, .events = POLLIN};
  for (read_link(v); !v->ended && !v->said_goodbye && poll(&link, 1, 1000) > 0;) read_link(v);
  if (!v->said_goodbye) leave(v, EPIPE, "told to leave");
  finish(v);
}

// Claims the slot of a frame. False: there is none now.
static bool claim_next(viewer_t *v, frame_t *frame) {
  if (counter(v, Q_PUBLISHED, &v->published) < v->cursor) return false;
  frame->ticket = v->cursor;
  frame->slot = slot_of(v, frame->ticket);
  if (!v->pass_fences && load(descriptor_of(v, frame->slot) + D_FENCE) == 1) return false;
  set_bit(v, C_CLAIMS, frame->slot, true);
  return true;
}

static bool claim_newest(viewer_t *v, frame_t *frame) {
  const int word = v->pass_fences ? Q_PUBLISHED : Q_READY;
  uint64_t *largest = v->pass_fences ? &v->published : &v->ready;
  uint64_t newest = counter(v, word, largest);
  // Each turn needs a frame that was published in between.
  for (int turn = 0; turn < 1000; turn++) {
    if (newest < v->cursor) return false;
    frame->ticket = newest;
    frame->slot = slot_of(v, newest);
    set_bit(v, C_CLAIMS, frame->slot, true);
    newest = counter(v, word, largest);
    if (newest == frame->ticket) return true;
    give_back(v, frame->slot);
  }
  leave(v, EPROTO, "the producer publishes without end");
}

static bool take_frame(viewer_t *v, frame_t *frame) {
  if (!(v->latest ? claim_newest(v, frame) : claim_next(v, frame))) return false;
  if (told_to_leave(v)) {
    set_bit(v, C_CLAIMS, frame->slot, false);
    finish_told(v);
  }
  if (!has_buffer(v, frame->slot)) read_link(v);
  if (!has_buffer(v, frame->slot)) {
    give_back(v, frame->slot);
    return false;
  }
  for (int i = 0; i < DESCRIPTOR; i++) frame->words[i] = plain(descriptor_of(v, frame->slot) + i);
  check_descriptor(v, frame);
  store_cursor(v, frame->ticket + 1);
  return true;
}

// --- the program

static void sleep_until_something(viewer_t *v) {
  struct pollfd both[2] = {{.fd = v->rings, .events = POLLIN}, {.fd = v->socket, .events = POLLIN}};
  if (poll(both, v->ended ? 1 : 2, -1) < 0 && errno != EINTR) leave(v, errno, "poll");
  struct epoll_event rung;
  if (both[0].revents != 0 && epoll_wait(v->rings, &rung, 1, 0) < 0 && errno != EINTR)
    leave(v, EPROTO, "a doorbell that is none");
  if (both[1].revents != 0) read_link(v);
}

// The state of the acquire fence once it is not pending any more: 0 ready, an errno where the frame has failed.
static int wait_for_fence(viewer_t *v, uint32_t slot) {
  const uint32_t *fence = descriptor_of(v, slot) + D_FENCE;
  uint32_t state;
  while ((state = load(fence)) == 1) {
    ask_to_be_rung(v);
    if ((state = load(fence)) != 1) break;
    if (v->ended) finish(v);
    sleep_until_something(v);
  }
  // Of one look: the next may say something else.
  const uint32_t error = 0u - state;
  return error > 4095 ? EPROTO : (int)error;
}

// FNV-1a.
static uint32_t checksum(const uint8_t *bytes, uint32_t length) {
  uint32_t sum = 2166136261u;
  for (uint32_t i = 0; i < length; i++) sum = (sum ^ bytes[i]) * 16777619u;
  return sum;
}

static void use_frame(viewer_t *v, const frame_t *frame) {
  const uint32_t used = frame->words[D_USED];
  v->looked_at = &v->buffers[frame->slot];
  const int failed = wait_for_fence(v, frame->slot);
  if (v->release_late) {
    set_bit(v, C_RELEASING, frame->slot, true);
    give_back(v, frame->slot);
  }
  if (v->hold_ms > 0) usleep(v->hold_ms * 1000);
  if (failed != 0) printf("frame %llu failed %d\n", (unsigned long long)frame->ticket, failed);
  else
    printf("frame %llu %u bytes %08x\n", (unsigned long long)frame->ticket, used,
           checksum(v->looked_at->bytes, used));
  fflush(stdout);
  v->looked_at = NULL;
  if (v->release_late) {
    set_bit(v, C_RELEASING, frame->slot, false);
    ring_if_wanted(v);
  } else give_back(v, frame->slot);
}

static void run(viewer_t *v) {
  frame_t frame;
  for (uint32_t seen = 0; v->frames == 0 || seen < v->frames;) {
    if (take_frame(v, &frame)) {
      use_frame(v, &frame);
      seen++;
      continue;
    }
    ask_to_be_rung(v);
    if (take_frame(v, &frame)) {
      use_frame(v, &frame);
      seen++;
    } else if (v->ended) finish(v);
    else sleep_until_something(v);
    // Whoever ended with an error has nothing more to give; after a clean goodbye the rest is read.
    if (v->ended && (!v->said_goodbye || v->goodbye_errno != 0)) finish(v);
  }
  send_message(v->socket, GOODBYE, 0, NULL, 0, NULL, 0);
  printf("end left\n");
}

static int make_own_page(viewer_t *v) {
  const int page = memfd_create("consumer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (page < 0 || ftruncate(page, PAGE) < 0) leave(v, errno, "cannot make a page");
  v->own = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
  if (v->own == MAP_FAILED) leave(v, errno, "cannot map a page");
  store(v->own + C_VERSION, 2);
  store(v->own + C_MAGIC, 0x43424d44);
  if (fcntl(page, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0 ||
      fcntl(page, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0)
    leave(v, errno, "cannot seal a page");
  return page;
}

static int make_doorbell(viewer_t *v) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLET};
  v->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  const int set = epoll_create1(EPOLL_CLOEXEC);
  if (v->bell < 0 || set < 0 || epoll_ctl(set, EPOLL_CTL_ADD, v->bell, &event) < 0)
    leave(v, errno, "cannot make a doorbell");
  return set;
}

static void join(viewer_t *v) {
  const uint16_t versions[2] = {OUR_VERSION, OUR_VERSION};
  const uint32_t features[2] = {OUR_FEATURES, 0};
  uint8_t hello[12];
  memcpy(hello, versions, sizeof versions);
  memcpy(hello + 4, features, sizeof features);
  send_message(v->socket, HELLO, 0, hello, sizeof hello, NULL, 0);
  const int fds[2] = {make_own_page(v), make_doorbell(v)};
  const uint32_t wanted[2] = {v->latest ? 1 : 0, v->max_held};
  send_message(v->socket, QUEUE_JOIN, 0, wanted, sizeof wanted, fds, 2);
  close(fds[0]);
  close(fds[1]);
  struct pollfd link = {.fd = v->socket, .events = POLLIN};
  while (v->queue == NULL) {
    if (poll(&link, 1, 5000) == 0) leave(v, ETIMEDOUT, "the producer does not answer");
    read_link(v);
    // A producer that has ended since it welcomed us left frames to read.
    if (v->queue == NULL && v->ended) finish(v);
  }
  const uint64_t first = v->cursor;
  v->cursor = 0;
  store_cursor(v, first);
}

static void connect_to(viewer_t *v, const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  v->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (v->socket < 0 || connect(v->socket, (struct sockaddr *)&address, sizeof address) < 0) {
    printf("end %d cannot connect to %s\n", errno, path);
    exit(1);
  }
}

static void take_option(viewer_t *v, const char *option) {
  const char *value = strchr(option, '=');
  if (value == NULL) exit(2);
  const uint32_t number = (uint32_t)strtoul(++value, NULL, 10);
  if (strncmp(option, "mode=", 5) == 0) v->latest = strcmp(value, "latest") == 0;
  else if (strncmp(option, "held=", 5) == 0) v->max_held = number;
  else if (strncmp(option, "frames=", 7) == 0) v->frames = number;
  else if (strncmp(option, "hold=", 5) == 0) v->hold_ms = number;
  else if (strncmp(option, "fences=", 7) == 0) v->pass_fences = strcmp(value, "pass") == 0;
  else if (strncmp(option, "release=", 8) == 0) v->release_late = strcmp(value, "late") == 0;
  else exit(2);
}

int main(int argc, char **argv) {
  static viewer_t viewer = {.max_held = 1};
  if (argc < 2) return 2;
  for (int i = 2; i < argc; i++) take_option(&viewer, argv[i]);
  connect_to(&viewer, argv[1]);
  join(&viewer);
  run(&viewer);
  return 0;
}
