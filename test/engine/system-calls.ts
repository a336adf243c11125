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
  /** The call fails with this error number in place of being made. */
  refused?: number;
}

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

/** The system calls that the filter of each phase allows, on x86-64. It kills a process that makes any other. */
export const ALLOWED: Readonly<Record<'load' | 'run' | 'interpret' | 'compile', Record<string, Reason>>> = {
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
};
