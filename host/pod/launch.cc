#include "launch.h"
#include "process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr int JAIL_FD = 3;   // The first descriptor that a program in a jail inherits.
constexpr int PARENT_FD = 5; // The jailer ends when the other end of this pipe is closed (FD_PARENT in mapping.ts).
constexpr int MESSAGES_FD = 2;
constexpr int HIGH_FD = 16; // Above all descriptors that programs inherit.
constexpr int EXIT_FAILED = 125;
constexpr size_t TRIAL_LIMITS = 2; // Words before the environment in the command of a trial.
constexpr int NICE = 5; // A new shader can wait, running games cannot.

// First user id for processes with foreign code. A trial gets the one at the place of its process id, as a jail does
// (host/engine/wasmedge/jailer.cc).
constexpr uid_t USER_BASE = 0x70000000;

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

[[noreturn]] void execute(const std::vector<std::string> &command, const std::vector<std::string> &environment = {}) {
  std::vector<char *> words = pointers(command), variables = pointers(environment);
  execve(words[0], words.data(), variables.data());
  _exit(EXIT_FAILED);
}

void limit(decltype(RLIMIT_CORE) resource, rlim_t most) {
  rlimit bound{most, most};
  if (setrlimit(resource, &bound) != 0) _exit(EXIT_FAILED);
}

// Executes the command of a trial (launch.h).
[[noreturn]] void executeTrial(const std::vector<std::string> &command) {
  if (command.size() <= TRIAL_LIMITS) _exit(EXIT_FAILED);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_DATA, std::strtoull(command[0].c_str(), nullptr, 10) * 1024);
  limit(RLIMIT_CPU, std::strtoull(command[1].c_str(), nullptr, 10));
  auto program = std::find_if(command.begin() + TRIAL_LIMITS, command.end(), [](auto &word) { return word[0] == '/'; });
  if (program == command.end()) _exit(EXIT_FAILED);
  execute({program, command.end()}, {command.begin() + TRIAL_LIMITS, program});
}

// If memory runs out, the kernel ends this process rather than the host or the game.
bool endFirst() {
  int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  bool isWritten = file >= 0 && write(file, "1000", 4) == 4;
  if (file >= 0) close(file);
  return isWritten;
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

// Enters the namespaces of the host, except the network, of which the trial gets an empty one. Its pid namespace it has already.
bool enterNamespaces(pid_t host) {
  std::vector<int> found;
  for (const char *name : {"ipc", "uts", "mnt"})
    found.push_back(open(("/proc/" + std::to_string(host) + "/ns/" + name).c_str(), O_RDONLY | O_CLOEXEC));
  for (int fd : found)
    if (fd < 0 || setns(fd, 0) != 0) return false;
  return unshare(CLONE_NEWNET) == 0;
}

bool becomeUser(uid_t user, const std::vector<gid_t> &groups) {
  for (int capability = 0; capability <= CAP_LAST_CAP; capability++) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (setgroups(groups.size(), groups.data()) != 0) return false;
  if (setresgid(user, user, user) != 0 || setresuid(user, user, user) != 0) return false;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  return syscall(SYS_capset, &header, none) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

// The trial's side of the fork. The kernel ends it together with the host, which is the first process of its pid namespace.
[[noreturn]] void becomeTrial(const Launch &launch, pid_t host, const std::vector<gid_t> &groups, int identity) {
  unblockSignals();
  pid_t own = 0;
  if (read(identity, &own, sizeof own) != sizeof own || !enterNamespaces(host)) _exit(EXIT_FAILED);
  std::vector<int> high = raised(launch.fds);
  if (high.size() != 2) _exit(EXIT_FAILED);
  for (int fd : {0, 1}) place(high[0], fd);
  place(high[1], 2);
  syscall(SYS_close_range, 3U, ~0U, 0);
  setpriority(PRIO_PROCESS, 0, NICE);
  if (!endFirst()) _exit(EXIT_FAILED);
  if (!becomeUser(USER_BASE + static_cast<uid_t>(own), groups)) _exit(EXIT_FAILED);
  executeTrial(launch.command);
}

// Returns the id of a process in its own pid namespace; 0 if there is no such process.
pid_t innerId(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("NSpid:", 0) == 0) return std::atoi(line.c_str() + line.find_last_of(" \t") + 1);
  return 0;
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
    release(program);
    return error;
  }
  program.started = statField(program.pid, START_FIELD);
  return 0;
}

int startTrial(const Launch &launch, pid_t host, const std::vector<gid_t> &groups, Program &program) {
  int identity[2];
  int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
  int hosts = open(("/proc/" + std::to_string(host) + "/ns/pid").c_str(), O_RDONLY | O_CLOEXEC);
  if (own < 0 || hosts < 0 || pipe2(identity, O_CLOEXEC) != 0) return errno;
  // The pid namespace of the next child. This process itself keeps its own.
  int error = setns(hosts, CLONE_NEWPID) != 0 ? errno : 0;
  if (error == 0) {
    program.pid = fork();
    error = program.pid < 0 ? errno : 0;
    if (program.pid == 0) becomeTrial(launch, host, groups, identity[0]);
    // Guests that start later must not see the host's processes.
    if (setns(own, CLONE_NEWPID) != 0) std::abort();
  }
  for (int fd : {own, hosts, identity[0]}) close(fd);
  if (error == 0) {
    program.inner = innerId(program.pid);
    program.started = statField(program.pid, START_FIELD);
    if (write(identity[1], &program.pid, sizeof program.pid) < 0) kill(program.pid, SIGKILL);
  }
  close(identity[1]);
  return error;
}

void end(Program &program) {
  if (program.lifetime < 0) kill(program.pid, SIGKILL);
  release(program);
}

void release(Program &program) {
  if (program.lifetime >= 0) close(program.lifetime);
  program.lifetime = -1;
}
