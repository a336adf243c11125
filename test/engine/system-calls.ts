/** A condition on the arguments of a system call, as two examples of arguments. `PID` stands for the caller's process id. */
interface Condition {
  text: string;
  allowed: readonly string[];
  killed: readonly string[];
}

/** Why a filter allows a system call, and under which condition. */
export interface Reason {
  why: string;
  if?: Condition;
  /** The call fails with this error number in place of being made, whatever its arguments are. */
  refused?: number;
}

export const EPERM = 1;
const ENOENT = 2;
const ENOSYS = 38;
const ENOTTY = 25;

const NOT_EXECUTABLE: Condition = {
  text: 'without PROT_EXEC',
  allowed: ['0 4096 3 0x22 -1 0'],
  killed: ['0 4096 4 0x22 -1 0', '0 4096 5 0x22 -1 0', '0 4096 7 0x22 -1 0'],
};

const OWN_PROCESS: Condition = {
  text: 'to the process itself',
  allowed: ['PID PID 0 0 0 0'],
  killed: ['1 1 0 0 0 0', '2 2 0 0 0 0', '0 0 0 0 0 0'],
};

const SIMPLE_WAIT = {
  text: 'FUTEX_WAIT and FUTEX_WAKE',
  allowed: ['0 0 0 0 0 0', '0 1 0 0 0 0', '0 128 0 0 0 0', '0 129 0 0 0 0'],
  // FUTEX_REQUEUE, FUTEX_WAKE_OP, FUTEX_LOCK_PI, FUTEX_CMP_REQUEUE_PI.
  killed: ['0 3 0 0 0 0', '0 5 0 0 0 0', '0 6 0 0 0 0', '0 12 0 0 0 0'],
};

const BASICS: Record<string, Reason> = {
  brk: { why: 'memory of the C library' },
  munmap: { why: 'memory of the C library and of WasmEdge' },
  mremap: { why: 'realloc() of large blocks' },
  madvise: { why: 'free() returns memory to the kernel; a thread does so when it ends' },
  mmap: { why: 'memory of the C library and of WasmEdge', if: NOT_EXECUTABLE },
  mprotect: { why: 'linear memory grows; relocated data becomes read-only', if: NOT_EXECUTABLE },
  rt_sigaction: { why: 'WasmEdge catches faults of native code during each call' },
  rt_sigprocmask: { why: 'abort(); the way out of a trap restores the mask' },
  rt_sigreturn: { why: 'end of a signal handler' },
  getpid: { why: 'abort()' },
  gettid: { why: 'abort()' },
  tgkill: { why: 'abort()', if: OWN_PROCESS },
  futex: { why: 'locks of the C library', if: SIMPLE_WAIT },
  clock_gettime: { why: 'the C library, on machines whose clock only the kernel can read' },
  exit_group: { why: 'end of the process' },
};

const HOST: Record<string, Reason> = {
  recvmsg: { why: 'requests of the host; a guest process has no other socket' },
  sendto: { why: 'responses to the host; a guest process has no other socket' },
};

const LOADING: Record<string, Reason> = {
  ...BASICS,
  ...HOST,
  read: { why: 'the dynamic loader reads native code' },
  pread64: { why: 'the dynamic loader reads native code' },
  openat: {
    why: 'the dynamic loader opens native code',
    if: {
      text: 'for reading',
      allowed: ['-100 0 0 0 0 0', '-100 0 0x80000 0 0 0'],
      // O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND, O_PATH, O_TMPFILE.
      killed: ['1', '2', '0x40', '0x200', '0x400', '0x200000', '0x410000'].map((flags) => `-100 0 ${flags} 0 0 0`),
    },
  },
  close: { why: 'the dynamic loader' },
  fstat: { why: 'the dynamic loader' },
  newfstatat: { why: 'the dynamic loader' },
  stat: { why: 'WasmEdge, with C libraries before 2.33' },
  getcwd: { why: 'WasmEdge makes the path of native code absolute' },
  write: {
    why: 'copies native code to the scratch folder',
    if: { text: 'to FD_CODE', allowed: ['5 0 0 0 0 0'], killed: ['0 0 0 0 0 0', '1 0 0 0 0 0', '4 0 0 0 0 0'] },
  },
  mmap: {
    why: 'memory; the dynamic loader maps native code',
    if: {
      text: 'not writable and executable at once',
      allowed: ['0 4096 3 0x22 -1 0', '0 4096 5 0x22 -1 0'],
      killed: ['0 4096 6 0x22 -1 0', '0 4096 7 0x22 -1 0'],
    },
  },
  prlimit64: {
    why: 'lowers the limits to those of the module',
    if: { text: 'of the process itself', allowed: ['0 7 0 0 0 0'], killed: ['1 7 0 0 0 0', 'PID 7 0 0 0 0'] },
  },
  prctl: {
    why: 'adds the filter under which the module runs',
    if: {
      text: 'PR_SET_SECCOMP',
      allowed: ['22 0 0 0 0 0'],
      // PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NAME, PR_SET_MM, PR_SET_PTRACER.
      killed: ['1', '4', '15', '35', '0x59616d61'].map((option) => `${option} 0 0 0 0 0`),
    },
  },
};

