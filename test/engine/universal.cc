// Makes and runs "universal" Wasm: a module with native code in a custom section, which WasmEdge would execute.
//   universal compile IN OUT
//   universal version FILE      runs the file unchanged on WasmEdge and prints the result of its export version()
#include <cstdio>
#include <cstring>
#include <vector>
#include <wasmedge/wasmedge.h>

static std::vector<uint8_t> readFile(const char *path) {
  std::vector<uint8_t> bytes(1 << 20);
  std::FILE *file = std::fopen(path, "rb");
  bytes.resize(file == nullptr ? 0 : std::fread(bytes.data(), 1, bytes.size(), file));
  return bytes;
}

static int compile(const char *in, const char *out) {
  std::vector<uint8_t> module = readFile(in);
  WasmEdge_ConfigureContext *configure = WasmEdge_ConfigureCreate();
  WasmEdge_ConfigureCompilerSetOutputFormat(configure, WasmEdge_CompilerOutputFormat_Wasm);
  WasmEdge_CompilerContext *compiler = WasmEdge_CompilerCreate(configure);
  return !WasmEdge_ResultOK(WasmEdge_CompilerCompileFromBuffer(compiler, module.data(), module.size(), out));
}

static int version(const char *path) {
  std::vector<uint8_t> module = readFile(path);
  WasmEdge_VMContext *vm = WasmEdge_VMCreate(nullptr, nullptr);
  WasmEdge_Value value;
  WasmEdge_Result result =
      WasmEdge_VMRunWasmFromBuffer(vm, module.data(), static_cast<uint32_t>(module.size()),
                                   WasmEdge_StringWrap("version", 7), nullptr, 0, &value, 1);
  if (WasmEdge_ResultOK(result)) std::printf("%d\n", WasmEdge_ValueGetI32(value));
  return !WasmEdge_ResultOK(result);
}

int main(int count, char **arguments) {
  WasmEdge_LogOff();
  if (count == 4 && std::strcmp(arguments[1], "compile") == 0) return compile(arguments[2], arguments[3]);
  if (count == 3 && std::strcmp(arguments[1], "version") == 0) return version(arguments[2]);
  return 2;
}
