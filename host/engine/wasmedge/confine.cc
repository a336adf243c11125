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
constexpr uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t architecture = AUDIT_ARCH_AARCH64;
#else
#error "The guest program runs on x86-64 and aarch64"
#endif

// x32 calls on x86-64 have this bit; their numbers would slip past the lists below.
constexpr uint32_t x32Bit = 0x40000000;

// Waiting for and answering the host, memory, and what libc does to abort.
constexpr uint32_t runAllowed[] = {
    __NR_recvmsg,       __NR_recvfrom,     __NR_sendto,      __NR_read,          __NR_close,
    __NR_munmap,        __NR_mremap,       __NR_madvise,     __NR_brk,           __NR_futex,
    __NR_rt_sigreturn,  __NR_rt_sigaction, __NR_getpid,      __NR_gettid,        __NR_tgkill,
    __NR_exit,          __NR_exit_group,   __NR_getrandom,   __NR_clock_gettime, __NR_restart_syscall,
    __NR_rt_sigprocmask, __NR_sigaltstack,
};
// Allowed as long as their third argument does not ask for executable memory.
constexpr uint32_t runMapping[] = {__NR_mmap, __NR_mprotect};

constexpr uint32_t compileDenied[] = {
    __NR_execve, __NR_execveat, __NR_socket, __NR_socketpair, __NR_connect, __NR_ptrace, __NR_kill,
    __NR_mount,  __NR_setns,    __NR_unshare, __NR_bpf,       __NR_process_vm_writev,
#ifdef __NR_fork
    __NR_fork,   __NR_vfork,
#endif
};

sock_filter statement(uint16_t code, uint32_t value) { return {code, 0, 0, value}; }
sock_filter jump(uint16_t code, uint32_t value, uint8_t yes, uint8_t no) { return {code, yes, no, value}; }

constexpr uint16_t loadWord = BPF_LD | BPF_W | BPF_ABS;
constexpr uint16_t jumpEqual = BPF_JMP | BPF_JEQ | BPF_K;
constexpr uint16_t jumpSet = BPF_JMP | BPF_JSET | BPF_K;
constexpr uint16_t finish = BPF_RET | BPF_K;

void setLimit(__rlimit_resource resource, rlim_t value) {
  rlimit limit{};
  getrlimit(resource, &limit);
  limit.rlim_cur = limit.rlim_max < value ? limit.rlim_max : value;
  limit.rlim_max = limit.rlim_cur;
  setrlimit(resource, &limit);
}

std::vector<sock_filter> program(Filter filter) {
  std::vector<sock_filter> code;
  code.push_back(statement(loadWord, offsetof(seccomp_data, arch)));
  code.push_back(jump(jumpEqual, architecture, 1, 0));
  code.push_back(statement(finish, SECCOMP_RET_KILL_PROCESS));
  code.push_back(statement(loadWord, offsetof(seccomp_data, nr)));
  code.push_back(jump(BPF_JMP | BPF_JGE | BPF_K, x32Bit, 0, 1));
  code.push_back(statement(finish, SECCOMP_RET_KILL_PROCESS));
  if (filter == Filter::compile) {
    for (uint32_t number : compileDenied) {
      code.push_back(jump(jumpEqual, number, 0, 1));
      code.push_back(statement(finish, SECCOMP_RET_KILL_PROCESS));
    }
    code.push_back(statement(finish, SECCOMP_RET_ALLOW));
    return code;
  }
  for (uint32_t number : runAllowed) {
    code.push_back(jump(jumpEqual, number, 0, 1));
    code.push_back(statement(finish, SECCOMP_RET_ALLOW));
  }
  if (filter == Filter::interpret) {
    code.push_back(jump(jumpEqual, __NR_write, 0, 4));
    code.push_back(statement(loadWord, offsetof(seccomp_data, args)));
    code.push_back(jump(jumpEqual, STDOUT_FILENO, 1, 0));
    code.push_back(statement(finish, SECCOMP_RET_KILL_PROCESS));
    code.push_back(statement(finish, SECCOMP_RET_ALLOW));
  }
  for (uint32_t number : runMapping) {
    code.push_back(jump(jumpEqual, number, 0, 4));
    code.push_back(statement(loadWord, offsetof(seccomp_data, args) + 2 * sizeof(uint64_t)));
    code.push_back(jump(jumpSet, PROT_EXEC, 0, 1));
    code.push_back(statement(finish, SECCOMP_RET_KILL_PROCESS));
    code.push_back(statement(finish, SECCOMP_RET_ALLOW));
  }
  code.push_back(statement(finish, SECCOMP_RET_KILL_PROCESS));
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
