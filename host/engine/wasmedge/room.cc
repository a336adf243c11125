#include "room.h"
#include "confine.h"
#include "trace.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <sys/mman.h>
#include <unistd.h>

namespace {

// What a guest process may allocate beside linear memory: libraries, native code's data, tables.
constexpr uint64_t overheadBytes = uint64_t{96} << 20;

constexpr uint32_t argumentCount[] = {4, 1, 1, 1, 3, 0, 1};
constexpr const char *exportName[] = {"init", "join", "leave", "tick", "render", "save", "load"};

using Import = WasmEdge_Result (*)(void *, const WasmEdge_CallingFrameContext *, const WasmEdge_Value *,
                                   WasmEdge_Value *);

void addImport(WasmEdge_ModuleInstanceContext *module, const char *name, uint32_t parameters, uint32_t results,
               Import function, Room *room) {
  const WasmEdge_ValType i32 = WasmEdge_ValTypeGenI32();
  const WasmEdge_ValType types[] = {i32, i32, i32, i32};
  WasmEdge_FunctionTypeContext *type = WasmEdge_FunctionTypeCreate(types, parameters, types, results);
  WasmEdge_ModuleInstanceAddFunction(module, WasmEdge_StringWrap(name, static_cast<uint32_t>(std::strlen(name))),
                                     WasmEdge_FunctionInstanceCreate(type, function, room, 0));
  WasmEdge_FunctionTypeDelete(type);
}

// Adapts a member of Room to WasmEdge's function pointer.
template <WasmEdge_Result (Room::*member)(const WasmEdge_Value *)>
WasmEdge_Result import(void *room, const WasmEdge_CallingFrameContext *, const WasmEdge_Value *parameters,
                       WasmEdge_Value *) {
  return (static_cast<Room *>(room)->*member)(parameters);
}

template <WasmEdge_Result (Room::*member)(const WasmEdge_Value *, WasmEdge_Value *)>
WasmEdge_Result import(void *room, const WasmEdge_CallingFrameContext *, const WasmEdge_Value *parameters,
                       WasmEdge_Value *returns) {
  return (static_cast<Room *>(room)->*member)(parameters, returns);
}

uint32_t argument(const WasmEdge_Value *parameters, uint32_t index) {
  return static_cast<uint32_t>(WasmEdge_ValueGetI32(parameters[index]));
}

} // namespace

void Room::load(int code, int assets) {
  uint32_t commandBytesMax = mapping_.get(LOAD_COMMAND_BYTES_MAX);
  submission_.attach(mapping_.at(COMMANDS), commandBytesMax, dataArea(), mapping_.get(LOAD_DATA_BYTES_MAX));
  submission_.reset();
  mapping_.set(REPLY_PHASE, PHASE_LOAD);
  if (tree_ != nullptr) {
    fail(STATUS_FAILED, "a guest process holds one module");
    return;
  }
  features_ = mapping_.get(LOAD_FEATURES);
  std::memcpy(limits_, mapping_.at(LOAD_LIMITS), sizeof limits_);
  mapAssets(assets);
  if (parse(code)) {
    limitData(uint64_t{mapping_.get(LOAD_MEMORY_PAGES_MAX)} * WASM_PAGE_BYTES + overheadBytes);
    forbidThreads();
    Filter filter = mapping_.get(LOAD_INTERPRETER) != 0 ? Filter::interpret : Filter::run;
    mapping_.set(REPLY_SECCOMP, filterSystemCalls(filter) ? 1 : 2);
    if (instantiate()) initialise();
  }
  mapping_.set(REPLY_COMMAND_BYTES, submission_.commandBytes);
  mapping_.set(REPLY_DATA_BYTES, submission_.dataBytes);
}

// Bulk data follows the commands, from a whole page on.
uint8_t *Room::dataArea() const {
  uint32_t commandBytesMax = mapping_.get(LOAD_COMMAND_BYTES_MAX);
  return mapping_.at(COMMANDS + ((commandBytesMax + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1)));
}

void Room::mapAssets(int assets) {
  if (assets < 0) return;
  assetBytes_ = mapping_.get(LOAD_ASSET_BYTES);
  void *base = mmap(nullptr, assetBytes_, PROT_READ, MAP_SHARED, assets, 0);
  close(assets);
  if (base == MAP_FAILED) assetBytes_ = 0;
  else assets_ = static_cast<const uint8_t *>(base);
}

