#include "filter.h"
#include "../../base/bpf.h"
#include "constants.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

namespace {

using bpf::AND;
using bpf::JUMP_EQUAL;
using bpf::LOAD_WORD;
using bpf::RETURN;

// A condition on one argument of a system call. It holds if the bits in `mask` have the values that they have in `value`. The
// upper half of an argument does not matter: the kernel ignores it where a condition is used here.
struct Condition {
  uint32_t argument;
  uint32_t mask;
  uint32_t value;
};

constexpr uint32_t WHOLE = ~0U;

// Bits of futex(2)'s operations FUTEX_WAIT, 0, and FUTEX_WAKE, 1.
constexpr uint32_t WAKE_OR_WAIT = FUTEX_WAIT | FUTEX_WAKE | FUTEX_PRIVATE_FLAG;
// Flags of futex(2) with which the C library waits for another thread.
constexpr uint32_t WAIT_FLAGS = FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME;

// Flags of a clone(2) that starts a thread, and those that it must not have because they make a new namespace.
constexpr uint32_t THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
constexpr uint32_t NEW_NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                    CLONE_NEWPID | CLONE_NEWNET | CLONE_VFORK;

// Flags of openat(2) with which a file cannot be changed.
constexpr uint32_t OPEN_CHANGES = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | O_PATH | (O_TMPFILE & ~O_DIRECTORY);

// Collects the statements of a filter. Calls that are allowed whatever their arguments are come first: kernels from 5.11 on
// then allow them without running the filter.
class Program {
public:
  Program() { bpf::expectArchitecture(code_); }

  void allow(std::initializer_list<uint32_t> numbers) {
    code_.push_back(bpf::loadNumber());
    for (uint32_t number : numbers) {
      addJump(number, 0, 1);
      add(RETURN, SECCOMP_RET_ALLOW);
    }
  }

  // Allows a call if all conditions hold. Another rule may allow the same call under other conditions.
  void allowIf(uint32_t number, std::initializer_list<Condition> conditions) {
    code_.push_back(bpf::loadNumber());
    size_t left = 3 * conditions.size() + 1;
    addJump(number, 0, static_cast<uint8_t>(left));
    for (const Condition &condition : conditions) {
      code_.push_back(bpf::loadArgument(condition.argument));
      add(AND, condition.mask);
      left -= 3;
      addJump(condition.value, 0, static_cast<uint8_t>(left));
    }
    add(RETURN, SECCOMP_RET_ALLOW);
  }

  // Makes calls fail with an error number.
  void refuse(std::initializer_list<uint32_t> numbers, int error) {
    code_.push_back(bpf::loadNumber());
    for (uint32_t number : numbers) {
      addJump(number, 0, 1);
      add(RETURN, bpf::refusal(error));
    }
  }

  // Makes a call fail if one argument has this value.
  void refuseIf(uint32_t number, uint32_t argument, uint32_t value, int error) {
    code_.push_back(bpf::loadNumber());
    addJump(number, 0, 3);
    code_.push_back(bpf::loadArgument(argument));
    addJump(value, 0, 1);
    add(RETURN, bpf::refusal(error));
  }

  // Applies the filter to this thread, or to all threads of this process. `action` is what happens at every other call.
  bool install(uint32_t action = SECCOMP_RET_KILL_PROCESS, bool allThreads = false) {
    add(RETURN, action);
    return bpf::install(code_, allThreads) == 0;
  }

private:
  void add(uint16_t code, size_t value) { code_.push_back(bpf::statement(code, value)); }
  void addJump(uint32_t value, uint8_t yes, uint8_t no) { code_.push_back(bpf::jump(JUMP_EQUAL, value, yes, no)); }

