#include "process.h"

#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

std::string statField(pid_t pid, int wanted) {
  char text[1024];
  int file = open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC);
  ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
  if (file >= 0) close(file);
  if (length <= 0) return "";
  text[length] = 0;
  // The name, field 2, may contain blanks and parentheses.
  char *at = std::strrchr(text, ')');
  for (int field = 2; at != nullptr && field < wanted; field++) at = std::strchr(at + 1, ' ');
  return at == nullptr ? "" : std::string(at + 1, std::strcspn(at + 1, " "));
}

std::vector<char *> pointers(const std::vector<std::string> &words) {
  std::vector<char *> all;
  for (const std::string &word : words) all.push_back(const_cast<char *>(word.c_str()));
  all.push_back(nullptr);
  return all;
}

void unblockSignals() {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void openNull() {
  int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; fd++) dup2(null, fd);
  if (null > 2) close(null);
}
