#include "files.h"

#include <cstdint>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

// The interface of Landlock (landlock(7)), which the headers of older systems lack.
constexpr long CREATE_RULESET = 444;
constexpr long ADD_RULE = 445;
constexpr long RESTRICT_SELF = 446;
constexpr uint32_t QUERY_VERSION = 1;
constexpr uint32_t PATH_BENEATH = 1;

// Number of kinds of access to files that each version of the interface knows, from version 1 on.
constexpr uint32_t ACCESS_KINDS[] = {13, 14, 15, 15, 16};

struct PathRule {
  uint64_t access;
  int32_t folder;
} __attribute__((packed));

} // namespace

void forbidFiles(bool workingDirectory) {
  constexpr long VERSION_MAX = sizeof ACCESS_KINDS / sizeof *ACCESS_KINDS;
  long version = syscall(CREATE_RULESET, nullptr, 0, QUERY_VERSION);
  if (version < 1) return;
  uint64_t every = (uint64_t{1} << ACCESS_KINDS[(version < VERSION_MAX ? version : VERSION_MAX) - 1]) - 1;
  int rules = static_cast<int>(syscall(CREATE_RULESET, &every, sizeof every, 0));
  if (rules < 0) return;
  if (workingDirectory) {
    PathRule rule{every, open(".", O_PATH | O_CLOEXEC)};
    syscall(ADD_RULE, rules, PATH_BENEATH, &rule, 0);
    close(rule.folder);
  }
  syscall(RESTRICT_SELF, rules, 0);
  close(rules);
}
