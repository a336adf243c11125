// Starts a program with foreign code in namespaces of its own, and ends it when the host ends or closes its end of FD_PARENT.
//   jailer guest|compiler|trial UID|same GID[,GID...] COMMAND...
// The ids are for a jailer that runs as root; 0 stands for ids that no other process of this system has. With `same` in place of UID,
// the program stays this user, in a user namespace if the system allows one.
//
// The jailer stays outside of the namespaces as the child process of the host, and ends as the program did. The program is the
// first process of its pid namespace, so the kernel ends whatever it has started together with it. The jailer uses only libc,
// so that it starts fast.
#include "constants.h"
#include "jail.h"
#include "late-jail.h"

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

// First user and group id for programs in a jail. Above it are 2^22 ids, one for each process id that the kernel gives. systemd
// leaves them unused (UIDS-GIDS.md in its sources).
constexpr uid_t USER_BASE = 0x70000000;

// Exit status of a shell that finds no program.
constexpr int NO_PROGRAM = 127;

constexpr int NAMESPACES = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

enum class Kind { guest, compiler, trial };

struct Options {
  Kind kind;
  bool keepsUser;
  Jail jail;
  char **command;
};

// Path of the folder in which a compiler works that has no file system of its own; empty if there is none.
char scratch[PATH_MAX] = "";

bool writeText(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  ssize_t length = static_cast<ssize_t>(std::strlen(text));
  bool isWritten = write(file, text, static_cast<size_t>(length)) == length;
  close(file);
  return isWritten;
}

// Makes this process root in its new user namespace. Outside of it, it stays the user `user`, and has no further ids.
bool mapUser(uid_t user, gid_t group) {
  char line[64];
  if (!writeText("/proc/self/setgroups", "deny")) return false;
  std::snprintf(line, sizeof line, "0 %u 1", user);
  if (!writeText("/proc/self/uid_map", line)) return false;
  std::snprintf(line, sizeof line, "0 %u 1", group);
  return writeText("/proc/self/gid_map", line);
}

// Whether this process may change its mounts. Some systems allow a user namespace, but nothing that its root then does. In a
// chroot, the kernel gives EINVAL, because the root is not a mount point.
bool canMount() { return mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 || errno == EINVAL; }

// Writes the program's process id into the memory that it shares with the host.
bool reportPid(pid_t pid) {
  uint32_t number = static_cast<uint32_t>(pid);
  return pwrite(FD_MAPPING, &number, sizeof number, GUEST_PID) == sizeof number;
}

// Starts the program. Runs in the new process. Waits for one byte from `parent`, and writes one to `ready` when the program is
// certain to be started.
[[noreturn]] void startProgram(const Options &options, int parent, int ready, uid_t user, gid_t group) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  char byte;
  if (read(parent, &byte, 1) != 1) _exit(EXIT_FAILED);
  // The kernel ends a compilation or a trial first when memory runs out, because it can be repeated. On a node, the parent has the value
  // of a system process.
  if (options.kind != Kind::guest) writeText("/proc/self/oom_score_adj", "1000");
  Separation separation = options.jail.separation;
  if (separation == Separation::userNamespace && !mapUser(user, group)) _exit(EXIT_FAILED);
  bool hasMounts = separation != Separation::none && (options.kind == Kind::trial ? mountRoot() : canMount());
  if (separation != Separation::none && (!hasMounts || sethostname("jail", 4) != 0)) _exit(EXIT_FAILED);
  if (scratch[0] != 0 && chdir(scratch) != 0) _exit(EXIT_FAILED);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (dup2(parent, FD_PARENT) < 0) _exit(EXIT_FAILED);
  // If the jailer ended before this process asked to end with it, the other end of the pipe is closed.
  pollfd jailer{FD_PARENT, 0, 0};
  if (poll(&jailer, 1, 0) != 0 || write(ready, "", 1) != 1) _exit(EXIT_FAILED);
  char variable[96];
  std::snprintf(variable, sizeof variable, "%s=%u %u %u", JAIL_VARIABLE, static_cast<unsigned>(separation),
                options.jail.user, options.jail.group);
  char *environment[] = {variable, nullptr};
  if (options.kind == Kind::trial) startLate(options.jail, options.command, environment + 1);
  execve(options.command[0], options.command, environment);
  _exit(NO_PROGRAM);
}

// Starts the program in a new process with this separation. Returns its process id, or -1 if the system does not allow that.
// Sets `parent` to an end of a pipe: the program closes the other end when it has entered its jail.
pid_t start(Options options, Separation separation, int &parent) {
  options.jail.separation = separation;
  int flags = separation == Separation::none ? 0 : NAMESPACES;
  if (separation == Separation::userNamespace) flags |= CLONE_NEWUSER;
  int lifetime[2], ready[2];
  if (pipe2(lifetime, O_CLOEXEC) != 0 || pipe2(ready, O_CLOEXEC) != 0) return -1;
  uid_t user = geteuid();
  gid_t group = getegid();
  pid_t pid = static_cast<pid_t>(syscall(SYS_clone, static_cast<unsigned long>(flags | SIGCHLD), 0, 0, 0, 0));
  if (pid == 0) {
    close(lifetime[1]);
    close(ready[0]);
    startProgram(options, lifetime[0], ready[1], user, group);
  }
  close(lifetime[0]);
  close(ready[1]);
  // The host reads the process id as soon as the program responds, so the program has to wait until it is there.
  bool isReported = pid > 0 && (options.kind != Kind::guest || reportPid(pid));
  char byte = 0;
  bool isStarted = isReported && write(lifetime[1], &byte, 1) == 1 && read(ready[0], &byte, 1) == 1;
  close(ready[0]);
  parent = lifetime[1];
  if (isStarted) return pid;
  close(lifetime[1]);
  if (pid > 0) waitpid(pid, nullptr, 0);
  return -1;
}

