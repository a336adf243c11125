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

TrapFrame newest[FRAMES_MAX];
uint32_t newestCount = 0;
constexpr size_t heardBytes = 4096;
char *heard = nullptr;

// WasmEdge names the native code of function n "fn" (lib/llvm/compiler.cpp).
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
  newest[newestCount++] = {static_cast<uint32_t>(function), UNKNOWN};
  return newestCount < FRAMES_MAX ? _URC_NO_REASON : _URC_END_OF_STACK;
}

} // namespace

// WasmEdge leaves native code that traps by a long jump, so this takes the place of libc's for it.
extern "C" [[noreturn]] void __longjmp_chk(jmp_buf buffer, int value) {
  using Jump = void (*)(jmp_buf, int);
  static Jump jump = reinterpret_cast<Jump>(dlsym(RTLD_NEXT, "__longjmp_chk"));
  newestCount = 0;
  _Unwind_Backtrace(visit, nullptr);
  jump(buffer, value);
  __builtin_unreachable();
}

uint32_t takeNativeFrames(TrapFrame *frames, uint32_t framesMax) {
  uint32_t count = std::min(newestCount, framesMax);
  std::copy(newest, newest + count, frames);
  newestCount = 0;
  return count;
}

// WasmEdge 0.14 tells it in words only, on standard output.
void listenToInterpreter() {
  int file = memfd_create("log", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, heardBytes) != 0 || dup2(file, STDOUT_FILENO) < 0) return;
  void *base = mmap(nullptr, heardBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (base == MAP_FAILED) return;
  heard = static_cast<char *>(base);
  // What the first line would ask the system for: the time zone's file, and what kind of file this is.
  setenv("TZ", "UTC0", 1);
  tzset();
  std::fputc('\n', stdout);
  std::fflush(stdout);
  WasmEdge_LogSetErrorLevel();
}

uint32_t takeInterpreterFrame(TrapFrame *frame) {
  if (heard == nullptr) return 0;
  heard[heardBytes - 1] = 0;
  constexpr char label[] = "Bytecode offset: 0x";
  const char *found = std::strstr(heard, label);
  if (found == nullptr) return 0;
  *frame = {UNKNOWN, static_cast<uint32_t>(std::strtoul(found + sizeof label - 1, nullptr, 16))};
  return 1;
}
