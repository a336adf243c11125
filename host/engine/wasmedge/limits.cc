#include "limits.h"
#include "constants.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

// Lowers a limit, and returns whether it holds then. `value` is the soft limit, to which the hard one adds `extra`.
bool setLimit(__rlimit_resource resource, rlim_t value, rlim_t extra = 0) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0) return false;
  if (limit.rlim_max > value + extra) limit.rlim_max = value + extra;
  limit.rlim_cur = limit.rlim_max < value ? limit.rlim_max : value;
  return setrlimit(resource, &limit) == 0 && getrlimit(resource, &limit) == 0 && limit.rlim_cur <= value;
}

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigaction(signal, &action, nullptr);
}

} // namespace

bool limitResources(uint64_t files) {
  bool isLimited = setLimit(RLIMIT_CORE, 0);
  isLimited &= setLimit(RLIMIT_NOFILE, files);
  isLimited &= setLimit(RLIMIT_STACK, 8 << 20);
  isLimited &= setLimit(RLIMIT_MEMLOCK, 0);
  isLimited &= setLimit(RLIMIT_MSGQUEUE, 0);
  return isLimited;
}

bool limitData(uint64_t bytes) { return setLimit(RLIMIT_DATA, bytes); }

bool forbidThreads() { return setLimit(RLIMIT_NPROC, 0); }

bool limitFiles(uint64_t bytes) {
  handle(SIGXFSZ, SIG_IGN);
  return setLimit(RLIMIT_FSIZE, bytes);
}

bool limitCpu(uint32_t seconds) {
  handle(SIGXCPU, [](int) { _exit(EXIT_CPU_TIME); });
  // The kernel sends SIGXCPU at the soft limit, and kills the process at the hard one.
  return setLimit(RLIMIT_CPU, seconds, 1);
}

void exitOnAbort() {
  handle(SIGABRT, [](int) { _exit(EXIT_MEMORY); });
}
