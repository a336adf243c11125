#include "launch.h"
#include "process.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr int JAIL_FD = 3;   // The first descriptor that a program in a jail inherits.
constexpr int PARENT_FD = 5; // The jailer ends when the other end of this pipe is closed (FD_PARENT in mapping.ts).
constexpr int MESSAGES_FD = 2;
constexpr int HIGH_FD = 16; // Above all descriptors that programs inherit.
constexpr int EXIT_FAILED = 125;

// Gives a descriptor a number. `fd` must be above all such numbers.
void place(int fd, int number) {
  if (dup2(fd, number) < 0) _exit(EXIT_FAILED);
}

// Copies descriptors out of the way of the numbers that they get.
std::vector<int> raised(const std::vector<int> &fds) {
  std::vector<int> high;
  for (int fd : fds) high.push_back(fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD));
  return high;
}

[[noreturn]] void execute(const std::vector<std::string> &command) {
  std::vector<char *> words = pointers(command);
  char *none[] = {nullptr};
  execve(words[0], words.data(), none);
  _exit(EXIT_FAILED);
}

[[noreturn]] void becomeJailer(const Launch &launch, int lifetime, pid_t supervisor) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // A supervisor that has ended before that sends no signal.
  if (getppid() != supervisor) _exit(EXIT_FAILED);
  unblockSignals();
  std::vector<int> high = raised(launch.fds);
  int parent = fcntl(lifetime, F_DUPFD_CLOEXEC, HIGH_FD);
  openNull();
  for (size_t i = 0; i < high.size(); i++) place(high[i], i < 2 ? JAIL_FD + static_cast<int>(i) : MESSAGES_FD);
  place(parent, PARENT_FD);
  syscall(SYS_close_range, static_cast<unsigned>(PARENT_FD + 1), ~0U, 0);
  execute(launch.command);
}

} // namespace

int startJailed(const Launch &launch, Program &program) {
  int lifetime[2];
  if (launch.fds.size() < 2 || launch.fds.size() > 3) return EINVAL;
  if (pipe2(lifetime, O_CLOEXEC) != 0) return errno;
  pid_t supervisor = getpid();
  program.pid = fork();
  int error = errno;
  if (program.pid == 0) becomeJailer(launch, lifetime[0], supervisor);
  close(lifetime[0]);
  program.lifetime = lifetime[1];
  if (program.pid < 0) {
    end(program);
    return error;
  }
  program.started = statField(program.pid, START_FIELD);
  return 0;
}

void end(Program &program) {
  if (program.lifetime >= 0) close(program.lifetime);
  program.lifetime = -1;
}
