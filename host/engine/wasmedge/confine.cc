#include "confine.h"

#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace {

#if defined(__x86_64__)
constexpr uint32_t ARCHITECTURE = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t ARCHITECTURE = AUDIT_ARCH_AARCH64;
#else
#error "The guest program supports only x86-64 and aarch64"
#endif

// Bit that is set in the numbers of x32 system calls on x86-64. The filter kills a process that makes one.
constexpr uint32_t X32_BIT = 0x40000000;

// System calls that a guest process may make while it runs a module: to wait for and respond to the host, to manage memory,
// and those that libc needs to abort.
constexpr uint32_t RUN_ALLOWED[] = {
    __NR_recvmsg,       __NR_recvfrom,     __NR_sendto,      __NR_read,          __NR_close,
    __NR_munmap,        __NR_mremap,       __NR_madvise,     __NR_brk,           __NR_futex,
    __NR_rt_sigreturn,  __NR_rt_sigaction, __NR_getpid,      __NR_gettid,        __NR_tgkill,
    __NR_exit,          __NR_exit_group,   __NR_getrandom,   __NR_clock_gettime, __NR_restart_syscall,
    __NR_rt_sigprocmask, __NR_sigaltstack,
};
// System calls that are allowed while a module runs, unless their third argument requests executable memory.
constexpr uint32_t RUN_MAPPING[] = {__NR_mmap, __NR_mprotect};

constexpr uint32_t COMPILE_DENIED[] = {
    __NR_execve, __NR_execveat, __NR_socket, __NR_socketpair, __NR_connect, __NR_ptrace, __NR_kill,
    __NR_mount,  __NR_setns,    __NR_unshare, __NR_bpf,       __NR_process_vm_writev,
#ifdef __NR_fork
    __NR_fork,   __NR_vfork,
#endif
};

sock_filter statement(uint16_t code, uint32_t value) { return {code, 0, 0, value}; }
sock_filter jump(uint16_t code, uint32_t value, uint8_t yes, uint8_t no) { return {code, yes, no, value}; }

constexpr uint16_t LOAD_WORD = BPF_LD | BPF_W | BPF_ABS;
constexpr uint16_t JUMP_EQUAL = BPF_JMP | BPF_JEQ | BPF_K;
constexpr uint16_t JUMP_SET = BPF_JMP | BPF_JSET | BPF_K;
constexpr uint16_t RETURN = BPF_RET | BPF_K;

void setLimit(__rlimit_resource resource, rlim_t value) {
  rlimit limit{};
  getrlimit(resource, &limit);
  limit.rlim_cur = limit.rlim_max < value ? limit.rlim_max : value;
  limit.rlim_max = limit.rlim_cur;
  setrlimit(resource, &limit);
}

// Builds the seccomp program for a filter of system calls. Each jump says how many statements to skip if its condition holds,
// then how many if it does not.
std::vector<sock_filter> program(Filter filter) {
  std::vector<sock_filter> code;
  code.push_back(statement(LOAD_WORD, offsetof(seccomp_data, arch)));
  code.push_back(jump(JUMP_EQUAL, ARCHITECTURE, 1, 0));
  code.push_back(statement(RETURN, SECCOMP_RET_KILL_PROCESS));
  code.push_back(statement(LOAD_WORD, offsetof(seccomp_data, nr)));
  code.push_back(jump(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1));
  code.push_back(statement(RETURN, SECCOMP_RET_KILL_PROCESS));
  if (filter == Filter::compile) {
    for (uint32_t number : COMPILE_DENIED) {
      code.push_back(jump(JUMP_EQUAL, number, 0, 1));
      code.push_back(statement(RETURN, SECCOMP_RET_KILL_PROCESS));
    }
    code.push_back(statement(RETURN, SECCOMP_RET_ALLOW));
    return code;
  }
  for (uint32_t number : RUN_ALLOWED) {
    code.push_back(jump(JUMP_EQUAL, number, 0, 1));
    code.push_back(statement(RETURN, SECCOMP_RET_ALLOW));
  }
  if (filter == Filter::interpret) {
    code.push_back(jump(JUMP_EQUAL, __NR_write, 0, 4));
    code.push_back(statement(LOAD_WORD, offsetof(seccomp_data, args)));
    code.push_back(jump(JUMP_EQUAL, STDOUT_FILENO, 1, 0));
    code.push_back(statement(RETURN, SECCOMP_RET_KILL_PROCESS));
    code.push_back(statement(RETURN, SECCOMP_RET_ALLOW));
  }
  for (uint32_t number : RUN_MAPPING) {
    code.push_back(jump(JUMP_EQUAL, number, 0, 4));
    code.push_back(statement(LOAD_WORD, offsetof(seccomp_data, args) + 2 * sizeof(uint64_t)));
    code.push_back(jump(JUMP_SET, PROT_EXEC, 0, 1));
    code.push_back(statement(RETURN, SECCOMP_RET_KILL_PROCESS));
    code.push_back(statement(RETURN, SECCOMP_RET_ALLOW));
  }
  code.push_back(statement(RETURN, SECCOMP_RET_KILL_PROCESS));
  return code;
}

void closeFrom(int first) {
  if (syscall(__NR_close_range, first, ~0U, 0) == 0) return;
  for (long fd = first, end = sysconf(_SC_OPEN_MAX); fd < end; fd++) close(static_cast<int>(fd));
}

} // namespace

void confineProcess(int firstFd) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  syscall(SYS_capset, &header, none);
  closeFrom(firstFd);
  setLimit(RLIMIT_CORE, 0);
  setLimit(RLIMIT_NOFILE, 64);
  setLimit(RLIMIT_STACK, 8 << 20);
}

void limitData(uint64_t bytes) { setLimit(RLIMIT_DATA, bytes); }

void forbidThreads() { setLimit(RLIMIT_NPROC, 0); }

void limitCompiler(uint32_t cpuSeconds, uint64_t fileBytes) {
  setLimit(RLIMIT_CPU, cpuSeconds);
  setLimit(RLIMIT_FSIZE, fileBytes);
}

bool filterSystemCalls(Filter filter) {
  std::vector<sock_filter> code = program(filter);
  sock_fprog table{static_cast<unsigned short>(code.size()), code.data()};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &table, 0, 0) == 0;
}