// Native code is opened as the file that the descriptor names: what the host checked is what is loaded.
bool Room::parse(int code) {
  bool interpreter = mapping_.get(LOAD_INTERPRETER) != 0;
  uint32_t bytes = mapping_.get(LOAD_CODE_BYTES);
  configure_ = WasmEdge_ConfigureCreate();
  WasmEdge_ConfigureSetMaxMemoryPage(configure_, mapping_.get(LOAD_MEMORY_PAGES_MAX));
  WasmEdge_ConfigureSetForceInterpreter(configure_, interpreter);
  WasmEdge_LoaderContext *loader = WasmEdge_LoaderCreate(configure_);
  WasmEdge_Result result;
  if (interpreter) {
    listenToInterpreter();
    void *module = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, code, 0);
    if (module == MAP_FAILED) return fail(STATUS_FAILED, "the module cannot be mapped");
    result = WasmEdge_LoaderParseFromBuffer(loader, &tree_, static_cast<uint8_t *>(module), bytes);
    munmap(module, bytes);
  } else {
    char path[32];
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", code);
    result = WasmEdge_LoaderParseFromFile(loader, &tree_, path);
  }
  close(code);
  WasmEdge_LoaderDelete(loader);
  if (!WasmEdge_ResultOK(result)) return fail(STATUS_INVALID, WasmEdge_ResultGetMessage(result));
  WasmEdge_ValidatorContext *validator = WasmEdge_ValidatorCreate(configure_);
  result = WasmEdge_ValidatorValidate(validator, tree_);
  WasmEdge_ValidatorDelete(validator);
  return WasmEdge_ResultOK(result) || fail(STATUS_INVALID, WasmEdge_ResultGetMessage(result));
}

bool Room::instantiate() {
  executor_ = WasmEdge_ExecutorCreate(configure_, nullptr);
  store_ = WasmEdge_StoreCreate();
  WasmEdge_ModuleInstanceContext *imports = WasmEdge_ModuleInstanceCreate(WasmEdge_StringWrap("nearlight", 9));
  addImport(imports, "submit", 2, 0, import<&Room::submit>, this);
  addImport(imports, "log", 3, 0, import<&Room::log>, this);
  addImport(imports, "asset_find", 2, 1, import<&Room::assetFind>, this);
  addImport(imports, "asset_size", 1, 1, import<&Room::assetSize>, this);
  addImport(imports, "asset_read", 4, 1, import<&Room::assetRead>, this);
  addImport(imports, "gpu_feature", 1, 1, import<&Room::gpuFeature>, this);
  addImport(imports, "gpu_limit", 1, 1, import<&Room::gpuLimit>, this);
  addImport(imports, "state_write", 2, 0, import<&Room::stateWrite>, this);
  addImport(imports, "state_read", 3, 1, import<&Room::stateRead>, this);
  addImport(imports, "exit", 1, 0, import<&Room::exit>, this);
  WasmEdge_ExecutorRegisterImport(executor_, store_, imports);
  mapping_.set(REPLY_PHASE, PHASE_INSTANTIATE);
  if (!trapped(WasmEdge_ExecutorInstantiate(executor_, &instance_, store_, tree_))) return false;
  memory_ = WasmEdge_ModuleInstanceFindMemory(instance_, WasmEdge_StringWrap("memory", 6));
  if (memory_ == nullptr) return fail(STATUS_CONTRACT, "the export memory is missing");
  for (uint32_t call = CALL_LOAD; call <= CALL_RESTORE; call++) {
    functions_[call] = find(exportName[call]);
    if (functions_[call] == nullptr && call <= CALL_RENDER) return fail(STATUS_CONTRACT, "an export is missing");
  }
  return true;
}

bool Room::initialise() {
  if (Function function = find(START_EXPORT)) {
    mapping_.set(REPLY_PHASE, PHASE_START);
    if (!invoke(function, 0)) return false;
  }
  if (Function function = find("_initialize")) {
    mapping_.set(REPLY_PHASE, PHASE_INITIALIZE);
    if (!invoke(function, 0)) return false;
  }
  int32_t result = 0;
  mapping_.set(REPLY_PHASE, PHASE_VERSION);
  if (!invoke(find("version"), 0, &result)) return false;
  mapping_.set(REPLY_VALUE, static_cast<uint32_t>(result));
  if (static_cast<uint32_t>(result) != ABI_VERSION) return fail(STATUS_VERSION, "");
  mapping_.set(REPLY_PHASE, PHASE_INIT);
  if (!invoke(functions_[CALL_LOAD], argumentCount[CALL_LOAD], &result)) return false;
  seats_ = mapping_.get(REQUEST_ARGUMENTS + 12);
  return acceptBlock(static_cast<uint32_t>(result));
}

