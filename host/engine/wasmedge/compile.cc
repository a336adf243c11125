#include "compile.h"
#include "constants.h"
#include "filter.h"
#include "jail.h"
#include "limits.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>
#include <wasmedge/wasmedge.h>

namespace {

// Size limit of the native code: so many bytes, and so many for each byte of the module. Native code at Oz has some 3 bytes for
// each byte of a module.
constexpr uint64_t CODE_BYTES_MIN = uint64_t{32} << 20;
constexpr uint64_t CODE_BYTES_PER_BYTE = 16;

// Name of the linked file. The compiler runs in the scratch folder.
constexpr char LINKED[] = "module.so";

// Returns the size of the module in bytes, which the host has limited.
uint64_t moduleBytes() {
  struct stat file {};
  return fstat(FD_MODULE, &file) == 0 ? static_cast<uint64_t>(file.st_size) : 0;
}

bool readModule(std::vector<uint8_t> &bytes) {
  bytes.resize(moduleBytes());
  for (size_t done = 0; done < bytes.size();) {
    ssize_t count = pread(FD_MODULE, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (count <= 0) return false;
    done += static_cast<size_t>(count);
  }
  return true;
}

// Copies the linked file to FD_OUTPUT, and removes it.
bool deliver() {
  int file = open(LINKED, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  static uint8_t chunk[1 << 20];
  ssize_t count;
  while ((count = read(file, chunk, sizeof chunk)) > 0)
    for (ssize_t done = 0; done < count;) {
      ssize_t written = write(FD_OUTPUT, chunk + done, static_cast<size_t>(count - done));
      if (written <= 0) return false;
      done += written;
    }
  close(file);
  unlink(LINKED);
  return count == 0;
}

bool parseLevel(const char *name, WasmEdge_CompilerOptimizationLevel &level) {
  struct Level {
    const char *name;
    WasmEdge_CompilerOptimizationLevel value;
  };
  constexpr Level LEVELS[] = {
      {"O0", WasmEdge_CompilerOptimizationLevel_O0}, {"O1", WasmEdge_CompilerOptimizationLevel_O1},
      {"O2", WasmEdge_CompilerOptimizationLevel_O2}, {"O3", WasmEdge_CompilerOptimizationLevel_O3},
      {"Os", WasmEdge_CompilerOptimizationLevel_Os}, {"Oz", WasmEdge_CompilerOptimizationLevel_Oz},
  };
  for (const Level &entry : LEVELS) {
    if (std::strcmp(entry.name, name) != 0) continue;
    level = entry.value;
    return true;
  }
  return false;
}

int report(int status, const char *text) {
  std::fprintf(stderr, "%s\n", text);
  return status;
}

bool validate(WasmEdge_ConfigureContext *configure, const std::vector<uint8_t> &module, WasmEdge_Result &result) {
  WasmEdge_LoaderContext *loader = WasmEdge_LoaderCreate(configure);
  WasmEdge_ASTModuleContext *tree = nullptr;
  result = WasmEdge_LoaderParseFromBuffer(loader, &tree, module.data(), static_cast<uint32_t>(module.size()));
  if (WasmEdge_ResultOK(result)) {
    WasmEdge_ValidatorContext *validator = WasmEdge_ValidatorCreate(configure);
    result = WasmEdge_ValidatorValidate(validator, tree);
    WasmEdge_ValidatorDelete(validator);
    WasmEdge_ASTModuleDelete(tree);
  }
  WasmEdge_LoaderDelete(loader);
  return WasmEdge_ResultOK(result);
}

} // namespace

int compile(int count, char **arguments) {
  WasmEdge_CompilerOptimizationLevel level;
  if (count != 4 || !parseLevel(arguments[1], level))
    return report(EXIT_FAILED, "usage: guest compile REQUIRED_LAYERS O0|O1|O2|O3|Os|Oz DATA_BYTES CPU_SECONDS");
  uint32_t required = static_cast<uint32_t>(std::strtoul(arguments[0], nullptr, 10));
  WasmEdge_LogOff();
  std::set_new_handler([] { _exit(EXIT_MEMORY); });
  exitOnAbort();
  uint64_t codeBytes = CODE_BYTES_MIN + CODE_BYTES_PER_BYTE * moduleBytes();
  // The scratch folder holds the object file and the linked one.
  uint32_t layers = enterJail({FD_PARENT + 1, 2 * codeBytes, false, true});
  bool isLimited = limitFiles(codeBytes) && limitData(std::strtoull(arguments[2], nullptr, 10)) &&
                   limitCpu(static_cast<uint32_t>(std::strtoul(arguments[3], nullptr, 10)));
  if (!isLimited) layers &= ~LAYER_LIMITS;
  if (filterSystemCalls({Phase::compile, false})) layers |= LAYER_SECCOMP;
  if ((required & ~layers) != 0) {
    std::fprintf(stderr, "%u\n", layers);
    return EXIT_LAYERS;
  }

  std::vector<uint8_t> module;
  if (!readModule(module)) return report(EXIT_FAILED, "the module cannot be read");
  WasmEdge_ConfigureContext *configure = WasmEdge_ConfigureCreate();
  WasmEdge_Result result;
  if (!validate(configure, module, result)) return report(EXIT_INVALID, WasmEdge_ResultGetMessage(result));
  WasmEdge_ConfigureCompilerSetOptimizationLevel(configure, level);
  WasmEdge_ConfigureCompilerSetOutputFormat(configure, WasmEdge_CompilerOutputFormat_Native);
  WasmEdge_CompilerContext *compiler = WasmEdge_CompilerCreate(configure);
  if (compiler == nullptr) return report(EXIT_FAILED, "this WasmEdge library was built without the compiler; install one that includes it");
  result = WasmEdge_CompilerCompileFromBuffer(compiler, module.data(), module.size(), LINKED);
  if (!WasmEdge_ResultOK(result)) return report(EXIT_FAILED, WasmEdge_ResultGetMessage(result));
  if (!deliver()) return report(EXIT_FAILED, "the native code cannot be written");
  // Exits without running LLVM's destructors, because the kernel frees the memory faster.
  _exit(EXIT_SUCCESS);
}
