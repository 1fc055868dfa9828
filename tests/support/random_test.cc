// Philox against Random123's known answers, and the properties that sampling relies on.
#include "lib/support/random.h"

#include <gtest/gtest.h>

#include <cmath>

namespace assize {
namespace {

using Words = std::array<uint32_t, 4>;

TEST(Philox, KnownAnswers) {
  // Random123's kat_vectors, philox4x32 with 10 rounds.
  EXPECT_EQ(Philox(0, 0).Block(0), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox(~uint64_t{0}, ~uint64_t{0}).Block(~uint64_t{0}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox(0x299f31d0a4093822, 0x0370734413198a2e).Block(0x85a308d3243f6a88),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, SequenceIsTheBlocksInOrder) {
  Philox generator(42, 7);
  for (uint64_t block = 0; block < 3; ++block) {
    for (uint32_t word : Philox(42, 7).Block(block)) EXPECT_EQ(generator.NextU32(), word);
  }
  Philox again(42, 7);
  const uint64_t low = Philox(42, 7).Block(0)[0], high = Philox(42, 7).Block(0)[1];
  EXPECT_EQ(again.NextU64(), low | high << 32);
}

TEST(Philox, NextBelowIsUniform) {
  Philox generator(1);
  std::array<int, 6> counts{};
  for (int i = 0; i < 60000; ++i) ++counts[generator.NextBelow(6)];
  double chi2 = 0;
  for (int count : counts) chi2 += (count - 10000.0) * (count - 10000.0) / 10000.0;
  EXPECT_LT(chi2, 20.5);  // the 0.1 % point with 5 degrees of freedom; the seed is fixed
  EXPECT_EQ(generator.NextBelow(1), 0u);
  const uint64_t bound = (uint64_t{1} << 63) + 1;  // nearly half of all draws are rejected
  for (int i = 0; i < 100; ++i) EXPECT_LT(generator.NextBelow(bound), bound);
}

TEST(Philox, DoublesAndNormals) {
  Philox generator(3);
  double sum = 0, squares = 0;
  for (int i = 0; i < 20000; ++i) {
    const double value = generator.NextDouble();
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    const double normal = generator.NextNormal();
    ASSERT_TRUE(std::isfinite(normal));
    sum += normal;
    squares += normal * normal;
  }
  EXPECT_NEAR(sum / 20000, 0, 0.03);
  EXPECT_NEAR(squares / 20000, 1, 0.04);
}

}  // namespace
}  // namespace assize
