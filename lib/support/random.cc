// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC
// 2011). The seed is the key; the counter's low half counts blocks, its high half is the stream.
// Tests: tests/support/random_test.cc.
#include "lib/support/random.h"

#include <cmath>
#include <numbers>

#include "lib/support/status.h"

namespace assize {

std::array<uint32_t, 4> Philox::Block(uint64_t counter) const {
  // The multipliers and Weyl constants of the paper, section 3.
  constexpr uint64_t kM0 = 0xD2511F53, kM1 = 0xCD9E8D57;
  constexpr uint32_t kW0 = 0x9E3779B9, kW1 = 0xBB67AE85;
  std::array<uint32_t, 4> x = {static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32),
                               static_cast<uint32_t>(stream_),
                               static_cast<uint32_t>(stream_ >> 32)};
  uint32_t k0 = static_cast<uint32_t>(seed_), k1 = static_cast<uint32_t>(seed_ >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = kM0 * x[0], p1 = kM1 * x[2];
    x = {static_cast<uint32_t>(p1 >> 32) ^ x[1] ^ k0, static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ x[3] ^ k1, static_cast<uint32_t>(p0)};
    k0 += kW0;
    k1 += kW1;
  }
  return x;
}

uint32_t Philox::NextU32() {
  if (used_ == 4) {
    block_ = Block(counter_++);
    used_ = 0;
  }
  return block_[static_cast<size_t>(used_++)];
}

uint64_t Philox::NextU64() {
  const uint64_t low = NextU32();
  return low | static_cast<uint64_t>(NextU32()) << 32;
}

double Philox::NextDouble() { return static_cast<double>(NextU64() >> 11) * 0x1p-53; }

uint64_t Philox::NextBelow(uint64_t bound) {
  AZ_CHECK(bound > 0, "NextBelow(0)");
  // 2^64 mod bound values at the bottom would make the small remainders more frequent.
  const uint64_t reject_below = (0 - bound) % bound;
  uint64_t value = NextU64();
  while (value < reject_below) value = NextU64();
  return value % bound;
}

double Philox::NextNormal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - NextDouble()));  // 1 - u lies in (0, 1]
  return radius * std::cos(2.0 * std::numbers::pi * NextDouble());
}

}  // namespace assize
