// Filters on system calls (seccomp_filter, in the kernel's documentation) for processes with foreign code. Each is a list of
// allowed calls; any other kills the process or, in a trial, fails.
#pragma once

#include <cstdint>

enum class Phase {
  load,    // Loads the native code of a module, whose constructors may run. This filter allows setting another one.
  run,     // Runs a module.
  compile, // Compiles a module.
  trial,   // Compiles shaders with the drivers of a GPU. This filter applies to all threads of the process.
};

struct FilterOptions {
  Phase phase;
  // Whether WasmEdge's interpreter runs the module. It writes its log to standard output.
  bool interpreter;
};

// Filters the system calls of this process from now on. A further filter adds to the ones before: only calls that all of them
// allow are allowed. Returns whether the kernel has accepted the filter.
bool filterSystemCalls(const FilterOptions &options);