const COMPILING: Record<string, Reason> = {
  ...BASICS,
  futex: {
    why: 'locks of the C library; waits for a thread',
    if: { ...SIMPLE_WAIT, text: 'FUTEX_WAIT, FUTEX_WAKE and FUTEX_WAIT_BITSET' },
  },
  read: { why: 'reads the object file' },
  pread64: { why: 'reads the module' },
  write: { why: 'writes the object file and the native code' },
  writev: { why: 'writes the object file' },
  lseek: { why: 'writes the object file' },
  openat: { why: 'opens files in the scratch folder; there are no others' },
  close: { why: 'closes files' },
  fstat: { why: 'size of a file' },
  newfstatat: { why: 'size of a file' },
  stat: { why: 'size of a file, with C libraries before 2.33' },
  access: { why: 'LLVM looks for an older result' },
  ftruncate: { why: 'LLVM makes the native code as long as it will be' },
  fallocate: { why: 'the same, in other versions of LLVM' },
  unlink: { why: 'deletes the object file' },
  unlinkat: { why: 'deletes the object file' },
  rename: { why: 'gives the native code its name' },
  getcwd: { why: 'LLVM makes paths absolute' },
  getrandom: { why: 'names of temporary files' },
  sigaltstack: { why: "LLVM's handler of crashes" },
  sched_getaffinity: { why: 'number of threads' },
  set_robust_list: { why: 'start of a thread' },
  rseq: { why: 'start of a thread' },
  exit: { why: 'end of a thread' },
  restart_syscall: { why: 'goes on with a wait after the process was stopped' },
  clone: {
    why: "threads of LLVM's linker",
    if: {
      text: 'for a thread, in no new namespace',
      // CLONE_SETTLS with an invalid address lets the call fail.
      allowed: ['0x3d0f00 0 0 0 -1 0'],
      // A process, one that shares memory, CLONE_VFORK, CLONE_NEWUSER, CLONE_NEWPID, and a thread in a new namespace.
      killed: ['17', '0x111', '0x4111', '0x10000011', '0x20000011', '0x3f0f00'].map((flags) => `${flags} 0 0 0 0 0`),
    },
  },
  clone3: { why: 'its flags cannot be checked, so the C library must use clone', refused: ENOSYS },
  ioctl: { why: 'LLVM asks whether standard error is a terminal', refused: ENOTTY },
  prctl: {
    why: 'LLVM names its threads',
    if: { text: 'PR_SET_NAME', allowed: ['15 0 0 0 0 0'], killed: ['1 0 0 0 0 0', '22 0 0 0 0 0', '4 1 0 0 0 0'] },
  },
};

const own = (text: string): Condition => ({
  text,
  allowed: ['0 0 0 0 0 0'],
  killed: ['1 0 0 0 0 0', 'PID 0 0 0 0 0'],
});
const NO_FILES: Reason = { why: 'files, of which there are none', refused: ENOENT };
const FACT: Reason = { why: 'a fact about the process or the machine' };

