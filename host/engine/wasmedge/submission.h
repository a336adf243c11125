// Collects the GPU commands and bulk data that a module submits during one call (renderer/contract/ABI.md, "Command stream").
#pragma once

#include "constants.h"

#include <cstdint>
#include <cstdio>
#include <cstring>

class LinearMemory {
public:
  // Returns a pointer to a range of linear memory, or null if the range does not lie inside it.
  virtual const uint8_t *at(uint32_t address, uint32_t length) const = 0;

protected:
  ~LinearMemory() = default;
};

class Submission {
public:
  enum class Result { taken, trap, refused };

  void attach(uint8_t *commands, uint32_t commandBytesMax, uint8_t *data, uint32_t dataBytesMax) {
    commands_ = commands;
    commandBytesMax_ = commandBytesMax;
    data_ = data;
    dataBytesMax_ = dataBytesMax;
  }

  void reset() { commandBytes = dataBytes = index_ = 0; }

  // Appends a command stream and copies the bulk data that its commands refer to. If the result is not `taken`, `message`
  // says why.
  Result append(const LinearMemory &memory, uint32_t address, uint32_t length) {
    if ((address | length) % 4 != 0) return trap("submit: address and length must be multiples of 4");
    const uint8_t *stream = memory.at(address, length);
    if (stream == nullptr) return trap("out of bounds memory access in submit");
    if (length > commandBytesMax_ - commandBytes)
      return refuse("the command stream is longer than %u bytes (COMMAND_BYTES_MAX)", commandBytesMax_);
    uint32_t *words = reinterpret_cast<uint32_t *>(commands_ + commandBytes);
    std::memcpy(words, stream, length);
    commandBytes += length;
    return resolve(memory, words, length / 4);
  }

  uint32_t commandBytes = 0;
  uint32_t dataBytes = 0;
  char message[160];

private:
  // Copies the bulk data of each command. Stops at the first malformed command, which the host reports when it decodes
  // the stream.
  Result resolve(const LinearMemory &memory, uint32_t *words, uint32_t count) {
    for (uint32_t at = 0; at < count; index_++) {
      uint32_t size = words[at] >> 16;
      if (size == 0 || size > count - at) break;
      if ((words[at] & REFERENCE_BIT) != 0) {
        if (size < 3) break;
        Result result = copy(memory, words + at + size - 2);
        if (result != Result::taken) return result;
      }
      at += size;
    }
    return Result::taken;
  }

  // Copies one command's bulk data, and in the command replaces the data's address by its offset in the copy.
  Result copy(const LinearMemory &memory, uint32_t *reference) {
    uint32_t length = reference[1];
    const uint8_t *bytes = memory.at(reference[0], length);
    if (bytes == nullptr)
      return refuse("command %u refers to %u bytes at %u, outside linear memory", index_, length, reference[0]);
    uint64_t start = (static_cast<uint64_t>(dataBytes) + 3) & ~uint64_t{3};
    if (start + length > dataBytesMax_)
      return refuse("command %u: the bulk data of one call exceeds %u bytes (DATA_BYTES_MAX)", index_, dataBytesMax_);
    while (dataBytes < start) data_[dataBytes++] = 0;
    std::memcpy(data_ + start, bytes, length);
    reference[0] = static_cast<uint32_t>(start);
    dataBytes += length;
    return Result::taken;
  }

  Result trap(const char *text) {
    std::snprintf(message, sizeof message, "%s", text);
    return Result::trap;
  }

  template <typename... Values> Result refuse(const char *format, Values... values) {
    std::snprintf(message, sizeof message, format, values...);
    return Result::refused;
  }

  uint8_t *commands_ = nullptr;
  uint8_t *data_ = nullptr;
  uint32_t commandBytesMax_ = 0;
  uint32_t dataBytesMax_ = 0;
  uint32_t index_ = 0;
};
