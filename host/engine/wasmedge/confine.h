// What keeps a guest process small: limits, closed file descriptors, a filter on system calls.
#pragma once

#include <cstdint>

// Ends with the parent, gains no privileges, keeps no file descriptor from `firstFd` on, dumps no core.
void confineProcess(int firstFd);

// Private writable memory of the process, in bytes. Address space is not limited: WasmEdge reserves 12 GiB of it.
void limitData(uint64_t bytes);

// No new threads or processes, for any user but root; the filter says the same to all. (LLVM's linker needs threads.)
void forbidThreads();

// CPU time in seconds, and bytes of any one file.
void limitCompiler(uint32_t cpuSeconds, uint64_t fileBytes);

enum class Filter {
  run,     // only what running loaded code needs; all else kills the process
  interpret, // the same, and writing to standard output
  compile, // anything but new programs, processes and sockets
};

// Filters system calls from here on. False where the kernel has no seccomp.
bool filterSystemCalls(Filter filter);