// Whether this process may take any user id: it is root, and in a user namespace that has all of them.
bool canTakeUser(uid_t user) {
  if (geteuid() != 0) return false;
  std::FILE *file = std::fopen("/proc/self/uid_map", "re");
  if (file == nullptr) return false;
  unsigned inside, outside, count;
  bool isMapped = false;
  while (std::fscanf(file, "%u %u %u", &inside, &outside, &count) == 3)
    isMapped |= user >= inside && user - inside < count;
  std::fclose(file);
  return isMapped;
}

void makeScratch() {
  const char *folder = getenv("TMPDIR");
  std::snprintf(scratch, sizeof scratch, "%s/nearlight-compile-XXXXXX", folder == nullptr ? "/tmp" : folder);
  if (mkdtemp(scratch) == nullptr) scratch[0] = 0;
}

void removeScratch() {
  DIR *folder = scratch[0] == 0 ? nullptr : opendir(scratch);
  if (folder == nullptr) return;
  while (dirent *entry = readdir(folder)) unlinkat(dirfd(folder), entry->d_name, 0);
  closedir(folder);
  rmdir(scratch);
}

// Waits until the program has ended, and ends it when the host closes FD_PARENT. As soon as the program has entered its jail,
// the jailer gives up its own privileges. It needs them until then to end the program. Returns the status as waitpid(2) does.
int watch(pid_t pid, int signals, int parent, const Jail &jail) {
  pollfd fds[] = {{signals, POLLIN, 0}, {FD_PARENT, 0, 0}, {parent, 0, 0}};
  int status = 0;
  for (;;) {
    if (poll(fds, 3, -1) < 0 && errno != EINTR) kill(pid, SIGKILL);
    if (waitpid(pid, &status, WNOHANG) == pid) return status;
    signalfd_siginfo info;
    if ((fds[0].revents & POLLIN) != 0 && read(signals, &info, sizeof info) < 0) kill(pid, SIGKILL);
    if (fds[1].revents != 0) {
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      return status;
    }
    if (fds[2].revents != 0) {
      close(parent);
      fds[2].fd = -1;
      dropPrivileges(jail);
      prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
  }
}

// Ends this process as the program has ended: with the same exit status, or by the same signal.
[[noreturn]] void endAs(int status) {
  if (WIFEXITED(status)) _exit(WEXITSTATUS(status));
  int number = WTERMSIG(status);
  signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  kill(getpid(), number);
  _exit(128 + number);
}

// Opens the descriptors below FD_PARENT that are not open, so that no other file gets their numbers.
void openMissing() {
  int fd;
  do fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd < FD_PARENT);
  close(fd);
}

int run(Options options) {
  openMissing();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  rlimit noCore{0, 0};
  setrlimit(RLIMIT_CORE, &noCore);
  fcntl(FD_PARENT, F_SETFD, FD_CLOEXEC);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, nullptr);
  int signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) return EXIT_FAILED;

  Jail &jail = options.jail;
  bool keepsUser = options.keepsUser;
  if (jail.user == 0 && !keepsUser) jail.user = jail.group = USER_BASE + static_cast<uid_t>(getpid());
  int parent = -1;
  pid_t pid = -1;
  if (!keepsUser && canTakeUser(jail.user)) pid = start(options, jail.separation = Separation::ownUser, parent);
  if (pid < 0) pid = start(options, jail.separation = Separation::userNamespace, parent);
  if (pid < 0 && keepsUser && canTakeUser(0)) pid = start(options, jail.separation = Separation::ownUser, parent);
  if (pid < 0) {
    jail.separation = Separation::none;
    if (options.kind == Kind::compiler) makeScratch();
    pid = start(options, jail.separation, parent);
  }
  if (pid < 0) return EXIT_FAILED;
  for (int fd = 0; fd < FD_PARENT; fd++) close(fd);
  int status = watch(pid, signals, parent, jail);
  removeScratch();
  endAs(status);
}

} // namespace

int main(int count, char **arguments) {
  if (count < 5) {
    std::fprintf(stderr, "usage: jailer guest|compiler|trial UID|same GID[,GID...] COMMAND...\n");
    return EXIT_FAILED;
  }
  Options options{};
  if (std::strcmp(arguments[1], "compiler") == 0) options.kind = Kind::compiler;
  if (std::strcmp(arguments[1], "trial") == 0) options.kind = Kind::trial;
  options.keepsUser = std::strcmp(arguments[2], "same") == 0;
  options.jail.user = static_cast<uid_t>(std::strtoul(arguments[2], nullptr, 10));
  char *next = nullptr;
  options.jail.group = static_cast<gid_t>(std::strtoul(arguments[3], &next, 10));
  while (*next == ',') options.jail.groups.push_back(static_cast<gid_t>(std::strtoul(next + 1, &next, 10)));
  options.command = arguments + 4;
  return run(options);
}