const TRYING: Record<string, Reason> = {
  mmap: { why: 'memory, also of native code' },
  mprotect: { why: 'native code becomes executable when LLVM or V8 has written it' },
  munmap: { why: 'memory' },
  mremap: { why: 'realloc() of large blocks' },
  madvise: { why: 'free() returns memory to the kernel' },
  brk: { why: 'memory of the C library' },
  mincore: { why: 'drivers ask whether memory is there' },
  membarrier: { why: 'V8, after a change of native code' },
  msync: { why: 'drivers ask whether memory is there' },
  pkey_alloc: { why: 'V8 guards native code' },
  pkey_free: { why: 'V8 guards native code' },
  pkey_mprotect: { why: 'V8 guards native code' },
  memfd_create: { why: "llvmpipe's memory of the GPU" },
  ftruncate: { why: "llvmpipe's memory of the GPU grows" },
  fallocate: { why: "llvmpipe's memory of the GPU grows" },
  get_mempolicy: { why: 'drivers ask where memory is' },
  read: { why: 'trials come through standard input' },
  write: { why: 'reports go through standard output; threads wake each other' },
  readv: { why: 'as read' },
  writev: { why: 'as write' },
  pread64: { why: 'as read' },
  pwrite64: { why: 'as write' },
  lseek: { why: 'size of what is open' },
  close: { why: 'closes descriptors' },
  fstat: { why: 'type of a descriptor' },
  fcntl: { why: 'flags of a descriptor' },
  dup: { why: 'drivers copy descriptors of buffers' },
  getsockopt: { why: 'type of standard input' },
  getsockname: { why: 'type of standard input' },
  shutdown: { why: 'end of standard output' },
  poll: { why: 'waits for descriptors' },
  ppoll: { why: 'waits for descriptors' },
  epoll_wait: { why: "Node's event loop" },
  epoll_pwait: { why: "Node's event loop" },
  epoll_ctl: { why: "Node's event loop" },
  epoll_create1: { why: "Node's event loop" },
  eventfd2: { why: 'threads wake each other' },
  futex: { why: 'locks' },
  set_robust_list: { why: 'start of a thread' },
  rseq: { why: 'start of a thread' },
  sched_yield: { why: 'waits for another thread' },
  sched_getaffinity: { why: 'number of threads' },
  sched_setaffinity: { why: 'llvmpipe places its own threads', if: own('of the calling thread') },
  sched_getparam: FACT,
  sched_getscheduler: FACT,
  rt_sigaction: { why: 'signals that the process handles' },
  rt_sigprocmask: { why: 'signals that the process handles' },
  rt_sigreturn: { why: 'end of a signal handler' },
  rt_sigtimedwait: { why: 'waits for signals' },
  sigaltstack: { why: "LLVM's handler of crashes" },
  restart_syscall: { why: 'goes on with a wait after the process was stopped' },
  exit: { why: 'end of a thread' },
  exit_group: { why: 'end of the process' },
  tgkill: { why: 'abort()', if: OWN_PROCESS },
  clone: {
    why: 'threads of the drivers',
    if: {
      text: 'for a thread, in no new namespace',
      // CLONE_PIDFD and CLONE_PARENT_SETTID exclude each other, so the call fails.
      allowed: ['0x3d1f00 0 0 0 0 0'],
      killed: ['17', '0x111', '0x4111', '0x10000011', '0x20000011', '0x3f0f00'].map((flags) => `${flags} 0 0 0 0 0`),
    },
  },
  clone3: { why: 'its flags cannot be checked, so the C library must use clone', refused: ENOSYS },
  io_uring_setup: { why: 'no filter sees what a ring does', refused: ENOSYS },
  prlimit64: { why: 'reads and lowers limits', if: own('of the process itself') },
  prctl: {
    why: 'names of threads',
    if: {
      text: 'PR_SET_NAME and PR_GET_NAME',
      allowed: ['15 0 0 0 0 0', '16 0 0 0 0 0'],
      // PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_MM, PR_SET_PTRACER.
      killed: ['1', '4', '22', '35', '0x59616d61'].map((option) => `${option} 0 0 0 0 0`),
    },
  },
  ioctl: {
    why: 'requests to the device files of a GPU',
    // TIOCSTI and TIOCLINUX type into a terminal.
    if: {
      text: 'but TIOCSTI and TIOCLINUX',
      allowed: ['-1 0x5401 0 0 0 0'],
      killed: ['0 0x5412 0 0 0 0', '0 0x541c 0 0 0 0'],
    },
  },
  clock_gettime: FACT,
  clock_getres: FACT,
  clock_nanosleep: { why: 'waits' },
  nanosleep: { why: 'waits' },
  gettimeofday: FACT,
  getrusage: { why: 'measures what a trial takes' },
  times: FACT,
  getpid: FACT,
  gettid: FACT,
  getppid: FACT,
  getuid: FACT,
  geteuid: FACT,
  getgid: FACT,
  getegid: FACT,
  uname: FACT,
  sysinfo: FACT,
  getcpu: FACT,
  getrandom: { why: 'hash tables of V8' },
  openat: NO_FILES,
  newfstatat: NO_FILES,
  statx: NO_FILES,
  readlinkat: NO_FILES,
  faccessat: NO_FILES,
  open: NO_FILES,
  stat: NO_FILES,
  lstat: NO_FILES,
  access: NO_FILES,
  readlink: NO_FILES,
};

/**
 * The system calls that the filter of each phase allows, on x86-64. It kills a process that makes any other. In a trial, such a
 * call fails with EPERM.
 */
export const ALLOWED: Readonly<Record<'load' | 'run' | 'interpret' | 'compile' | 'trial', Record<string, Reason>>> = {
  load: LOADING,
  run: { ...BASICS, ...HOST },
  interpret: {
    ...BASICS,
    ...HOST,
    write: {
      why: "WasmEdge's log, which says where a module trapped",
      if: { text: 'to standard output', allowed: ['1 0 0 0 0 0'], killed: ['0 0 0 0 0 0', '4 0 0 0 0 0'] },
    },
  },
  compile: COMPILING,
  trial: TRYING,
};
