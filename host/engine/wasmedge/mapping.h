// The memory that the guest process and the host share, accessed by the byte offsets of mapping.ts.
#pragma once

#include "constants.h"

#include <cstdint>

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
