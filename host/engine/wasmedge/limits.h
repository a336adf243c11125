// Resource limits of processes with foreign code.
#pragma once

#include <cstdint>

// Limits what every such process gets: no core dumps, few file descriptors, no locked memory. Returns whether all limits hold.
bool limitResources(uint64_t files = 64);

// Limits the private writable memory of this process, in bytes. The address space stays unlimited, because WasmEdge
// reserves 12 GiB of it.
bool limitData(uint64_t bytes);

// Forbids this process new threads and processes. Not for the compiler: LLVM's linker needs threads.
bool forbidThreads();

// Limits the size of each file that this process writes, in bytes. A write beyond that fails.
bool limitFiles(uint64_t bytes);

// Limits the CPU time of this process. When it is used up, the process exits with EXIT_CPU_TIME.
bool limitCpu(uint32_t seconds);

// Makes this process exit with EXIT_MEMORY instead of SIGABRT. In a pid namespace, the kernel withholds that signal from the
// first process.
void exitOnAbort();
