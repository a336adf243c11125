// Confines a guest process with resource limits, closed file descriptors and a filter on system calls.
#pragma once

#include <cstdint>

// Makes the process end with its parent, never gain privileges and dump no core, and closes every file descriptor from
// `firstFd` on.
void confineProcess(int firstFd);

// Limits the private writable memory of the process, in bytes. The address space stays unlimited, because WasmEdge
// reserves 12 GiB of it.
void limitData(uint64_t bytes);

// Forbids new threads and processes. The kernel exempts root, which the filter of system calls stops as well. Not for the
// compiler: LLVM's linker needs threads.
void forbidThreads();

// Limits the CPU time of the process, and the size of each file that it writes.
void limitCompiler(uint32_t cpuSeconds, uint64_t fileBytes);

enum class Filter {
  run,       // allows what running loaded code needs; any other call kills the process
  interpret, // allows writing to standard output as well
  compile,   // allows everything except new programs, processes and sockets
};

// Filters the system calls of the process from now on. Returns false if the kernel has no seccomp.
bool filterSystemCalls(Filter filter);
