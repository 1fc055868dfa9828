// Tensors: sizes that untrusted dims could overflow, packed elements, views of memory, digests.
#include "lib/ir/tensor.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

namespace assize::ir {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

std::vector<std::byte> Bytes(const std::vector<int>& values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST(ElementCount, RefusesNegativeDimsAndOverflow) {
  EXPECT_EQ(ElementCount(Shape{}), 1);
  EXPECT_EQ(ElementCount(Shape{2, 3, 4}), 24);
  EXPECT_EQ(ElementCount(Shape{kMax}), kMax);
  EXPECT_EQ(ElementCount(Shape{kMax, 2}), std::nullopt);
  EXPECT_EQ(ElementCount(Shape{-1}), std::nullopt);
  EXPECT_EQ(ElementCount(Shape{0, 5}), 0);
  // A zero must not hide what is wrong beside it.
  EXPECT_EQ(ElementCount(Shape{0, -1}), std::nullopt);
  EXPECT_EQ(ElementCount(Shape{kMax, 2, 0}), std::nullopt);
}

TEST(ByteCount, RoundsPackedTypesUpAndRefusesOverflow) {
  EXPECT_EQ(ByteCount(DType::kInt4, 3), 2);
  EXPECT_EQ(ByteCount(DType::kUint2, 5), 2);
  EXPECT_EQ(ByteCount(DType::kUint2, 0), 0);
  EXPECT_EQ(ByteCount(DType::kFloat6E2M3, 3), 3);
  EXPECT_EQ(ByteCount(DType::kComplex128, 2), 32);
  EXPECT_EQ(ByteCount(DType::kFloat, kMax / 16), std::nullopt);
  EXPECT_EQ(ByteCount(DType::kFloat, -1), std::nullopt);
}

TEST(Tensor, BytesMustFitTheDims) {
  EXPECT_DEATH(Tensor::FromBytes(DType::kFloat, {2}, std::vector<std::byte>(7)), "from 7 bytes");
  EXPECT_DEATH(Tensor::FromBytes(DType::kInt4, {3}, std::vector<std::byte>(1)), "from 1 bytes");
  EXPECT_DEATH(Tensor::Strings({2}, {"one"}), "from 1 values");
  EXPECT_DEATH(Tensor::Of<float>({2}, {1, 2, 3}), "from 12 bytes");
  EXPECT_DEATH(Tensor::FromBytes(DType::kString, {2}, {}), "string");
}

TEST(Tensor, TakesTheFirstElementFromTheLowBits) {
  EXPECT_EQ(Tensor::FromBytes(DType::kUint4, {3}, Bytes({0x21, 0x0f})).ToInts(),
            (std::vector<int64_t>{1, 2, 15}));
  EXPECT_EQ(Tensor::FromBytes(DType::kInt4, {4}, Bytes({0x87, 0xf0})).ToInts(),
            (std::vector<int64_t>{7, -8, 0, -1}));
  EXPECT_EQ(Tensor::FromBytes(DType::kUint2, {5}, Bytes({0xe4, 0x02})).ToInts(),
            (std::vector<int64_t>{0, 1, 2, 3, 2}));
  EXPECT_EQ(Tensor::FromBytes(DType::kInt2, {4}, Bytes({0xe4})).ToInts(),
            (std::vector<int64_t>{0, 1, -2, -1}));
  EXPECT_EQ(Tensor::FromBytes(DType::kFloat4E2M1, {2}, Bytes({0xf1})).ToDoubles(),
            (std::vector<double>{0.5, -6}));
}

TEST(Tensor, ReadsEveryNumericTypeAsDouble) {
  EXPECT_EQ(Tensor::Scalar<double>(0.1).ToDoubles()[0], 0.1);
  EXPECT_EQ(Tensor::Scalar<float>(0.1f).ToDoubles()[0], static_cast<double>(0.1f));
  EXPECT_EQ(Tensor::Scalar<int64_t>(-5).ToDoubles()[0], -5);
  EXPECT_EQ(Tensor::Scalar<uint64_t>(uint64_t{1} << 63).ToDoubles()[0], std::ldexp(1.0, 63));
  EXPECT_EQ(Tensor::Scalar<int8_t>(-128).ToDoubles()[0], -128);
  EXPECT_EQ(Tensor::FromBytes(DType::kFloat16, {1}, Bytes({0x00, 0xc0})).ToDoubles()[0], -2);
  EXPECT_EQ(Tensor::FromBytes(DType::kBfloat16, {1}, Bytes({0x80, 0x3f})).ToDoubles()[0], 1);
  EXPECT_EQ(Tensor::FromBytes(DType::kFloat8E5M2, {1}, Bytes({0x40})).ToDoubles()[0], 2);
  EXPECT_EQ(Tensor::FromBytes(DType::kFloat6E3M2, {1}, Bytes({0x1f})).ToDoubles()[0], 28);
  EXPECT_EQ(Tensor::FromBytes(DType::kFloat8E8M0, {1}, Bytes({128})).ToDoubles()[0], 2);
  // A file may say true with any byte.
  EXPECT_EQ(Tensor::FromBytes(DType::kBool, {3}, Bytes({0, 1, 2})).ToInts(),
            (std::vector<int64_t>{0, 1, 1}));
}

TEST(Tensor, ReadingAsAnotherTypeTraps) {
  const Tensor floats = Tensor::Of<float>({1}, {1});
  EXPECT_DEATH(floats.data<int32_t>(), "tensor of float read as int32");
  EXPECT_DEATH(floats.strings(), "read as strings");
  EXPECT_DEATH(floats.ToInts(), "float read as integers");
  EXPECT_DEATH((Tensor::Scalar<int32_t>(1).ToFloats()), "int32 read as floats");
  EXPECT_DEATH(Tensor::Zeros(DType::kComplex64, {1}).ToDoubles(), "no numeric value");
  EXPECT_DEATH(Tensor::Strings({1}, {"a"}).ToDoubles(), "no numeric value");
  EXPECT_EQ(Tensor::Zeros(DType::kFloat16, {2}).data<uint16_t>().size(), 2u);
  EXPECT_EQ(Tensor::Zeros(DType::kFloat8E4M3Fn, {2}).data<uint8_t>().size(), 2u);
}

TEST(Tensor, ViewsShareAlignedMemoryAndKeepItsOwner) {
  auto owner = std::make_shared<std::vector<double>>(4, 1.5);
  const std::weak_ptr<std::vector<double>> watch = owner;
  const auto* memory = reinterpret_cast<const std::byte*>(owner->data());
  Tensor whole = Tensor::View(DType::kFloat, {4}, {memory, 16}, owner);
  EXPECT_EQ(whole.bytes().data(), memory);
  Tensor reshaped = whole.Reshaped({2, 2});
  EXPECT_EQ(reshaped.bytes().data(), memory);
  owner.reset();
  whole = Tensor();
  EXPECT_FALSE(watch.expired()) << "the reshaped tensor still reads it";
  EXPECT_EQ(reshaped.data<float>().size(), 4u);
  reshaped = Tensor();
  EXPECT_TRUE(watch.expired());
}

TEST(Tensor, ViewsAtOddAddressesAreCopiedWhenTheyAreRead) {
  auto owner = std::make_shared<std::vector<double>>(3, 0.0);
  auto* memory = reinterpret_cast<std::byte*>(owner->data());
  const float want = 3.25f;
  std::memcpy(memory + 1, &want, sizeof want);
  const Tensor tensor = Tensor::View(DType::kFloat, {1}, {memory + 1, 4}, owner);
  EXPECT_EQ(tensor.raw_bytes().data(), memory + 1);
  const Tensor reshaped = tensor.Reshaped({1, 1});
  EXPECT_EQ(reshaped.data<float>()[0], want);
  EXPECT_NE(tensor.bytes().data(), memory + 1);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.bytes().data()) % alignof(float), 0u);
  EXPECT_EQ(tensor.data<float>()[0], want);
  // One-byte elements are never copied.
  EXPECT_EQ(Tensor::View(DType::kInt8, {4}, {memory + 1, 4}, owner).bytes().data(), memory + 1);
}