bool Room::acceptBlock(uint32_t address) {
  if (address == 0) return fail(STATUS_CONTRACT, "init returned 0, which means that it failed");
  if (address % 4 != 0) return fail(STATUS_CONTRACT, "init returned an address that is no multiple of 4");
  uint32_t size = IO_INPUTS + seats_ * INPUT_STRIDE;
  const uint8_t *block = at(address, size);
  if (block == nullptr) return fail(STATUS_CONTRACT, "the IO block lies outside linear memory");
  uint32_t header[3];
  std::memcpy(header, block, sizeof header);
  if (header[0] != IO_MAGIC) return fail(STATUS_CONTRACT, "the IO block does not begin with IO_MAGIC");
  if (header[1] != size) return fail(STATUS_CONTRACT, "the IO block has another size than its seats need");
  if (header[2] != seats_) return fail(STATUS_CONTRACT, "the IO block has another number of seats");
  block_ = address;
  return true;
}

void Room::call(uint32_t call) {
  submission_.reset();
  mapping_.set(REPLY_PHASE, PHASE_CALL);
  if (block_ == 0 || call > CALL_RESTORE || functions_[call] == nullptr) {
    fail(STATUS_FAILED, "no module is loaded");
  } else {
    if (!stage()) return;
    if (call == CALL_SAVE) invokeSave();
    else if (call == CALL_RESTORE) invokeRestore();
    else invoke(functions_[call], argumentCount[call]);
    mapping_.set(REPLY_MEMORY_PAGES, WasmEdge_MemoryInstanceGetPageSize(memory_));
  }
  mapping_.set(REPLY_COMMAND_BYTES, submission_.commandBytes);
  mapping_.set(REPLY_DATA_BYTES, submission_.dataBytes);
}

void Room::invokeSave() {
  saving_ = true;
  stateBytes_ = 0;
  invoke(functions_[CALL_SAVE], argumentCount[CALL_SAVE]);
  saving_ = false;
  submission_.dataBytes = stateBytes_;
}

void Room::invokeRestore() {
  uint32_t length = std::min(mapping_.get(REQUEST_ARGUMENTS), mapping_.get(LOAD_STATE_BYTES_MAX));
  state_.assign(dataArea(), dataArea() + length);
  invoke(functions_[CALL_RESTORE], argumentCount[CALL_RESTORE]);
  std::vector<uint8_t>().swap(state_);
}

// Linear memory never shrinks, so the block that init returned is still there.
bool Room::stage() {
  uint8_t *block = const_cast<uint8_t *>(at(block_, IO_INPUTS + seats_ * INPUT_STRIDE));
  std::memcpy(block + IO_REPLY_HEAD, mapping_.at(STAGED_REPLY_HEAD), 4);
  std::memcpy(block + IO_REPLIES, mapping_.at(STAGED_REPLIES), REPLY_COUNT * REPLY_WORDS * 4);
  std::memcpy(block + IO_INPUTS, mapping_.at(STAGED_INPUTS), seats_ * INPUT_STRIDE);
  return write() || fail(STATUS_TRAP, "mapAsync: the address lies outside linear memory");
}

// What the GPU gave back goes where the module wanted it.
bool Room::write() {
  uint32_t end = std::min(mapping_.get(REQUEST_WRITE_BYTES), mapping_.get(LOAD_DATA_BYTES_MAX));
  const uint8_t *records = dataArea();
  for (uint32_t offset = 0; offset + 8 <= end;) {
    uint32_t head[2];
    std::memcpy(head, records + offset, sizeof head);
    if (head[1] > end - offset - 8) return false;
    const uint8_t *target = at(head[0], head[1]);
    if (target == nullptr) return false;
    std::memcpy(const_cast<uint8_t *>(target), records + offset + 8, head[1]);
    offset += 8 + ((head[1] + 3) & ~3U);
  }
  return true;
}

