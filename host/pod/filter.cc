// The seccomp filter of a pod's host process. It allows what Node, Dawn with its Vulkan drivers, WebRTC and FFmpeg need once the host
// has started; everything else fails with EPERM. Among what is missing: to start programs and processes, to trace or signal others,
// to mount, to enter or create namespaces, to load modules and BPF programs, io_uring, userfaultfd, performance events and keys.
#include "filter.h"
#include "../base/bpf.h"

#include <cstring>
#include <sched.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace {

using bpf::JUMP_EQUAL;
using bpf::LOAD_WORD;
using bpf::RETURN;
using bpf::jump;
using bpf::refusal;
using bpf::statement;

// Bit that is set in the numbers of x32 system calls on x86-64. The filter kills a process that makes one.
constexpr uint32_t X32_BIT = 0x40000000;

constexpr uint32_t ALLOWED[] = {
    // Memory. V8 guards its code with protection keys where the processor has them.
    __NR_mmap, __NR_mprotect, __NR_munmap, __NR_mremap, __NR_madvise, __NR_brk, __NR_mincore, __NR_mlock, __NR_munlock,
    __NR_membarrier, __NR_memfd_create, __NR_msync, __NR_pkey_alloc, __NR_pkey_free, __NR_pkey_mprotect, __NR_get_mempolicy,
    __NR_mbind,
    // Files. The host's user has hardly any of its own.
    __NR_read, __NR_write, __NR_readv, __NR_writev, __NR_pread64, __NR_pwrite64, __NR_preadv, __NR_pwritev, __NR_close,
    __NR_close_range, __NR_lseek, __NR_openat, __NR_statx, __NR_fstat, __NR_newfstatat, __NR_faccessat,
    __NR_readlinkat, __NR_getdents64, __NR_fcntl, __NR_flock, __NR_ftruncate, __NR_fallocate, __NR_dup, __NR_dup3, __NR_pipe2,
    __NR_unlinkat, __NR_renameat, __NR_renameat2, __NR_mkdirat, __NR_getcwd, __NR_umask, __NR_fsync, __NR_fdatasync,
    __NR_statfs, __NR_fstatfs, __NR_utimensat, __NR_fchmod, __NR_fchmodat, __NR_fadvise64, __NR_sendfile,
#ifdef __NR_faccessat2
    __NR_faccessat2,
#endif
#if defined(__x86_64__)
    __NR_open, __NR_stat, __NR_lstat, __NR_access, __NR_readlink, __NR_dup2, __NR_pipe, __NR_unlink, __NR_rename,
    __NR_mkdir, __NR_rmdir, __NR_chmod, __NR_getdents, __NR_poll, __NR_select, __NR_epoll_wait, __NR_epoll_create,
    __NR_eventfd, __NR_time, __NR_getpgrp, __NR_arch_prctl, __NR_alarm,
#endif
    // Network and events.
    __NR_bind, __NR_listen, __NR_accept, __NR_accept4, __NR_connect, __NR_getsockname, __NR_getpeername, __NR_getsockopt,
    __NR_setsockopt, __NR_sendto, __NR_recvfrom, __NR_sendmsg, __NR_recvmsg, __NR_sendmmsg, __NR_recvmmsg, __NR_shutdown,
    __NR_socketpair, __NR_epoll_create1, __NR_epoll_ctl, __NR_epoll_pwait, __NR_eventfd2, __NR_ppoll, __NR_pselect6,
    __NR_timerfd_create, __NR_timerfd_settime, __NR_timerfd_gettime,
#ifdef __NR_epoll_pwait2
    __NR_epoll_pwait2,
#endif
    // Threads and signals.
    __NR_futex, __NR_set_robust_list, __NR_get_robust_list, __NR_set_tid_address, __NR_exit, __NR_exit_group, __NR_sched_yield,
    __NR_sched_getaffinity, __NR_sched_setaffinity, __NR_sched_getparam, __NR_sched_getscheduler, __NR_sched_setscheduler,
    __NR_sched_get_priority_max, __NR_sched_get_priority_min, __NR_getpriority, __NR_setpriority, __NR_rt_sigaction,
    __NR_rt_sigprocmask, __NR_rt_sigreturn, __NR_rt_sigtimedwait, __NR_rt_sigpending, __NR_sigaltstack, __NR_restart_syscall,
#ifdef __NR_rseq
    __NR_rseq,
#endif
    // Time, and facts about the process and the machine.
    __NR_clock_gettime, __NR_clock_getres, __NR_clock_nanosleep, __NR_nanosleep, __NR_gettimeofday, __NR_times, __NR_getpid,
    __NR_gettid, __NR_getppid, __NR_getuid, __NR_geteuid, __NR_getgid, __NR_getegid, __NR_getresuid, __NR_getresgid,
    __NR_getpgid, __NR_getsid, __NR_getgroups, __NR_capget, __NR_uname, __NR_sysinfo, __NR_getrusage, __NR_getrlimit, __NR_getcpu,
    __NR_getrandom, __NR_ioprio_get,
};

