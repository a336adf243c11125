// One module instance on WasmEdge, and what it may import: ABI.md, "Imports".
#pragma once

#include "constants.h"
#include "submission.h"

#include <cstdint>
#include <cstring>
#include <vector>
#include <wasmedge/wasmedge.h>

// The memory shared with the host; mapping.ts.
class Mapping {
public:
  Mapping() = default;
  explicit Mapping(uint8_t *base) : base_(base) {}
  uint8_t *at(uint32_t offset) const { return base_ + offset; }
  uint32_t get(uint32_t offset) const { return *reinterpret_cast<volatile uint32_t *>(base_ + offset); }
  void set(uint32_t offset, uint32_t value) { *reinterpret_cast<volatile uint32_t *>(base_ + offset) = value; }

private:
  uint8_t *base_ = nullptr;
};

class Room : private LinearMemory {
public:
  explicit Room(Mapping &mapping) : mapping_(mapping) {}

  // Loads, instantiates and initialises the module in `code`; `assets` is -1 for none.
  void load(int code, int assets);
  // One of CALL_JOIN to CALL_RESTORE.
  void call(uint32_t call);

  // What the module imports. Each returns a trap for what lies outside linear memory; exit always returns one.
  WasmEdge_Result submit(const WasmEdge_Value *parameters);
  WasmEdge_Result log(const WasmEdge_Value *parameters);
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
  bool instantiate();
  bool initialise();
  bool acceptBlock(uint32_t address);
  void mapAssets(int assets);
  const uint32_t *asset(int32_t handle) const;
  Function find(const char *name) const;
  bool invoke(Function function, uint32_t count, int32_t *result = nullptr);
  bool stage();
  bool write();
  void invokeSave();
  void invokeRestore();
  uint8_t *dataArea() const;
  bool trapped(WasmEdge_Result result);
  bool fail(uint32_t status, const char *text);
  WasmEdge_Result trap(uint32_t status, const char *text);

  Mapping &mapping_;
  Submission submission_;
  WasmEdge_ConfigureContext *configure_ = nullptr;
  WasmEdge_ExecutorContext *executor_ = nullptr;
  WasmEdge_StoreContext *store_ = nullptr;
  WasmEdge_ASTModuleContext *tree_ = nullptr;
  WasmEdge_ModuleInstanceContext *instance_ = nullptr;
  WasmEdge_MemoryInstanceContext *memory_ = nullptr;
  Function functions_[CALL_RESTORE + 1] = {};
  const uint8_t *assets_ = nullptr;
  uint32_t assetBytes_ = 0;
  uint32_t block_ = 0;
  uint32_t seats_ = 0;
  uint32_t features_ = 0;
  uint32_t limits_[LIMITS_MAX] = {};
  bool saving_ = false;
  // What `save` has written so far.
  uint32_t stateBytes_ = 0;
  // What `load` may read: a copy, as a load may submit bulk data too.
  std::vector<uint8_t> state_;
};
