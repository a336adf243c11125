#include "instance.h"
#include "filter.h"
#include "limits.h"
#include "trace.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <sys/mman.h>
#include <unistd.h>

namespace {

// Bytes that a guest process may allocate in addition to the module's linear memory: for libraries, for the data of the
// native code, and for tables.
constexpr uint64_t OVERHEAD_BYTES = uint64_t{96} << 20;

// For each CALL_ number: how many arguments the export takes that it calls, and the name of that export.
constexpr uint32_t ARGUMENT_COUNT[CALL_COUNT] = {4, 1, 1, 1, 3, 0, 1, 1, 2};
constexpr const char *EXPORT_NAME[CALL_COUNT] = {"init", "join", "leave", "tick", "render",
                                                 "save", "load", "export_player", "import_player"};

} // namespace

void Instance::load(int code, int assets) {
  uint32_t commandBytesMax = mapping_.get(LOAD_COMMAND_BYTES_MAX);
  submission_.attach(mapping_.at(COMMANDS), commandBytesMax, dataArea(), mapping_.get(LOAD_DATA_BYTES_MAX));
  submission_.reset();
  mapping_.set(RESPONSE_PHASE, PHASE_LOAD);
  if (tree_ != nullptr) {
    fail(STATUS_FAILED, "this guest process has already loaded a module");
    return;
  }
  features_ = mapping_.get(LOAD_FEATURES);
  std::memcpy(limits_, mapping_.at(LOAD_LIMITS), sizeof limits_);
  if (mapAssets(assets) && restrict() && parse(code)) {
    bool isFiltered = filterSystemCalls({Phase::run, interpreter_});
    if (!isFiltered && (layers_ & LAYER_SECCOMP) != 0) fail(STATUS_FAILED, "system calls cannot be filtered");
    else if (instantiate()) initialise();
  }
  mapping_.set(RESPONSE_COMMAND_BYTES, submission_.commandBytes);
  mapping_.set(RESPONSE_DATA_BYTES, submission_.dataBytes);
}

// Limits the memory of this process to that of its module, and its one file: the native code, or the interpreter's log.
bool Instance::restrict() {
  uint64_t memory = uint64_t{mapping_.get(LOAD_MEMORY_PAGES_MAX)} * WASM_PAGE_BYTES + OVERHEAD_BYTES;
  bool isLimited = limitData(memory) && limitFiles(interpreter_ ? INTERPRETER_LOG_BYTES : mapping_.get(LOAD_CODE_BYTES));
  return isLimited || fail(STATUS_FAILED, "the memory of the guest process cannot be limited");
}

// Returns the memory for bulk data. It follows the space for the command stream, from the next page boundary on.
uint8_t *Instance::dataArea() const {
  uint32_t commandBytesMax = mapping_.get(LOAD_COMMAND_BYTES_MAX);
  return mapping_.at(COMMANDS + ((commandBytesMax + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1)));
}

// Returns the memory for sound. It follows the space for bulk data, from the next page boundary on.
uint8_t *Instance::soundArea() const {
  return dataArea() + ((mapping_.get(LOAD_DATA_BYTES_MAX) + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1));
}

bool Instance::mapAssets(int assets) {
  if (assets < 0) return true;
  void *base = mmap(nullptr, mapping_.get(LOAD_ASSET_BYTES), PROT_READ, MAP_SHARED, assets, 0);
  close(assets);
  if (base == MAP_FAILED) return fail(STATUS_FAILED, "the asset pack cannot be mapped into the guest process");
  assets_ = static_cast<const uint8_t *>(base);
  return true;
}

// Reads the module from the file descriptor that the host passed. The memory behind the descriptor is sealed, so the module
// is the one that the host has checked.
bool Instance::parse(int code) {
  uint32_t bytes = mapping_.get(LOAD_CODE_BYTES);
  configure_ = WasmEdge_ConfigureCreate();
  WasmEdge_ConfigureSetMaxMemoryPage(configure_, mapping_.get(LOAD_MEMORY_PAGES_MAX));
  WasmEdge_ConfigureSetForceInterpreter(configure_, interpreter_);
  WasmEdge_LoaderContext *loader = WasmEdge_LoaderCreate(configure_);
  void *module = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, code, 0);
  if (module == MAP_FAILED) return fail(STATUS_FAILED, "the module cannot be mapped into the guest process");
  WasmEdge_Result result = interpreter_
                               ? WasmEdge_LoaderParseFromBuffer(loader, &tree_, static_cast<uint8_t *>(module), bytes)
                               : parseNative(loader, module, bytes, code);
  munmap(module, bytes);
  close(code);
  WasmEdge_LoaderDelete(loader);
  if (!WasmEdge_ResultOK(result)) return fail(STATUS_INVALID, WasmEdge_ResultGetMessage(result));
  WasmEdge_ValidatorContext *validator = WasmEdge_ValidatorCreate(configure_);
  result = WasmEdge_ValidatorValidate(validator, tree_);
  WasmEdge_ValidatorDelete(validator);
  return WasmEdge_ResultOK(result) || fail(STATUS_INVALID, WasmEdge_ResultGetMessage(result));
}

