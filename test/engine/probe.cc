// Runs in a jail in place of the guest program or the compiler, and finds out what is possible there.
//   probe calls PHASE TRY...   tries system calls under the filter of a phase: load, run, interpret, compile or trial. Each TRY is a
//                              number and six arguments. Prints one line for each: "killed", or "allowed" and an errno.
//   probe look                 enters the jail of a compiler and prints, line by line, the layers that hold and what it sees
//   probe attack NAME          enters the jail and the filter of a compiler, and attacks the system around it
//   probe unconfined NAME      makes the same attack without a jail
// An attack exits with status 0 if it was successful.
#include "constants.h"
#include "../../host/engine/wasmedge/filter.h"
#include "../../host/engine/wasmedge/jail.h"
#include "../../host/engine/wasmedge/limits.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static FilterOptions phaseOf(const char *name) {
  if (std::strcmp(name, "load") == 0) return {Phase::load, false};
  if (std::strcmp(name, "compile") == 0) return {Phase::compile, false};
  if (std::strcmp(name, "trial") == 0) return {Phase::trial, false};
  return {Phase::run, std::strcmp(name, "interpret") == 0};
}

// Makes one system call under a filter in a new process, and prints what happened. "PID" stands for the id of that process.
static void tryCall(const FilterOptions &phase, const char *text) {
  int child = fork();
  if (child == 0) {
    long values[7] = {};
    char copy[256];
    std::snprintf(copy, sizeof copy, "%s", text);
    int count = 0;
    for (char *word = std::strtok(copy, " "); word != nullptr && count < 7; word = std::strtok(nullptr, " "))
      values[count++] = std::strcmp(word, "PID") == 0 ? getpid() : std::strtol(word, nullptr, 0);
    alarm(5);
    if (!filterSystemCalls(phase)) _exit(200);
    errno = 0;
    syscall(values[0], values[1], values[2], values[3], values[4], values[5], values[6]);
    int error = errno;
    syscall(SYS_exit_group, error);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) std::puts("killed");
  else std::printf("allowed %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

static int look() {
  // landlock_create_ruleset with LANDLOCK_CREATE_RULESET_VERSION.
  std::printf("landlock %d\n", syscall(444, nullptr, 0, 1) > 0);
  uint32_t layers = enterJail({FD_PARENT + 1, 1 << 20, false, true});
  std::printf("layers %u\n", layers);
  std::printf("pid %d\n", getpid());
  char folder[4096] = "";
  std::printf("cwd %s\n", getcwd(folder, sizeof folder));
  DIR *root = opendir("/");
  while (dirent *entry = root == nullptr ? nullptr : readdir(root))
    if (entry->d_name[0] != '.') std::printf("root %s\n", entry->d_name);
  std::printf("readonly %d\n", mkdir("/x", 0700) != 0 && errno == EROFS);
  std::printf("scratch %d\n", open("file", O_WRONLY | O_CREAT, 0600) >= 0);
  std::printf("node %d\n", open("/bin/sh", O_RDONLY) >= 0);
  std::printf("mount %d\n", unshare(CLONE_NEWNS) == 0);
  return 0;
}

static int attack(const char *name, bool isConfined) {
  if (isConfined) {
    enterJail({FD_PARENT + 1, 1 << 20, false, true});
    filterSystemCalls({Phase::compile, false});
  }
  auto is = [&](const char *other) { return std::strcmp(name, other) == 0; };
  if (is("write /etc/passwd")) return open("/etc/passwd", O_WRONLY) < 0;
  if (is("read /etc/shadow")) return open("/etc/shadow", O_RDONLY) < 0;
  if (is("write into the cache")) return open(getenv("CACHE") ?: "/root/.cache/x", O_WRONLY | O_CREAT, 0600) < 0;
  if (is("leave a child behind")) return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) < 0;
  if (is("create an io_uring")) return syscall(425, 8, nullptr) < 0;
  if (is("open a socket")) return socket(AF_INET, SOCK_STREAM, 0) < 0;
  if (is("signal another process")) return kill(-1, SIGUSR1) < 0;
  if (is("signal a thread of another process")) return syscall(SYS_tgkill, 2, 2, SIGUSR1) < 0;
  if (is("make a user namespace")) return unshare(CLONE_NEWUSER) < 0;
  if (is("start a program")) return execl("/bin/sh", "sh", "-c", "true", nullptr) < 0;
  if (is("write to the node's terminal")) return syscall(SYS_ioctl, 2, 0x5412, "x") < 0;
#if defined(__x86_64__)
  if (is("use the 32-bit ABI")) {
    long result = 20; // getpid
    asm volatile("int $0x80" : "+a"(result) : : "memory");
    return result < 0;
  }
#endif
  if (is("make memory executable")) return mmap(nullptr, 4096, 7, 0x22, -1, 0) == reinterpret_cast<void *>(-1);
  return 2;
}

int main(int count, char **arguments) {
  setvbuf(stdout, nullptr, _IOLBF, 4096);
  if (count > 3 && std::strcmp(arguments[1], "calls") == 0) {
    enterJail({FD_PARENT + 1, 1 << 20, false, true});
    FilterOptions phase = phaseOf(arguments[2]);
    for (int i = 3; i < count; i++) tryCall(phase, arguments[i]);
    return 0;
  }
  if (count == 2 && std::strcmp(arguments[1], "look") == 0) return look();
  if (count == 3 && std::strcmp(arguments[1], "attack") == 0) return attack(arguments[2], true);
  if (count == 3 && std::strcmp(arguments[1], "unconfined") == 0) return attack(arguments[2], false);
  return 2;
}