Room::Function Room::find(const char *name) const {
  return WasmEdge_ModuleInstanceFindFunction(
      instance_, WasmEdge_StringWrap(name, static_cast<uint32_t>(std::strlen(name))));
}

bool Room::invoke(Function function, uint32_t count, int32_t *result) {
  WasmEdge_Value parameters[4], returned;
  for (uint32_t i = 0; i < count; i++)
    parameters[i] = WasmEdge_ValueGenI32(static_cast<int32_t>(mapping_.get(REQUEST_ARGUMENTS + 4 * i)));
  uint32_t results = result == nullptr ? 0 : 1;
  if (!trapped(WasmEdge_ExecutorInvoke(executor_, function, parameters, count, &returned, results))) return false;
  if (result != nullptr) *result = WasmEdge_ValueGetI32(returned);
  return true;
}

// True for a result that is none; otherwise puts down why, unless an import already did.
bool Room::trapped(WasmEdge_Result result) {
  if (WasmEdge_ResultOK(result)) return true;
  if (memory_ != nullptr) mapping_.set(REPLY_MEMORY_PAGES, WasmEdge_MemoryInstanceGetPageSize(memory_));
  if (mapping_.get(REPLY_STATUS) == STATUS_OK) fail(STATUS_TRAP, WasmEdge_ResultGetMessage(result));
  TrapFrame *frames = reinterpret_cast<TrapFrame *>(mapping_.at(FRAMES));
  bool interpreter = mapping_.get(LOAD_INTERPRETER) != 0;
  mapping_.set(REPLY_FRAMES, interpreter ? takeInterpreterFrame(frames) : takeNativeFrames(frames, FRAMES_MAX));
  return false;
}

bool Room::fail(uint32_t status, const char *text) {
  uint32_t length = static_cast<uint32_t>(std::min<size_t>(std::strlen(text), MESSAGE_BYTES_MAX));
  std::memcpy(mapping_.at(MESSAGE), text, length);
  mapping_.set(REPLY_MESSAGE_BYTES, length);
  mapping_.set(REPLY_STATUS, status);
  return false;
}

WasmEdge_Result Room::trap(uint32_t status, const char *text) {
  fail(status, text);
  return WasmEdge_ResultGen(WasmEdge_ErrCategory_UserLevelError, status);
}

const uint8_t *Room::at(uint32_t address, uint32_t length) const {
  uint64_t bytes = uint64_t{WasmEdge_MemoryInstanceGetPageSize(memory_)} * WASM_PAGE_BYTES;
  if (uint64_t{address} + length > bytes) return nullptr;
  return WasmEdge_MemoryInstanceGetPointerConst(memory_, 0, 0) + address;
}

WasmEdge_Result Room::submit(const WasmEdge_Value *parameters) {
  if (saving_) return trap(STATUS_TRAP, "submit: not during save");
  switch (submission_.append(*this, argument(parameters, 0), argument(parameters, 1))) {
  case Submission::Result::trap:
    return trap(STATUS_TRAP, submission_.message);
  case Submission::Result::refused:
    return trap(STATUS_COMMAND, submission_.message);
  default:
    return WasmEdge_Result_Success;
  }
}

WasmEdge_Result Room::log(const WasmEdge_Value *parameters) {
  uint32_t length = argument(parameters, 2);
  const uint8_t *text = at(argument(parameters, 1), length);
  if (text == nullptr) return trap(STATUS_TRAP, "out of bounds memory access in log");
  length = std::min(length, LOG_LINE_BYTES_MAX);
  uint32_t used = mapping_.get(REPLY_LOG_BYTES), padded = (length + 3) & ~3U;
  if (padded + 8 > LOG_BYTES_MAX - used) {
    mapping_.set(REPLY_LOG_DROPPED, mapping_.get(REPLY_LOG_DROPPED) + 1);
    return WasmEdge_Result_Success;
  }
  mapping_.set(LOG + used, argument(parameters, 0));
  mapping_.set(LOG + used + 4, length);
  std::memcpy(mapping_.at(LOG + used + 8), text, length);
  mapping_.set(REPLY_LOG_BYTES, used + 8 + padded);
  return WasmEdge_Result_Success;
}