// Loads native code. WasmEdge opens it only by path, so it is copied to a file if the process has an empty file system, and
// opened through /proc if it has the node's.
WasmEdge_Result Instance::parseNative(WasmEdge_LoaderContext *loader, const void *code, uint32_t bytes, int file) {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  if ((layers_ & LAYER_EMPTY_ROOT) == 0) return WasmEdge_LoaderParseFromFile(loader, &tree_, path);
  for (uint32_t done = 0; done < bytes;) {
    ssize_t count = write(FD_CODE, static_cast<const uint8_t *>(code) + done, bytes - done);
    if (count <= 0) return WasmEdge_ResultGen(WasmEdge_ErrCategory_UserLevelError, STATUS_FAILED);
    done += static_cast<uint32_t>(count);
  }
  close(FD_CODE);
  return WasmEdge_LoaderParseFromFile(loader, &tree_, CODE_PATH);
}

bool Instance::instantiate() {
  executor_ = WasmEdge_ExecutorCreate(configure_, nullptr);
  store_ = WasmEdge_StoreCreate();
  WasmEdge_ModuleInstanceContext *imports = createImports();
  WasmEdge_ExecutorRegisterImport(executor_, store_, imports);
  mapping_.set(RESPONSE_PHASE, PHASE_INSTANTIATE);
  if (!succeeded(WasmEdge_ExecutorInstantiate(executor_, &module_, store_, tree_))) return false;
  memory_ = WasmEdge_ModuleInstanceFindMemory(module_, WasmEdge_StringWrap("memory", 6));
  if (memory_ == nullptr) return fail(STATUS_CONTRACT, "the export \"memory\" is missing");
  for (uint32_t call = CALL_LOAD; call < CALL_COUNT; call++) {
    functions_[call] = find(EXPORT_NAME[call]);
    if (functions_[call] == nullptr && call <= CALL_RENDER) return fail(STATUS_CONTRACT, "a required export is missing");
  }
  audio_ = find("audio");
  return true;
}

bool Instance::initialise() {
  if (Function function = find(START_EXPORT)) {
    mapping_.set(RESPONSE_PHASE, PHASE_START);
    if (!invoke(function, 0)) return false;
  }
  if (Function function = find("_initialize")) {
    mapping_.set(RESPONSE_PHASE, PHASE_INITIALIZE);
    if (!invoke(function, 0)) return false;
  }
  int32_t result = 0;
  mapping_.set(RESPONSE_PHASE, PHASE_VERSION);
  if (!invoke(find("version"), 0, &result)) return false;
  mapping_.set(RESPONSE_VALUE, static_cast<uint32_t>(result));
  if (static_cast<uint32_t>(result) != ABI_VERSION) return fail(STATUS_VERSION, "");
  mapping_.set(RESPONSE_PHASE, PHASE_INIT);
  if (!invoke(functions_[CALL_LOAD], ARGUMENT_COUNT[CALL_LOAD], &result)) return false;
  seats_ = mapping_.get(REQUEST_ARGUMENTS + 12);
  return acceptBlock(static_cast<uint32_t>(result));
}

bool Instance::acceptBlock(uint32_t address) {
  if (address == 0) return fail(STATUS_CONTRACT, "init returned 0, which reports that it failed");
  if (address % 4 != 0) return fail(STATUS_CONTRACT, "init returned an address that is not a multiple of 4");
  uint32_t size = IO_INPUTS + seats_ * INPUT_STRIDE;
  const uint8_t *block = at(address, size);
  if (block == nullptr) return fail(STATUS_CONTRACT, "the IO block lies outside linear memory");
  uint32_t header[3];
  std::memcpy(header, block, sizeof header);
  if (header[0] != IO_MAGIC) return fail(STATUS_CONTRACT, "the IO block does not begin with IO_MAGIC");
  hasPads_ = header[1] == size + seats_ * PADS_STRIDE;
  if (!hasPads_ && header[1] != size) return fail(STATUS_CONTRACT, "the IO block does not have the size that its seats need");
  if (header[2] != seats_) return fail(STATUS_CONTRACT, "the IO block was made for another number of seats");
  if (at(address, header[1]) == nullptr) return fail(STATUS_CONTRACT, "the IO block lies outside linear memory");
  block_ = address;
  return true;
}