  bpf::Code code_;
};

// Allows the calls of every phase: for memory, for signals that the process handles itself, and to exit.
void allowBasics(Program &program) {
  program.allow({__NR_brk, __NR_munmap, __NR_mremap, __NR_madvise, __NR_rt_sigaction, __NR_rt_sigprocmask,
                 __NR_rt_sigreturn, __NR_getpid, __NR_gettid, __NR_clock_gettime, __NR_exit_group});
  program.allowIf(__NR_tgkill, {{0, WHOLE, static_cast<uint32_t>(getpid())}});
  program.allowIf(__NR_mmap, {{2, PROT_EXEC, 0}});
  program.allowIf(__NR_mprotect, {{2, PROT_EXEC, 0}});
  program.allowIf(__NR_futex, {{1, ~WAKE_OR_WAIT, 0}});
}

// Allows the calls that load native code: to copy it, for the dynamic loader, and for the limits and the filter that follow.
void allowLoading(Program &program) {
  program.allow({__NR_read, __NR_pread64, __NR_fstat, __NR_newfstatat, __NR_getcwd, __NR_close});
#ifdef __NR_stat
  program.allow({__NR_stat});
#endif
  program.allowIf(__NR_openat, {{2, OPEN_CHANGES, O_RDONLY}});
  program.allowIf(__NR_write, {{0, WHOLE, FD_CODE}});
  program.allowIf(__NR_mmap, {{2, PROT_EXEC | PROT_WRITE, PROT_EXEC}});
  program.allowIf(__NR_prlimit64, {{0, WHOLE, 0}});
  program.allowIf(__NR_prctl, {{0, WHOLE, PR_SET_SECCOMP}});
}

// Allows the calls of LLVM and its linker: for threads, and for files in the scratch folder.
void allowCompiling(Program &program) {
  program.allow({__NR_read, __NR_pread64, __NR_write, __NR_writev, __NR_lseek, __NR_openat, __NR_close, __NR_fstat,
                 __NR_newfstatat, __NR_ftruncate, __NR_fallocate, __NR_getcwd, __NR_unlinkat, __NR_sigaltstack,
                 __NR_getrandom, __NR_sched_getaffinity, __NR_set_robust_list, __NR_rseq, __NR_exit,
                 __NR_restart_syscall});
#ifdef __NR_stat
  program.allow({__NR_stat, __NR_access, __NR_unlink, __NR_rename});
#else
  program.allow({__NR_faccessat, __NR_renameat});
#endif
  program.allowIf(__NR_futex, {{1, ~WAIT_FLAGS, FUTEX_WAIT_BITSET}});
  program.allowIf(__NR_clone, {{0, THREAD | NEW_NAMESPACES, THREAD}});
  program.allowIf(__NR_prctl, {{0, WHOLE, PR_SET_NAME}});
  // The filter cannot see the flags of clone3, which are in memory. The C library then uses clone.
  program.refuse({__NR_clone3}, ENOSYS);
  // LLVM asks whether standard error is a terminal.
  program.refuse({__NR_ioctl}, ENOTTY);
}

// Allows the calls of Node, Dawn, Vulkan's drivers and their compilers once all files are open: for memory that may be executable,
// threads, waiting, and requests to the device files of a GPU.
void allowTrials(Program &program) {
  program.allow({
      // Memory. V8 and LLVM write native code, and V8 guards it with protection keys where the processor has them.
      __NR_mmap, __NR_mprotect, __NR_munmap, __NR_mremap, __NR_madvise, __NR_brk, __NR_mincore, __NR_membarrier, __NR_msync,
      __NR_pkey_alloc, __NR_pkey_free, __NR_pkey_mprotect, __NR_memfd_create, __NR_ftruncate, __NR_fallocate,
      __NR_get_mempolicy,
      // Open files, and waiting for them.
      __NR_read, __NR_write, __NR_readv, __NR_writev, __NR_pread64, __NR_pwrite64, __NR_lseek, __NR_close, __NR_fstat,
      __NR_fcntl, __NR_dup, __NR_getsockopt, __NR_getsockname, __NR_shutdown, __NR_ppoll, __NR_epoll_pwait, __NR_epoll_ctl,
      __NR_epoll_create1, __NR_eventfd2,
      // Threads, signals that the process handles itself, and the end.
      __NR_futex, __NR_set_robust_list, __NR_sched_yield, __NR_sched_getaffinity, __NR_sched_getparam,
      __NR_sched_getscheduler, __NR_rt_sigaction, __NR_rt_sigprocmask, __NR_rt_sigreturn, __NR_rt_sigtimedwait,
      __NR_sigaltstack, __NR_restart_syscall, __NR_exit, __NR_exit_group,
      // Time, and facts about the process and the machine.
      __NR_clock_gettime, __NR_clock_getres, __NR_clock_nanosleep, __NR_nanosleep, __NR_gettimeofday, __NR_getrusage,
      __NR_times, __NR_getpid, __NR_gettid, __NR_getppid, __NR_getuid, __NR_geteuid, __NR_getgid, __NR_getegid, __NR_uname,
      __NR_sysinfo, __NR_getcpu, __NR_getrandom,
#ifdef __NR_rseq
      __NR_rseq,
#endif
#if defined(__x86_64__)
      __NR_poll, __NR_epoll_wait,
#endif
  });
  program.allowIf(__NR_clone, {{0, THREAD | NEW_NAMESPACES, THREAD}});
  program.allowIf(__NR_tgkill, {{0, WHOLE, static_cast<uint32_t>(getpid())}});
  program.allowIf(__NR_sched_setaffinity, {{0, WHOLE, 0}});
  program.allowIf(__NR_prlimit64, {{0, WHOLE, 0}});
  program.allowIf(__NR_prctl, {{0, WHOLE, PR_SET_NAME}});
  program.allowIf(__NR_prctl, {{0, WHOLE, PR_GET_NAME}});
  program.refuse({__NR_clone3, __NR_io_uring_setup}, ENOSYS);
  // These requests type into a terminal. Drivers of GPUs need others.
  for (uint32_t request : {TIOCSTI, 0x541C /* TIOCLINUX */}) program.refuseIf(__NR_ioctl, 1, request, EPERM);
  program.allow({__NR_ioctl});
  // No file is there any more, or may be opened.
  program.refuse({__NR_openat, __NR_newfstatat, __NR_statx, __NR_readlinkat, __NR_faccessat,
#if defined(__x86_64__)
                  __NR_open, __NR_stat, __NR_lstat, __NR_access, __NR_readlink,
#endif
                 },
                 ENOENT);
}

} // namespace

bool filterSystemCalls(const FilterOptions &options) {
  Program program;
  if (options.phase == Phase::trial) {
    allowTrials(program);
    // Drivers of GPUs may make further calls that they can do without.
    return program.install(bpf::refusal(EPERM), true);
  }
  if (options.phase == Phase::compile) {
    allowBasics(program);
    allowCompiling(program);
    return program.install();
  }
  // A guest has only one socket, and cannot open another.
  program.allow({__NR_recvmsg, __NR_sendto});
  allowBasics(program);
  if (options.phase == Phase::load) allowLoading(program);
  if (options.interpreter) program.allowIf(__NR_write, {{0, WHOLE, STDOUT_FILENO}});
  return program.install();
}
