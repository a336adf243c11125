// Native code from a forged cache entry, as a shared library: its constructor runs while the library is loaded. The exit status
// says what it could do. It is compiled once for each ATTACK.
#include <cerrno>
#include <fcntl.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Exit statuses: the constructor ran and its attack failed, or was successful.
constexpr int FAILED = 70;
constexpr int SUCCESSFUL = 71;

__attribute__((constructor)) static void attack() {
  bool isSuccessful = false;
  switch (ATTACK) {
  case 1:
    isSuccessful = socket(AF_INET, SOCK_STREAM, 0) >= 0;
    break;
  case 2:
    isSuccessful = open("/etc/passwd", O_RDONLY) >= 0 || open("/proc/self/root", O_RDONLY) >= 0;
    break;
  case 3:
    isSuccessful = open("/scratch/other", O_WRONLY | O_CREAT, 0600) >= 0;
    break;
  case 4:
    isSuccessful = getpid() != 1;
    break;
  case 5:
    isSuccessful = syscall(SYS_tgkill, 2, 2, SIGUSR1) >= 0;
    break;
  case 6:
    isSuccessful = syscall(SYS_execve, "/bin/sh", nullptr, nullptr) >= 0;
    break;
  case 7: { // Opens every file in its own folder for reading. Nothing is there but itself.
    char up[] = "../../../../../../etc/passwd";
    isSuccessful = open(up, O_RDONLY) >= 0;
    break;
  }
  }
  _exit(isSuccessful ? SUCCESSFUL : FAILED);
}
