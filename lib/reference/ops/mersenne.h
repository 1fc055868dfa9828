// The Mersenne Twister MT19937 and its 53-bit doubles in [0, 1): what ONNX's own Dropout draws its
// mask from, so that the same seed drops the same elements. Our own draws come from
// lib/support/random.h. Source: Matsumoto and Nishimura 1998, with the seeding of 2002. Tests:
// tests/conformance/ (the training_dropout cases).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace assize::reference {

class Mersenne {
 public:
  explicit Mersenne(uint32_t seed) {
    words_[0] = seed;
    for (uint32_t i = 1; i < words_.size(); ++i)
      words_[i] = 1812433253u * (words_[i - 1] ^ (words_[i - 1] >> 30)) + i;
  }

  double NextDouble() {
    const uint64_t high = NextWord() >> 5, low = NextWord() >> 6;
    return static_cast<double>((high << 26) + low) * 0x1p-53;
  }

 private:
  uint32_t NextWord() {
    if (next_ == words_.size()) Twist();
    uint32_t word = words_[next_++];
    word ^= word >> 11;
    word ^= word << 7 & 0x9d2c5680u;
    word ^= word << 15 & 0xefc60000u;
    return word ^ word >> 18;
  }

  void Twist() {
    const size_t size = words_.size();
    for (size_t i = 0; i < size; ++i) {
      const uint32_t both = (words_[i] & 0x80000000u) | (words_[(i + 1) % size] & 0x7fffffffu);
      words_[i] = words_[(i + 397) % size] ^ both >> 1 ^ (both & 1u) * 0x9908b0dfu;
    }
    next_ = 0;
  }

  std::array<uint32_t, 624> words_{};
  size_t next_ = 624;
};

}  // namespace assize::reference
