#include "compile.h"
#include "confine.h"
#include "constants.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <unistd.h>
#include <vector>
#include <wasmedge/wasmedge.h>

namespace {

bool readFile(const char *path, std::vector<uint8_t> &bytes) {
  std::FILE *file = std::fopen(path, "rb");
  if (file == nullptr) return false;
  uint8_t chunk[65536];
  while (size_t count = std::fread(chunk, 1, sizeof chunk, file)) bytes.insert(bytes.end(), chunk, chunk + count);
  bool complete = std::ferror(file) == 0;
  std::fclose(file);
  return complete;
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
  if (count != 5 || !parseLevel(arguments[2], level))
    return report(EXIT_FAILED, "usage: guest compile IN OUT O0|O1|O2|O3|Os|Oz DATA_BYTES CPU_SECONDS");
  confineProcess(STDERR_FILENO + 1);
  limitData(std::strtoull(arguments[3], nullptr, 10));
  limitCompiler(static_cast<uint32_t>(std::strtoul(arguments[4], nullptr, 10)), uint64_t{1} << 30);
  filterSystemCalls(Filter::compile);
  std::set_new_handler([] { _exit(EXIT_MEMORY); });
  WasmEdge_LogOff();

  std::vector<uint8_t> module;
  if (!readFile(arguments[0], module)) return report(EXIT_FAILED, "the module file cannot be read");
  WasmEdge_ConfigureContext *configure = WasmEdge_ConfigureCreate();
  WasmEdge_Result result;
  if (!validate(configure, module, result)) return report(EXIT_INVALID, WasmEdge_ResultGetMessage(result));
  WasmEdge_ConfigureCompilerSetOptimizationLevel(configure, level);
  WasmEdge_ConfigureCompilerSetOutputFormat(configure, WasmEdge_CompilerOutputFormat_Native);
  WasmEdge_CompilerContext *compiler = WasmEdge_CompilerCreate(configure);
  if (compiler == nullptr) return report(EXIT_FAILED, "this WasmEdge library was built without the compiler; install one that includes it");
  result = WasmEdge_CompilerCompileFromBuffer(compiler, module.data(), module.size(), arguments[1]);
  if (!WasmEdge_ResultOK(result)) return report(EXIT_FAILED, WasmEdge_ResultGetMessage(result));
  // Exits without running LLVM's destructors, because the kernel frees the memory faster.
  _exit(EXIT_SUCCESS);
}
