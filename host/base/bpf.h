// Statements of seccomp filters (seccomp_filter, in the kernel's documentation), which are programs for the kernel's BPF machine.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace bpf {

#if defined(__x86_64__)
constexpr uint32_t ARCHITECTURE = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t ARCHITECTURE = AUDIT_ARCH_AARCH64;
#else
#error "Seccomp filters support only x86-64 and aarch64"
#endif

constexpr uint16_t LOAD_WORD = BPF_LD | BPF_W | BPF_ABS;
constexpr uint16_t AND = BPF_ALU | BPF_AND | BPF_K;
constexpr uint16_t JUMP_EQUAL = BPF_JMP | BPF_JEQ | BPF_K;
constexpr uint16_t JUMP_SET = BPF_JMP | BPF_JSET | BPF_K;
constexpr uint16_t JUMP_AT_LEAST = BPF_JMP | BPF_JGE | BPF_K;
constexpr uint16_t RETURN = BPF_RET | BPF_K;

using Code = std::vector<sock_filter>;

inline sock_filter statement(uint16_t code, size_t value) { return {code, 0, 0, static_cast<uint32_t>(value)}; }

// A jump over `yes` statements if the loaded word matches `value`, and over `no` statements if it does not.
inline sock_filter jump(uint16_t code, uint32_t value, uint8_t yes, uint8_t no) { return {code, yes, no, value}; }

// Loads the number of the system call.
inline sock_filter loadNumber() { return statement(LOAD_WORD, offsetof(seccomp_data, nr)); }

// Loads the lower half of an argument of the system call. It comes first on the processors that we support.
inline sock_filter loadArgument(uint32_t number) {
  return statement(LOAD_WORD, offsetof(seccomp_data, args) + number * sizeof(uint64_t));
}

// The action that makes a system call fail with this error number.
constexpr uint32_t refusal(int error) { return SECCOMP_RET_ERRNO | static_cast<uint32_t>(error); }

// Appends statements that kill the process if the system call is not one of this architecture's own ABI.
inline void expectArchitecture(Code &code) {
  code.push_back(statement(LOAD_WORD, offsetof(seccomp_data, arch)));
  code.push_back(jump(JUMP_EQUAL, ARCHITECTURE, 1, 0));
  code.push_back(statement(RETURN, SECCOMP_RET_KILL_PROCESS));
}

// Applies a filter to this thread or, if `allThreads` is set, to every thread of this process or to none. Returns 0; the id of a
// thread to which it cannot be applied; or -1 with errno set.
inline long install(Code &code, bool allThreads) {
  sock_fprog table{static_cast<unsigned short>(code.size()), code.data()};
  if (!allThreads) return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &table, 0, 0);
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &table);
}

// Makes io_uring_setup fail from now on. Node would use rings for waiting, and what a ring does passes by every filter that comes
// later.
inline bool forbidRings() {
  Code code{loadNumber(), jump(JUMP_EQUAL, __NR_io_uring_setup, 0, 1), statement(RETURN, refusal(ENOSYS)),
            statement(RETURN, SECCOMP_RET_ALLOW)};
  return install(code, false) == 0;
}

} // namespace bpf
