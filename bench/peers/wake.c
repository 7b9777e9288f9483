// The baseline: two C processes that wake each other, with nothing in between.
//
//   wake epoll CPU_OF_THE_OTHER    eventfd write, epoll_wait, eventfd read
//   wake futex CPU_OF_THE_OTHER    a shared word, FUTEX_WAKE, FUTEX_WAIT
//   wake mutex CPU_OF_THE_OTHER    three robust mutexes: each holds one, takes the next, releases its own
//
// Reads a number of round trips per line from stdin, answers with a line of JSON; ends with stdin.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 1 << 20 };
static double samples[MOST];

static double now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

// --- eventfd and epoll

typedef struct {
  int mine, theirs, set;
} wake_t;

static void watch(wake_t *side, int mine, int theirs) {
  struct epoll_event event = {.events = EPOLLIN};
  *side = (wake_t){.mine = mine, .theirs = theirs, .set = epoll_create1(0)};
  if (side->set < 0 || epoll_ctl(side->set, EPOLL_CTL_ADD, mine, &event) < 0) fail("epoll");
}

static void wake_other(const wake_t *side) {
  const uint64_t one = 1;
  if (write(side->theirs, &one, sizeof one) < 0) fail("write");
}

static void wait_mine(const wake_t *side) {
  struct epoll_event event;
  uint64_t value;
  while (epoll_wait(side->set, &event, 1, -1) < 0)
    if (errno != EINTR) fail("epoll_wait");
  if (read(side->mine, &value, sizeof value) < 0) fail("read");
}

// --- futex

// With three nobody can take one again that it has just released: the next is the other side's.
enum { MUTEXES = 3 };

typedef struct {
  _Atomic uint32_t ping;
  char apart[60];
  _Atomic uint32_t pong;
  pthread_mutex_t mutexes[MUTEXES];
} words_t;

static void store_and_wake(_Atomic uint32_t *word, uint32_t value) {
  atomic_store(word, value);
  syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static void wait_until(_Atomic uint32_t *word, uint32_t value) {
  for (uint32_t seen; (seen = atomic_load(word)) != value;)
    syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
}

// --- mutexes

static void make_mutexes(pthread_mutex_t *mutexes) {
  pthread_mutexattr_t kind;
  pthread_mutexattr_init(&kind);
  pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
  for (int i = 0; i < MUTEXES; i++)
    if (pthread_mutex_init(&mutexes[i], &kind) != 0) fail("pthread_mutex_init");
}

static void take_next(pthread_mutex_t *mutexes, uint32_t held) {
  if (pthread_mutex_lock(&mutexes[(held + 1) % MUTEXES]) != 0) exit(1);
  if (pthread_mutex_unlock(&mutexes[held % MUTEXES]) != 0) exit(1);
}

// --- the two sides

typedef enum { EPOLL, FUTEX, MUTEX } means_t;

typedef struct {
  means_t means;
  wake_t side;
  words_t *words;
  uint32_t round;
} link_t;


static void trip(link_t *link) {
  link->round++;
  if (link->means == EPOLL) {
    wake_other(&link->side);
    wait_mine(&link->side);
  } else if (link->means == FUTEX) {
    store_and_wake(&link->words->ping, link->round);
    wait_until(&link->words->pong, link->round);
  } else {
    take_next(link->words->mutexes, link->round - 1);
  }
}

static void echo(link_t *link) {
  for (;;) {
    link->round++;
    if (link->means == EPOLL) {
      wait_mine(&link->side);
      wake_other(&link->side);
    } else if (link->means == FUTEX) {
      wait_until(&link->words->ping, link->round);
      store_and_wake(&link->words->pong, link->round);
    } else {
      take_next(link->words->mutexes, link->round);
    }
  }
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void run(link_t *link, int count) {
  double last = now_ns();
  for (int i = 0; i < count; i++) {
    trip(link);
    const double now = now_ns();
    samples[i] = now - last;
    last = now;
  }
  qsort(samples, (size_t)count, sizeof *samples, ascending);
  printf("{\"ns\":%.0f,\"p99\":%.0f}\n", samples[count / 2], samples[(int)(count * 0.99)]);
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  link_t link = {.means = strcmp(argv[1], "futex") == 0 ? FUTEX : strcmp(argv[1], "mutex") == 0 ? MUTEX : EPOLL};
  const int ping = eventfd(0, EFD_NONBLOCK), pong = eventfd(0, EFD_NONBLOCK);
  link.words = mmap(NULL, sizeof *link.words, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (ping < 0 || pong < 0 || link.words == MAP_FAILED) fail("setup");
  make_mutexes(link.words->mutexes);
  if (pthread_mutex_lock(&link.words->mutexes[0]) != 0) fail("pthread_mutex_lock");
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(atoi(argv[2]), &cpus);
    if (sched_setaffinity(0, sizeof cpus, &cpus) < 0) fail("sched_setaffinity");
    watch(&link.side, ping, pong);
    if (pthread_mutex_lock(&link.words->mutexes[1]) != 0) fail("pthread_mutex_lock");
    store_and_wake(&link.words->pong, UINT32_MAX);
    echo(&link);
  }
  watch(&link.side, pong, ping);
  wait_until(&link.words->pong, UINT32_MAX);
  printf("{\"ready\":true}\n");
  fflush(stdout);
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL) {
    const int count = atoi(line);
    if (count < 1 || count > MOST) return 2;
    run(&link, count);
  }
  kill(child, SIGKILL);
  return 0;
}
