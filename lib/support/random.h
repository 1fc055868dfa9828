// A counter-based generator (Philox 4x32-10, Salmon et al. 2011): value i of stream s depends on
// nothing else, so results do not change with thread count. Tests: tests/support/random_test.cc
// (Random123's vectors).
#pragma once

#include <array>
#include <cstdint>

namespace assize {

class Philox {
 public:
  explicit Philox(uint64_t seed, uint64_t stream = 0) : seed_(seed), stream_(stream) {}
  std::array<uint32_t, 4> Block(uint64_t counter) const;  // pure
  uint32_t NextU32();
  uint64_t NextU64();
  double NextDouble();                 // [0, 1), 53 bits
  uint64_t NextBelow(uint64_t bound);  // unbiased (rejection); bound > 0
  double NextNormal();                 // standard normal, Box-Muller

 private:
  uint64_t seed_, stream_, counter_ = 0;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace assize
