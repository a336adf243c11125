// Where in the module a trap arose.
#pragma once

#include "constants.h"

#include <cstdint>

struct TrapFrame {
  // Index in the module's function index space, or UNKNOWN.
  uint32_t function;
  // Of the instruction, in bytes from the start of the module, or UNKNOWN.
  uint32_t offset;
};

// The frames of the newest trap of native code, the innermost first: taken when WasmEdge leaves that code.
uint32_t takeNativeFrames(TrapFrame *frames, uint32_t framesMax);

// Has WasmEdge's interpreter tell where it stops; before system calls are filtered.
void listenToInterpreter();

// The same for the interpreter, which tells one offset.
uint32_t takeInterpreterFrame(TrapFrame *frame);
