// A peer: Eclipse iceoryx, the same round trips as bench/sides/exchange.ts makes, in C++.
//
//   iceoryx waitset|poll none|byte|all LENGTH CPU_OF_THE_OTHER
//
// `waitset` sleeps in WaitSet::wait() until a sample is there; `poll` calls take() until it brings one.
// `none`: nobody looks at the bytes. `byte`: each side writes one and reads one. `all`: each side fills what it
// sends and searches what it gets for a byte that is not there.
//
// Needs iox-roudi with a mempool that holds LENGTH. Reads a number of round trips per line from stdin, answers
// with a line of JSON; ends with stdin.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <time.h>
#include <vector>

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>

namespace {

double now_ns() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

[[noreturn]] void fail(const char *what) {
  std::fprintf(stderr, "iceoryx: %s\n", what);
  std::exit(1);
}

// Set by SIGTERM. Whoever is killed without leaving makes RouDi fail an assertion when it ends.
std::atomic<bool> stopping{false};
iox::popo::WaitSet<1> *sleeping = nullptr;

void stop(int) {
  stopping = true;
  if (sleeping != nullptr) sleeping->markForDestruction();
}

struct Options {
  bool poll;
  std::string touch;
  uint32_t length;
  int cpu;
};

iox::capro::IdString_t id(const std::string &text) {
  return iox::capro::IdString_t(iox::cxx::TruncateToCapacity, text.c_str());
}

// One side: what it sends goes to `out`, what it gets comes from `in`. Events are named after the first
// process, so that nobody meets what a program before this one left behind.
class Side {
 public:
  Side(const Options &options, const std::string &run, const char *out, const char *in)
      : options_(options),
        publisher_({"dmabuf-bench", id(run), id(out)}),
        subscriber_({"dmabuf-bench", id(run), id(in)}, subscriberOptions()) {
    if (!options.poll)
      set_.attachState(subscriber_, iox::popo::SubscriberState::HAS_DATA).or_else([](auto) { fail("attachState"); });
    sleeping = &set_;
    while (!publisher_.hasSubscribers() ||
           subscriber_.getSubscriptionState() != iox::SubscribeState::SUBSCRIBED)
      usleep(1000);
  }

  void send(uint8_t value) {
    publisher_.loan(options_.length)
        .and_then([&](void *bytes) {
          if (options_.touch == "byte") *static_cast<volatile uint8_t *>(bytes) = value;
          if (options_.touch == "all") std::memset(bytes, value & 0x7f, options_.length);
          publisher_.publish(bytes);
        })
        .or_else([](auto &) { fail("no free chunk"); });
  }

  ~Side() { sleeping = nullptr; }
  Side(const Side &) = delete;
  Side &operator=(const Side &) = delete;

  // Returns the first byte; anything once it was told to stop.
  uint8_t receive() {
    uint8_t value = 0;
    for (bool taken = false; !taken && !stopping;) {
      if (!options_.poll) set_.wait();
      subscriber_.take().and_then([&](const void *bytes) {
        if (options_.touch == "byte") value = *static_cast<const volatile uint8_t *>(bytes);
        if (options_.touch == "all" && std::memchr(bytes, 0xff, options_.length) != nullptr)
          fail("a byte that nobody wrote");
        subscriber_.release(bytes);
        taken = true;
      });
    }
    return value;
  }

 private:
  static iox::popo::SubscriberOptions subscriberOptions() {
    iox::popo::SubscriberOptions options;
    options.queueCapacity = 2U;
    return options;
  }

  const Options options_;
  iox::popo::UntypedPublisher publisher_;
  iox::popo::UntypedSubscriber subscriber_;
  iox::popo::WaitSet<1> set_;
};

void run(Side &side, std::vector<double> &samples) {
  uint8_t value = 0;
  double last = now_ns();
  for (double &sample : samples) {
    side.send(value);
    value = static_cast<uint8_t>(side.receive() + 1);
    const double now = now_ns();
    sample = now - last;
    last = now;
  }
  std::sort(samples.begin(), samples.end());
  std::printf("{\"ns\":%.0f,\"p99\":%.0f}\n", samples[samples.size() / 2],
              samples[static_cast<size_t>(static_cast<double>(samples.size()) * 0.99)]);
  std::fflush(stdout);
}

void start_runtime(const std::string &run, const char *role) {
  iox::log::LogManager::GetLogManager().SetDefaultLogLevel(iox::log::LogLevel::kOff,
                                                           iox::log::LogLevelOutput::kHideLogLevel);
  const std::string name = run + role;
  iox::runtime::PoshRuntime::initRuntime(iox::RuntimeName_t(iox::cxx::TruncateToCapacity, name.c_str()));
}

void other(const Options &options, const std::string &name) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(options.cpu, &cpus);
  if (sched_setaffinity(0, sizeof cpus, &cpus) < 0) fail("sched_setaffinity");
  start_runtime(name, "-other");
  Side side(options, name, "back", "there");
  signal(SIGTERM, stop);
  for (;;) {
    const uint8_t value = side.receive();
    if (stopping) return;
    side.send(value);
  }
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  const Options options{std::strcmp(argv[1], "poll") == 0, argv[2],
                        static_cast<uint32_t>(std::atol(argv[3])), std::atoi(argv[4])};
  const std::string name = "bench" + std::to_string(getpid());
  // Before the runtime starts its threads.
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    other(options, name);
    return 0;
  }
  start_runtime(name, "-first");
  {
    Side side(options, name, "there", "back");
    std::printf("{\"ready\":true}\n");
    std::fflush(stdout);
    char line[64];
    while (std::fgets(line, sizeof line, stdin) != nullptr) {
      const long count = std::atol(line);
      if (count < 1) return 2;
      std::vector<double> samples(static_cast<size_t>(count));
      run(side, samples);
    }
  }
  kill(child, SIGTERM);
  waitpid(child, nullptr, 0);
  return 0;
}
