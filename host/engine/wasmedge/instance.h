// One module running on WasmEdge, and the functions it may import (renderer/contract/ABI.md, "Imports").
#pragma once

#include "mapping.h"
#include "submission.h"

#include <cstdint>
#include <cstring>
#include <vector>
#include <wasmedge/wasmedge.h>

// Path of the file to which a confined process copies native code, because WasmEdge loads it only by path. It is in the scratch
// folder, which is the working directory.
constexpr char CODE_PATH[] = "./code";

class Instance : private LinearMemory {
public:
  // `layers` are the layers of confinement that hold for this process.
  Instance(Mapping &mapping, bool interpreter, uint32_t layers)
      : mapping_(mapping), interpreter_(interpreter), layers_(layers) {}

  // Loads, instantiates and initialises the module behind the file descriptor `code`. `assets` is the descriptor of
  // the asset pack, or -1 if there is none.
  void load(int code, int assets);
  // Calls the module's export for `call`, one of CALL_JOIN to CALL_IMPORT_PLAYER. A tick also calls `audio` for the seats that listen.
  void call(uint32_t call);

  // The functions that the module imports (imports.cc). Each makes the module trap if it gets an address outside linear
  // memory. `exit` always makes the module trap, because that leaves the module's code.
  WasmEdge_Result submit(const WasmEdge_Value *parameters);
  WasmEdge_Result log(const WasmEdge_Value *parameters);
  WasmEdge_Result mark(const WasmEdge_Value *parameters);
  WasmEdge_Result assetFind(const WasmEdge_Value *parameters, WasmEdge_Value *returns);
  WasmEdge_Result assetSize(const WasmEdge_Value *parameters, WasmEdge_Value *returns);
  WasmEdge_Result assetRead(const WasmEdge_Value *parameters, WasmEdge_Value *returns);
  WasmEdge_Result gpuFeature(const WasmEdge_Value *parameters, WasmEdge_Value *returns);
  WasmEdge_Result gpuLimit(const WasmEdge_Value *parameters, WasmEdge_Value *returns);
  WasmEdge_Result stateWrite(const WasmEdge_Value *parameters);
  WasmEdge_Result stateRead(const WasmEdge_Value *parameters, WasmEdge_Value *returns);
  WasmEdge_Result exit(const WasmEdge_Value *parameters);

private:
  using Function = const WasmEdge_FunctionInstanceContext *;

  const uint8_t *at(uint32_t address, uint32_t length) const override;
  bool parse(int code);
  WasmEdge_Result parseNative(WasmEdge_LoaderContext *loader, const void *code, uint32_t bytes, int file);
  bool restrict();
  WasmEdge_ModuleInstanceContext *createImports();
  bool instantiate();
  bool initialise();
  bool acceptBlock(uint32_t address);
  bool mapAssets(int assets);
  const uint32_t *asset(int32_t handle) const;
  Function find(const char *name) const;
  bool invoke(Function function, uint32_t count, int32_t *result = nullptr);
  bool stage();
  bool applyWrites();
  void invokeSave(uint32_t call, uint32_t bytesMax);
  void invokeLoad(uint32_t call);
  void mixAll();
  bool mix(uint32_t seat, uint32_t frames, uint8_t *target);
  uint8_t *dataArea() const;
  uint8_t *soundArea() const;
  bool succeeded(WasmEdge_Result result);
  bool fail(uint32_t status, const char *text);
  WasmEdge_Result trap(uint32_t status, const char *text);

  Mapping &mapping_;
  const bool interpreter_;
  const uint32_t layers_;
  Submission submission_;
  WasmEdge_ConfigureContext *configure_ = nullptr;
  WasmEdge_ExecutorContext *executor_ = nullptr;
  WasmEdge_StoreContext *store_ = nullptr;
  WasmEdge_ASTModuleContext *tree_ = nullptr;
  WasmEdge_ModuleInstanceContext *module_ = nullptr;
  WasmEdge_MemoryInstanceContext *memory_ = nullptr;
  // The module's export for each CALL_ number; null if the module does not have it.
  Function functions_[CALL_COUNT] = {};
  // The module's export `audio`; null if the module has no sound.
  Function audio_ = nullptr;
  // True while `audio` runs, which may not submit commands.
  bool mixing_ = false;
  const uint8_t *assets_ = nullptr;
  // Address of the module's IO block in linear memory; 0 until init has returned it.
  uint32_t block_ = 0;
  uint32_t seats_ = 0;
  // Whether the IO block has records of gamepads, which follow the input records.
  bool hasPads_ = false;
  uint32_t features_ = 0;
  uint32_t limits_[LIMITS_MAX] = {};
  // True while the module's export `save` or `export_player` runs, the only time at which it may call state_write.
  bool saving_ = false;
  // Number of bytes that this export has written so far, and the most that it may write.
  uint32_t stateBytes_ = 0;
  uint32_t stateBytesMax_ = 0;
  // The state that the export `load` or `import_player` reads. It is a copy, because bulk data that the export submits overwrites
  // the original.
  std::vector<uint8_t> state_;
};

// Returns argument `index` of a function that the module called, as an unsigned number.
inline uint32_t argument(const WasmEdge_Value *parameters, uint32_t index) {
  return static_cast<uint32_t>(WasmEdge_ValueGetI32(parameters[index]));
}