// The pack's directory: magic, count, then name offset, name bytes, offset and bytes of each asset. The host has
// checked that it lies within the pack.
const uint32_t *Room::asset(int32_t handle) const {
  const uint32_t *words = reinterpret_cast<const uint32_t *>(assets_);
  if (assets_ == nullptr || handle < 0 || static_cast<uint32_t>(handle) >= words[1]) return nullptr;
  return words + 2 + 4 * handle;
}

WasmEdge_Result Room::assetFind(const WasmEdge_Value *parameters, WasmEdge_Value *returns) {
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

WasmEdge_Result Room::assetSize(const WasmEdge_Value *parameters, WasmEdge_Value *returns) {
  const uint32_t *entry = asset(WasmEdge_ValueGetI32(parameters[0]));
  if (entry == nullptr) return trap(STATUS_TRAP, "asset_size: no such asset");
  returns[0] = WasmEdge_ValueGenI32(static_cast<int32_t>(entry[3]));
  return WasmEdge_Result_Success;
}

WasmEdge_Result Room::assetRead(const WasmEdge_Value *parameters, WasmEdge_Value *returns) {
  const uint32_t *entry = asset(WasmEdge_ValueGetI32(parameters[0]));
  if (entry == nullptr) return trap(STATUS_TRAP, "asset_read: no such asset");
  uint32_t offset = argument(parameters, 1), length = argument(parameters, 3);
  const uint8_t *target = at(argument(parameters, 2), length);
  if (target == nullptr) return trap(STATUS_TRAP, "out of bounds memory access in asset_read");
  uint32_t count = offset >= entry[3] ? 0 : std::min(length, entry[3] - offset);
  std::memcpy(const_cast<uint8_t *>(target), assets_ + entry[2] + offset, count);
  returns[0] = WasmEdge_ValueGenI32(static_cast<int32_t>(count));
  return WasmEdge_Result_Success;
}

WasmEdge_Result Room::gpuFeature(const WasmEdge_Value *parameters, WasmEdge_Value *returns) {
  uint32_t bit = argument(parameters, 0) - 1;
  returns[0] = WasmEdge_ValueGenI32(bit < 32 ? (features_ >> bit) & 1 : 0);
  return WasmEdge_Result_Success;
}

WasmEdge_Result Room::gpuLimit(const WasmEdge_Value *parameters, WasmEdge_Value *returns) {
  uint32_t index = argument(parameters, 0) - 1;
  returns[0] = WasmEdge_ValueGenI32(index < LIMITS_MAX ? static_cast<int32_t>(limits_[index]) : 0);
  return WasmEdge_Result_Success;
}

WasmEdge_Result Room::stateWrite(const WasmEdge_Value *parameters) {
  if (!saving_) return trap(STATUS_TRAP, "state_write: only during save");
  uint32_t length = argument(parameters, 1), bytesMax = mapping_.get(LOAD_STATE_BYTES_MAX);
  const uint8_t *bytes = at(argument(parameters, 0), length);
  if (bytes == nullptr) return trap(STATUS_TRAP, "out of bounds memory access in state_write");
  if (length > bytesMax - stateBytes_) return trap(STATUS_STATE, "");
  std::memcpy(dataArea() + stateBytes_, bytes, length);
  stateBytes_ += length;
  return WasmEdge_Result_Success;
}

WasmEdge_Result Room::stateRead(const WasmEdge_Value *parameters, WasmEdge_Value *returns) {
  uint32_t offset = argument(parameters, 0), length = argument(parameters, 2);
  const uint8_t *target = at(argument(parameters, 1), length);
  if (target == nullptr) return trap(STATUS_TRAP, "out of bounds memory access in state_read");
  uint32_t size = static_cast<uint32_t>(state_.size());
  uint32_t count = offset >= size ? 0 : std::min(length, size - offset);
  if (count > 0) std::memcpy(const_cast<uint8_t *>(target), state_.data() + offset, count);
  returns[0] = WasmEdge_ValueGenI32(static_cast<int32_t>(count));
  return WasmEdge_Result_Success;
}

WasmEdge_Result Room::exit(const WasmEdge_Value *parameters) {
  uint32_t status = argument(parameters, 0);
  if (status > EXIT_STATUS_MAX) return trap(STATUS_TRAP, "exit: the status is not from 0 to 255");
  mapping_.set(REPLY_VALUE, status);
  return trap(STATUS_EXIT, "");
}