// Allows a system call if one of its arguments has one of these values; refuses it otherwise.
void allowValues(bpf::Code &code, uint32_t call, int number, const std::vector<uint32_t> &values) {
  code.push_back(jump(JUMP_EQUAL, call, 0, static_cast<uint8_t>(2 + 2 * values.size())));
  code.push_back(bpf::loadArgument(static_cast<uint32_t>(number)));
  for (uint32_t value : values) {
    code.push_back(jump(JUMP_EQUAL, value, 0, 1));
    code.push_back(statement(RETURN, SECCOMP_RET_ALLOW));
  }
  code.push_back(statement(RETURN, refusal(EPERM)));
}

// Allows a system call unless one of its arguments has one of these values.
void allowExcept(bpf::Code &code, uint32_t call, int number, const std::vector<uint32_t> &values) {
  code.push_back(jump(JUMP_EQUAL, call, 0, static_cast<uint8_t>(2 + 2 * values.size())));
  code.push_back(bpf::loadArgument(static_cast<uint32_t>(number)));
  for (uint32_t value : values) {
    code.push_back(jump(JUMP_EQUAL, value, 0, 1));
    code.push_back(statement(RETURN, refusal(EPERM)));
  }
  code.push_back(statement(RETURN, SECCOMP_RET_ALLOW));
}

bpf::Code program() {
  bpf::Code code;
  bpf::expectArchitecture(code);
  code.push_back(bpf::loadNumber());
  code.push_back(jump(bpf::JUMP_AT_LEAST, X32_BIT, 0, 1));
  code.push_back(statement(RETURN, SECCOMP_RET_KILL_PROCESS));
  for (uint32_t number : ALLOWED) {
    code.push_back(jump(JUMP_EQUAL, number, 0, 1));
    code.push_back(statement(RETURN, SECCOMP_RET_ALLOW));
  }
  // A new thread, but no new process. The flags of clone3 are in memory, where a filter cannot see them; glibc then uses clone.
  code.push_back(jump(JUMP_EQUAL, __NR_clone, 0, 4));
  code.push_back(bpf::loadArgument(0));
  code.push_back(jump(bpf::JUMP_SET, CLONE_THREAD, 0, 1));
  code.push_back(statement(RETURN, SECCOMP_RET_ALLOW));
  code.push_back(statement(RETURN, refusal(EPERM)));
#ifdef __NR_clone3
  code.push_back(jump(JUMP_EQUAL, __NR_clone3, 0, 1));
  code.push_back(statement(RETURN, refusal(ENOSYS)));
#endif
  uint32_t own = static_cast<uint32_t>(getpid());
  allowValues(code, __NR_tgkill, 0, {own});
  allowValues(code, __NR_prlimit64, 0, {0, own});
  allowValues(code, __NR_socket, 0, {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK});
  allowValues(code, __NR_prctl, 0, {PR_SET_NAME, PR_GET_NAME, PR_SET_VMA, PR_GET_DUMPABLE, PR_CAPBSET_READ});
  // Requests that type into a terminal. GPU drivers need most others.
  allowExcept(code, __NR_ioctl, 1, {TIOCSTI, 0x541C /* TIOCLINUX */});
  code.push_back(statement(RETURN, refusal(EPERM)));
  return code;
}

} // namespace

Napi::Value filterSystemCalls(const Napi::CallbackInfo &info) {
  bpf::Code code = program();
  long result = bpf::install(code, true);
  if (result != 0) {
    std::string why = result > 0 ? "not for thread " + std::to_string(result) : std::strerror(errno);
    Napi::Error::New(info.Env(), "seccomp: " + why).ThrowAsJavaScriptException();
  }
  return info.Env().Undefined();
}