void Instance::call(uint32_t call) {
  submission_.reset();
  mapping_.set(RESPONSE_PHASE, PHASE_CALL);
  if (block_ == 0 || call >= CALL_COUNT || functions_[call] == nullptr) {
    fail(STATUS_FAILED, "no module is loaded");
  } else {
    if (!stage()) return;
    if (call == CALL_SAVE) invokeSave(call, mapping_.get(LOAD_STATE_BYTES_MAX));
    else if (call == CALL_EXPORT_PLAYER) invokeSave(call, mapping_.get(REQUEST_ARGUMENTS + 4));
    else if (call == CALL_RESTORE || call == CALL_IMPORT_PLAYER) invokeLoad(call);
    else if (invoke(functions_[call], ARGUMENT_COUNT[call]) && call == CALL_TICK) mixAll();
    mapping_.set(RESPONSE_MEMORY_PAGES, WasmEdge_MemoryInstanceGetPageSize(memory_));
  }
  mapping_.set(RESPONSE_COMMAND_BYTES, submission_.commandBytes);
  mapping_.set(RESPONSE_DATA_BYTES, submission_.dataBytes);
}

// Mixes what the players of all seats that listen hear in the tick that was just made.
void Instance::mixAll() {
  uint32_t frames = std::min(mapping_.get(REQUEST_ARGUMENTS + 4), AUDIO_FRAMES_MAX);
  if (frames == 0 || audio_ == nullptr) return;
  uint64_t seats = mapping_.get(REQUEST_ARGUMENTS + 8) | uint64_t{mapping_.get(REQUEST_ARGUMENTS + 12)} << 32;
  uint8_t *target = soundArea();
  mapping_.set(RESPONSE_PHASE, PHASE_AUDIO);
  mixing_ = true;
  for (uint32_t seat = 0; seat < SEATS_MAX; seat++) {
    if (((seats >> seat) & 1) == 0) continue;
    if (!mix(seat, frames, target)) break;
    target += frames * AUDIO_FRAME_BYTES;
  }
  mixing_ = false;
}

// Copies what the player of one seat hears to `target`.
bool Instance::mix(uint32_t seat, uint32_t frames, uint8_t *target) {
  const WasmEdge_Value parameters[2] = {WasmEdge_ValueGenI32(static_cast<int32_t>(seat)),
                                        WasmEdge_ValueGenI32(static_cast<int32_t>(frames))};
  WasmEdge_Value returned;
  if (!succeeded(WasmEdge_ExecutorInvoke(executor_, audio_, parameters, 2, &returned, 1))) return false;
  uint32_t address = static_cast<uint32_t>(WasmEdge_ValueGetI32(returned));
  uint32_t bytes = frames * AUDIO_FRAME_BYTES;
  if (address == 0) {
    std::memset(target, 0, bytes);
    return true;
  }
  if (address % 4 != 0) return fail(STATUS_CONTRACT, "audio returned an address that is not a multiple of 4");
  const uint8_t *source = at(address, bytes);
  if (source == nullptr) return fail(STATUS_CONTRACT, "the frames that audio returned lie outside linear memory");
  std::memcpy(target, source, bytes);
  return true;
}

// Calls an export that writes a state.
void Instance::invokeSave(uint32_t call, uint32_t bytesMax) {
  saving_ = true;
  stateBytes_ = 0;
  stateBytesMax_ = std::min(bytesMax, mapping_.get(LOAD_DATA_BYTES_MAX));
  invoke(functions_[call], ARGUMENT_COUNT[call]);
  saving_ = false;
  submission_.dataBytes = stateBytes_;
}

