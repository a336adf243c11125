#include "late-jail.h"
#include "../../base/bpf.h"
#include "constants.h"
#include "limits.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr uint64_t FILES_MAX = 256; // Drivers of GPUs keep many files open.
constexpr int NICE = 5;             // The program's work can wait, that of running games cannot.

static_assert(LAYER_LIMITS < 256, "a byte holds all layers");

bool sendLayers(int socket, uint32_t layers) {
  uint8_t byte = static_cast<uint8_t>(layers);
  return write(socket, &byte, 1) == 1;
}

// The helper's side of the fork. It keeps the privileges that it needs until the program asks. Ends without an answer if the
// program ends before.
[[noreturn]] void help(const Jail &jail, int socket) {
  uint8_t layers = 0, request = 0;
  if (read(socket, &layers, 1) != 1 || read(socket, &request, 1) != 1) _exit(EXIT_FAILED);
  bool isEmpty = jail.separation != Separation::none && emptyRoot(jail, {FD_HELPER + 1, 0, false, false});
  sendLayers(socket, layers | (isEmpty ? LAYER_EMPTY_ROOT : 0));
  _exit(0);
}

} // namespace

void startLate(const Jail &jail, char **command, char **environment) {
  int pair[2];
  if (chdir("/") != 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) _exit(EXIT_FAILED);
  pid_t helper = fork();
  if (helper < 0) _exit(EXIT_FAILED);
  if (helper == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(pair[1], 0);
    syscall(SYS_close_range, 1U, ~0U, 0);
    help(jail, 0);
  }
  uint32_t layers = jail.separation != Separation::none && getpid() == 1 ? LAYER_NAMESPACES : 0;
  if (limitResources(FILES_MAX)) layers |= LAYER_LIMITS;
  if (getpriority(PRIO_PROCESS, 0) < NICE) setpriority(PRIO_PROCESS, 0, NICE);
  layers |= dropPrivileges(jail);
  if (!bpf::forbidRings() || !sendLayers(pair[0], layers)) _exit(EXIT_FAILED);
  close(pair[1]);
  endWithJailer();
  if (dup2(pair[0], FD_HELPER) < 0) _exit(EXIT_FAILED);
  close(FD_HELPER + 1);
  execve(command[0], command, environment);
  _exit(EXIT_FAILED);
}
