#include "filter.h"
#include "constants.h"

#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
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

constexpr uint16_t LOAD_WORD = BPF_LD | BPF_W | BPF_ABS;
constexpr uint16_t AND = BPF_ALU | BPF_AND | BPF_K;
constexpr uint16_t JUMP_EQUAL = BPF_JMP | BPF_JEQ | BPF_K;
constexpr uint16_t RETURN = BPF_RET | BPF_K;

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
  Program() {
    add(LOAD_WORD, offsetof(seccomp_data, arch));
    addJump(ARCHITECTURE, 1, 0);
    add(RETURN, SECCOMP_RET_KILL_PROCESS);
  }

  void allow(std::initializer_list<uint32_t> numbers) {
    add(LOAD_WORD, offsetof(seccomp_data, nr));
    for (uint32_t number : numbers) {
      addJump(number, 0, 1);
      add(RETURN, SECCOMP_RET_ALLOW);
    }
  }

  // Allows a call if all conditions hold. Another rule may allow the same call under other conditions.
  void allowIf(uint32_t number, std::initializer_list<Condition> conditions) {
    add(LOAD_WORD, offsetof(seccomp_data, nr));
    size_t left = 3 * conditions.size() + 1;
    addJump(number, 0, static_cast<uint8_t>(left));
    for (const Condition &condition : conditions) {
      // The lower half of an argument comes first on the processors that we support.
      add(LOAD_WORD, offsetof(seccomp_data, args) + condition.argument * sizeof(uint64_t));
      add(AND, condition.mask);
      left -= 3;
      addJump(condition.value, 0, static_cast<uint8_t>(left));
    }
    add(RETURN, SECCOMP_RET_ALLOW);
  }

  // Makes a call fail with an error number instead of killing the process.
  void refuse(uint32_t number, uint32_t error) {
    add(LOAD_WORD, offsetof(seccomp_data, nr));
    addJump(number, 0, 1);
    add(RETURN, SECCOMP_RET_ERRNO | error);
  }

  bool install() {
    add(RETURN, SECCOMP_RET_KILL_PROCESS);
    sock_fprog table{static_cast<unsigned short>(code_.size()), code_.data()};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &table, 0, 0) == 0;
  }

private:
  void add(uint16_t code, size_t value) { code_.push_back({code, 0, 0, static_cast<uint32_t>(value)}); }
  // Skips `yes` statements if the loaded word equals `value`, and `no` statements if it does not.
  void addJump(uint32_t value, uint8_t yes, uint8_t no) { code_.push_back({JUMP_EQUAL, yes, no, value}); }

  std::vector<sock_filter> code_;
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
  program.refuse(__NR_clone3, ENOSYS);
  // LLVM asks whether standard error is a terminal.
  program.refuse(__NR_ioctl, ENOTTY);
}

} // namespace

bool filterSystemCalls(const FilterOptions &options) {
  Program program;
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
