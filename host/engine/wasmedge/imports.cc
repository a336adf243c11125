// The functions that a module imports from the host (renderer/contract/ABI.md, "Imports").
#include "instance.h"

#include <algorithm>
#include <cstring>

namespace {

using Import = WasmEdge_Result (*)(void *, const WasmEdge_CallingFrameContext *, const WasmEdge_Value *,
                                   WasmEdge_Value *);

void addImport(WasmEdge_ModuleInstanceContext *module, const char *name, uint32_t parameters, uint32_t results,
               Import function, Instance *instance) {
  const WasmEdge_ValType i32 = WasmEdge_ValTypeGenI32();
  const WasmEdge_ValType types[] = {i32, i32, i32, i32};
  WasmEdge_FunctionTypeContext *type = WasmEdge_FunctionTypeCreate(types, parameters, types, results);
  WasmEdge_ModuleInstanceAddFunction(module, WasmEdge_StringWrap(name, static_cast<uint32_t>(std::strlen(name))),
                                     WasmEdge_FunctionInstanceCreate(type, function, instance, 0));
  WasmEdge_FunctionTypeDelete(type);
}

// Adapts a member function of Instance to the function pointer that WasmEdge calls.
template <WasmEdge_Result (Instance::*member)(const WasmEdge_Value *)>
WasmEdge_Result import(void *instance, const WasmEdge_CallingFrameContext *, const WasmEdge_Value *parameters,
                       WasmEdge_Value *) {
  return (static_cast<Instance *>(instance)->*member)(parameters);
}

template <WasmEdge_Result (Instance::*member)(const WasmEdge_Value *, WasmEdge_Value *)>
WasmEdge_Result import(void *instance, const WasmEdge_CallingFrameContext *, const WasmEdge_Value *parameters,
                       WasmEdge_Value *returns) {
  return (static_cast<Instance *>(instance)->*member)(parameters, returns);
}

} // namespace

WasmEdge_ModuleInstanceContext *Instance::createImports() {
  WasmEdge_ModuleInstanceContext *imports = WasmEdge_ModuleInstanceCreate(WasmEdge_StringWrap("nearlight", 9));
  addImport(imports, "submit", 2, 0, import<&Instance::submit>, this);
  addImport(imports, "mark", 0, 0, import<&Instance::mark>, this);
  addImport(imports, "log", 3, 0, import<&Instance::log>, this);
  addImport(imports, "asset_find", 2, 1, import<&Instance::assetFind>, this);
  addImport(imports, "asset_size", 1, 1, import<&Instance::assetSize>, this);
  addImport(imports, "asset_read", 4, 1, import<&Instance::assetRead>, this);
  addImport(imports, "gpu_feature", 1, 1, import<&Instance::gpuFeature>, this);
  addImport(imports, "gpu_limit", 1, 1, import<&Instance::gpuLimit>, this);
  addImport(imports, "state_write", 2, 0, import<&Instance::stateWrite>, this);
  addImport(imports, "state_read", 3, 1, import<&Instance::stateRead>, this);
  addImport(imports, "exit", 1, 0, import<&Instance::exit>, this);
  return imports;
}

WasmEdge_Result Instance::submit(const WasmEdge_Value *parameters) {
  if (saving_) return trap(STATUS_TRAP, "submit: cannot be called during save or export_player");
  if (mixing_) return trap(STATUS_TRAP, "submit: cannot be called during audio");
  switch (submission_.append(*this, argument(parameters, 0), argument(parameters, 1))) {
  case Submission::Result::trap:
    return trap(STATUS_TRAP, submission_.message);
  case Submission::Result::refused:
    return trap(STATUS_COMMAND, submission_.message);
  default:
    return WasmEdge_Result_Success;
  }
}

// Does nothing. Debug builds of games call `mark` for each GPU command, so that the JavaScript engine can record the call
// stack; WasmEdge cannot name source lines.
WasmEdge_Result Instance::mark(const WasmEdge_Value *) { return WasmEdge_Result_Success; }

WasmEdge_Result Instance::log(const WasmEdge_Value *parameters) {
  uint32_t length = argument(parameters, 2);
  const uint8_t *text = at(argument(parameters, 1), length);
  if (text == nullptr) return trap(STATUS_TRAP, "out of bounds memory access in log");
  length = std::min(length, LOG_LINE_BYTES_MAX);
  uint32_t used = mapping_.get(RESPONSE_LOG_BYTES), padded = (length + 3) & ~3U;
  if (padded + 8 > LOG_BYTES_MAX - used) {
    mapping_.set(RESPONSE_LOG_DROPPED, mapping_.get(RESPONSE_LOG_DROPPED) + 1);
    return WasmEdge_Result_Success;
  }
  mapping_.set(LOG + used, argument(parameters, 0));
  mapping_.set(LOG + used + 4, length);
  std::memcpy(mapping_.at(LOG + used + 8), text, length);
  mapping_.set(RESPONSE_LOG_BYTES, used + 8 + padded);
  return WasmEdge_Result_Success;
}

