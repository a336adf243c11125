#include "trace.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unwind.h>
#include <wasmedge/wasmedge.h>

namespace {

TrapFrame lastFrames[TRAP_FRAMES_MAX];
uint32_t lastCount = 0;
// The log of WasmEdge's interpreter, in memory; null if it is not redirected.
char *interpreterLog = nullptr;

// Records one stack frame if it belongs to the module. In a module's native code, the symbol of function 7 is "f7"
// (lib/llvm/compiler.cpp in the sources of WasmEdge).
_Unwind_Reason_Code visit(_Unwind_Context *context, void *) {
  int before = 0;
  uintptr_t address = _Unwind_GetIPInfo(context, &before);
  Dl_info info;
  if (address == 0 || dladdr(reinterpret_cast<void *>(address - (before != 0 ? 0 : 1)), &info) == 0)
    return _URC_NO_REASON;
  const char *name = info.dli_sname;
  if (name == nullptr || name[0] != 'f' || name[1] < '0' || name[1] > '9') return _URC_NO_REASON;
  char *end = nullptr;
  unsigned long function = std::strtoul(name + 1, &end, 10);
  if (*end != 0) return _URC_NO_REASON;
  lastFrames[lastCount++] = {static_cast<uint32_t>(function), UNKNOWN};
  return lastCount < TRAP_FRAMES_MAX ? _URC_NO_REASON : _URC_END_OF_STACK;
}

} // namespace

// Replaces libc's function, so that the stack is recorded before the jump discards it: WasmEdge leaves the native code of a
// module that traps with longjmp.
extern "C" [[noreturn]] void __longjmp_chk(jmp_buf buffer, int value) {
  using Jump = void (*)(jmp_buf, int);
  static Jump jump = reinterpret_cast<Jump>(dlsym(RTLD_NEXT, "__longjmp_chk"));
  lastCount = 0;
  _Unwind_Backtrace(visit, nullptr);
  jump(buffer, value);
  __builtin_unreachable();
}

uint32_t takeNativeFrames(TrapFrame *frames, uint32_t framesMax) {
  uint32_t count = std::min(lastCount, framesMax);
  std::copy(lastFrames, lastFrames + count, frames);
  lastCount = 0;
  return count;
}

// Redirects standard output into memory, because WasmEdge 0.14 reports the place of a trap only as text there.
void redirectInterpreterLog() {
  int file = memfd_create("log", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, INTERPRETER_LOG_BYTES) != 0 || dup2(file, STDOUT_FILENO) < 0) return;
  void *base = mmap(nullptr, INTERPRETER_LOG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (base == MAP_FAILED) return;
  interpreterLog = static_cast<char *>(base);
  // Writes a first line now, because libc then opens the time zone's file and queries the type of the output file. The filter
  // on system calls forbids both later.
  setenv("TZ", "UTC0", 1);
  tzset();
  std::fputc('\n', stdout);
  std::fflush(stdout);
  WasmEdge_LogSetErrorLevel();
}

uint32_t takeInterpreterFrame(TrapFrame *frame) {
  if (interpreterLog == nullptr) return 0;
  interpreterLog[INTERPRETER_LOG_BYTES - 1] = 0;
  constexpr char label[] = "Bytecode offset: 0x";
  const char *found = std::strstr(interpreterLog, label);
  if (found == nullptr) return 0;
  *frame = {UNKNOWN, static_cast<uint32_t>(std::strtoul(found + sizeof label - 1, nullptr, 16))};
  return 1;
}