// Calls an export that reads a state, whose length is the last argument of the call.
void Instance::invokeLoad(uint32_t call) {
  uint32_t length = mapping_.get(REQUEST_ARGUMENTS + 4 * (ARGUMENT_COUNT[call] - 1));
  length = std::min(length, mapping_.get(LOAD_DATA_BYTES_MAX));
  state_.assign(dataArea(), dataArea() + length);
  int32_t result = 1;
  invoke(functions_[call], ARGUMENT_COUNT[call], call == CALL_IMPORT_PLAYER ? &result : nullptr);
  if (mapping_.get(RESPONSE_STATUS) == STATUS_OK) mapping_.set(RESPONSE_VALUE, static_cast<uint32_t>(result));
  std::vector<uint8_t>().swap(state_);
}

// Copies replies, input records and records of gamepads into the module's IO block, and answers into linear memory.
// Linear memory never shrinks, so the IO block that init returned still lies inside it.
bool Instance::stage() {
  uint32_t inputBytes = seats_ * INPUT_STRIDE, padBytes = hasPads_ ? seats_ * PADS_STRIDE : 0;
  uint8_t *block = const_cast<uint8_t *>(at(block_, IO_INPUTS + inputBytes + padBytes));
  std::memcpy(block + IO_REPLY_HEAD, mapping_.at(STAGED_REPLY_HEAD), 4);
  std::memcpy(block + IO_REPLIES, mapping_.at(STAGED_REPLIES), REPLY_COUNT * REPLY_WORDS * 4);
  std::memcpy(block + IO_INPUTS, mapping_.at(STAGED_INPUTS), inputBytes);
  std::memcpy(block + IO_INPUTS + inputBytes, mapping_.at(STAGED_PADS), padBytes);
  return applyWrites() || fail(STATUS_TRAP, "the target of an answer lies outside linear memory");
}

// Copies each answer, such as a GPU buffer range, to the address in linear memory that the module asked for.
// Returns false if a range does not fit there.
bool Instance::applyWrites() {
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

Instance::Function Instance::find(const char *name) const {
  return WasmEdge_ModuleInstanceFindFunction(
      module_, WasmEdge_StringWrap(name, static_cast<uint32_t>(std::strlen(name))));
}

bool Instance::invoke(Function function, uint32_t count, int32_t *result) {
  WasmEdge_Value parameters[4], returned;
  for (uint32_t i = 0; i < count; i++)
    parameters[i] = WasmEdge_ValueGenI32(static_cast<int32_t>(mapping_.get(REQUEST_ARGUMENTS + 4 * i)));
  uint32_t results = result == nullptr ? 0 : 1;
  if (!succeeded(WasmEdge_ExecutorInvoke(executor_, function, parameters, count, &returned, results))) return false;
  if (result != nullptr) *result = WasmEdge_ValueGetI32(returned);
  return true;
}

// Returns whether a call of the module succeeded. If not, records where it failed, and why, unless the import that trapped has
// already recorded why.
bool Instance::succeeded(WasmEdge_Result result) {
  if (WasmEdge_ResultOK(result)) return true;
  if (memory_ != nullptr) mapping_.set(RESPONSE_MEMORY_PAGES, WasmEdge_MemoryInstanceGetPageSize(memory_));
  if (mapping_.get(RESPONSE_STATUS) == STATUS_OK) fail(STATUS_TRAP, WasmEdge_ResultGetMessage(result));
  TrapFrame *frames = reinterpret_cast<TrapFrame *>(mapping_.at(TRAP_FRAMES));
  uint32_t count = interpreter_ ? takeInterpreterFrame(frames) : takeNativeFrames(frames, TRAP_FRAMES_MAX);
  mapping_.set(RESPONSE_TRAP_FRAMES, count);
  return false;
}

bool Instance::fail(uint32_t status, const char *text) {
  uint32_t length = static_cast<uint32_t>(std::min<size_t>(std::strlen(text), MESSAGE_BYTES_MAX));
  std::memcpy(mapping_.at(MESSAGE), text, length);
  mapping_.set(RESPONSE_MESSAGE_BYTES, length);
  mapping_.set(RESPONSE_STATUS, status);
  return false;
}

WasmEdge_Result Instance::trap(uint32_t status, const char *text) {
  fail(status, text);
  return WasmEdge_ResultGen(WasmEdge_ErrCategory_UserLevelError, status);
}

const uint8_t *Instance::at(uint32_t address, uint32_t length) const {
  uint64_t bytes = uint64_t{WasmEdge_MemoryInstanceGetPageSize(memory_)} * WASM_PAGE_BYTES;
  if (uint64_t{address} + length > bytes) return nullptr;
  return WasmEdge_MemoryInstanceGetPointerConst(memory_, 0, 0) + address;
}