TEST(Tensor, DigestsCoverTypeDimsAndElements) {
  const Tensor base = Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(base.digest(), Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6}).digest());
  EXPECT_NE(base.digest(), base.Reshaped({3, 2}).digest());
  EXPECT_EQ(base.digest(), base.Reshaped({3, 2}).Reshaped({2, 3}).digest());
  EXPECT_NE(base.digest(), Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 7}).digest());
  EXPECT_NE(Tensor::Zeros(DType::kInt32, {1}).digest(),
            Tensor::Zeros(DType::kUint32, {1}).digest());
  EXPECT_NE(Tensor::Zeros(DType::kInt32, {0}).digest(),
            Tensor::Zeros(DType::kInt32, {0, 0}).digest());
  // Neighbouring strings must not run together.
  EXPECT_NE(Tensor::Strings({2}, {"ab", "c"}).digest(), Tensor::Strings({2}, {"a", "bc"}).digest());
  EXPECT_NE(Tensor().digest(), Tensor::Zeros(DType::kFloat, {0}).digest());
}

TEST(Tensor, EqualityIsByBytes) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(Tensor::Scalar(nan), Tensor::Scalar(nan));          // the same bits
  EXPECT_FALSE(Tensor::Scalar(0.0f) == Tensor::Scalar(-0.0f));  // other bits
  EXPECT_EQ(Tensor::Strings({1}, {"a"}), Tensor::Strings({1}, {"a"}));
  EXPECT_FALSE(Tensor::Strings({1}, {"a"}) == Tensor::Strings({1}, {"b"}));
  EXPECT_EQ(Tensor(), Tensor());
  EXPECT_FALSE(Tensor() == Tensor::Zeros(DType::kFloat, {}));
  EXPECT_EQ(Tensor::Zeros(DType::kFloat, {0}), Tensor::Of<float>({0}, {}));
}

TEST(Tensor, ReshapesOnlyToTheSameCount) {
  EXPECT_DEATH(Tensor::Of<float>({2}, {1, 2}).Reshaped({3}), "reshaped");
  EXPECT_EQ(Tensor::Strings({2}, {"a", "b"}).Reshaped({2, 1}).strings().at(1), "b");
  EXPECT_EQ(Tensor::Of<float>({2}, {1, 2}).Reshaped({1, 2}).TypeText(), "f32 [1,2]");
}

}  // namespace
}  // namespace assize::ir
