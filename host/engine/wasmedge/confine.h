// Confines a guest process with resource limits, closed file descriptors and a filter on system calls.
#pragma once

#include <cstdint>

// Makes this process end with its parent, drops its privileges for good, disables core dumps, and closes every file
// descriptor from `firstFd` on.
void confineProcess(int firstFd);

// Limits the private writable memory of this process, in bytes. The address space stays unlimited, because WasmEdge
// reserves 12 GiB of it.
void limitData(uint64_t bytes);

// Forbids this process new threads and processes. The kernel exempts root, but the filter of system calls stops root, too.
// Not for the compiler: LLVM's linker needs threads.
void forbidThreads();

// Limits the CPU time of this process, and the size of each file that it writes.
void limitCompiler(uint32_t cpuSeconds, uint64_t fileBytes);

enum class Filter {
  run,       // allows the system calls that running a loaded module needs; any other kills the process
  interpret, // allows what `run` allows, and writing to standard output
  compile,   // kills the process if it starts a program, opens a socket, or makes another call on a list of denied ones
};

// Filters the system calls of the process from now on. Returns false if the kernel has no seccomp.
bool filterSystemCalls(Filter filter);