// Returns the directory entry of an asset, or null if no asset has this handle. The asset pack starts with a magic number
// and the number of assets. One entry of four words follows for each: offset and length of its name, then offset and
// length of its contents, all in bytes. The host has checked that names and contents lie within the pack.
const uint32_t *Instance::asset(int32_t handle) const {
  const uint32_t *words = reinterpret_cast<const uint32_t *>(assets_);
  if (assets_ == nullptr || handle < 0 || static_cast<uint32_t>(handle) >= words[1]) return nullptr;
  return words + 2 + 4 * handle;
}

WasmEdge_Result Instance::assetFind(const WasmEdge_Value *parameters, WasmEdge_Value *returns) {
  uint32_t length = argument(parameters, 1);
  const uint8_t *name = at(argument(parameters, 0), length);
  if (name == nullptr) return trap(STATUS_TRAP, "out of bounds memory access in asset_find");
  returns[0] = WasmEdge_ValueGenI32(-1);
  for (int32_t handle = 0; const uint32_t *entry = asset(handle); handle++) {
    if (entry[1] != length || std::memcmp(assets_ + entry[0], name, length) != 0) continue;
    returns[0] = WasmEdge_ValueGenI32(handle);
    break;
  }
  return WasmEdge_Result_Success;
}

WasmEdge_Result Instance::assetSize(const WasmEdge_Value *parameters, WasmEdge_Value *returns) {
  const uint32_t *entry = asset(WasmEdge_ValueGetI32(parameters[0]));
  if (entry == nullptr) return trap(STATUS_TRAP, "asset_size: no asset has this handle");
  returns[0] = WasmEdge_ValueGenI32(static_cast<int32_t>(entry[3]));
  return WasmEdge_Result_Success;
}

WasmEdge_Result Instance::assetRead(const WasmEdge_Value *parameters, WasmEdge_Value *returns) {
  const uint32_t *entry = asset(WasmEdge_ValueGetI32(parameters[0]));
  if (entry == nullptr) return trap(STATUS_TRAP, "asset_read: no asset has this handle");
  uint32_t offset = argument(parameters, 1), length = argument(parameters, 3);
  const uint8_t *target = at(argument(parameters, 2), length);
  if (target == nullptr) return trap(STATUS_TRAP, "out of bounds memory access in asset_read");
  uint32_t count = offset >= entry[3] ? 0 : std::min(length, entry[3] - offset);
  std::memcpy(const_cast<uint8_t *>(target), assets_ + entry[2] + offset, count);
  returns[0] = WasmEdge_ValueGenI32(static_cast<int32_t>(count));
  return WasmEdge_Result_Success;
}

WasmEdge_Result Instance::gpuFeature(const WasmEdge_Value *parameters, WasmEdge_Value *returns) {
  uint32_t bit = argument(parameters, 0) - 1;
  returns[0] = WasmEdge_ValueGenI32(bit < 32 ? (features_ >> bit) & 1 : 0);
  return WasmEdge_Result_Success;
}

WasmEdge_Result Instance::gpuLimit(const WasmEdge_Value *parameters, WasmEdge_Value *returns) {
  uint32_t index = argument(parameters, 0) - 1;
  returns[0] = WasmEdge_ValueGenI32(index < LIMITS_MAX ? static_cast<int32_t>(limits_[index]) : 0);
  return WasmEdge_Result_Success;
}

WasmEdge_Result Instance::stateWrite(const WasmEdge_Value *parameters) {
  if (!saving_) return trap(STATUS_TRAP, "state_write: can only be called during save or export_player");
  uint32_t length = argument(parameters, 1);
  const uint8_t *bytes = at(argument(parameters, 0), length);
  if (bytes == nullptr) return trap(STATUS_TRAP, "out of bounds memory access in state_write");
  if (length > stateBytesMax_ - stateBytes_) return trap(STATUS_STATE, "");
  std::memcpy(dataArea() + stateBytes_, bytes, length);
  stateBytes_ += length;
  return WasmEdge_Result_Success;
}

WasmEdge_Result Instance::stateRead(const WasmEdge_Value *parameters, WasmEdge_Value *returns) {
  uint32_t offset = argument(parameters, 0), length = argument(parameters, 2);
  const uint8_t *target = at(argument(parameters, 1), length);
  if (target == nullptr) return trap(STATUS_TRAP, "out of bounds memory access in state_read");
  uint32_t size = static_cast<uint32_t>(state_.size());
  uint32_t count = offset >= size ? 0 : std::min(length, size - offset);
  if (count > 0) std::memcpy(const_cast<uint8_t *>(target), state_.data() + offset, count);
  returns[0] = WasmEdge_ValueGenI32(static_cast<int32_t>(count));
  return WasmEdge_Result_Success;
}

WasmEdge_Result Instance::exit(const WasmEdge_Value *parameters) {
  uint32_t status = argument(parameters, 0);
  if (status > EXIT_STATUS_MAX) return trap(STATUS_TRAP, "exit: the status must be from 0 to 255");
  mapping_.set(RESPONSE_VALUE, status);
  return trap(STATUS_EXIT, "");
}
