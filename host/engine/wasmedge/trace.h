// Finds out where in the module a trap happened.
#pragma once

#include "constants.h"

#include <cstddef>
#include <cstdint>

// Size of the memory for the log of WasmEdge's interpreter.
constexpr size_t INTERPRETER_LOG_BYTES = 4096;

struct TrapFrame {
  // Index of the function in the module, imported functions first, or UNKNOWN.
  uint32_t function;
  // Byte offset of the instruction in the module, or UNKNOWN.
  uint32_t offset;
};

// Copies up to `framesMax` stack frames of the last trap in native code, innermost first, and returns their number. They were
// recorded when WasmEdge jumped out of the native code.
uint32_t takeNativeFrames(TrapFrame *frames, uint32_t framesMax);

// Redirects the log of WasmEdge's interpreter, which says where the interpreter stopped, into memory. The filter on
// system calls forbids that later.
void redirectInterpreterLog();

// Stores the stack frame in which the interpreter stopped and returns 1, or returns 0 if the interpreter's log names none.
uint32_t takeInterpreterFrame(TrapFrame *frame);
