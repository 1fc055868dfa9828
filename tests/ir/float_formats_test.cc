// Small float formats: every code, and every rounding boundary, against NumPy and ml_dtypes; and
// values that the formats' definitions give.
#include "lib/ir/float_formats.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "lib/support/files.h"
#include "lib/support/random.h"
#include "tests/support/temporary_folder.h"

namespace assize::ir {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

const std::vector<DType> kFormats = {
    DType::kFloat16,        DType::kBfloat16,   DType::kFloat8E4M3Fn,
    DType::kFloat8E4M3Fnuz, DType::kFloat8E5M2, DType::kFloat8E5M2Fnuz,
    DType::kFloat6E2M3,     DType::kFloat6E3M2, DType::kFloat4E2M1};

int CodeBits(DType dtype) {
  if (dtype == DType::kFloat6E2M3 || dtype == DType::kFloat6E3M2) return 6;
  return BitsOf(dtype);
}

float Decode(DType dtype, uint32_t code) {
  if (dtype == DType::kFloat16) return HalfToFloat(static_cast<uint16_t>(code));
  if (dtype == DType::kBfloat16) return Bfloat16ToFloat(static_cast<uint16_t>(code));
  return SmallFloatToFloat(dtype, static_cast<uint8_t>(code));
}

uint32_t Encode(DType dtype, float value, bool saturate) {
  if (dtype == DType::kFloat16) return FloatToHalf(value);
  if (dtype == DType::kBfloat16) return FloatToBfloat16(value);
  return FloatToSmallFloat(dtype, value, saturate);
}

// The format's own values, the middles between neighbours, the floats beside both, and random bits.
std::vector<float> Boundaries(DType dtype) {
  std::vector<float> values = {0.0f,
                               -0.0f,
                               kInfinity,
                               -kInfinity,
                               std::numeric_limits<float>::max(),
                               std::numeric_limits<float>::denorm_min()};
  const auto around = [&](float v) {
    for (const float each : {v, std::nextafter(v, kInfinity), std::nextafter(v, -kInfinity)}) {
      values.push_back(each);
      values.push_back(-each);
    }
  };
  const uint32_t half = 1u << (CodeBits(dtype) - 1);
  for (uint32_t code = 0; code < half; ++code) {
    const float at = Decode(dtype, code);
    if (!std::isfinite(at)) continue;
    around(at);
    const float next = code + 1 < half ? Decode(dtype, code + 1) : kInfinity;
    const float before = code > 0 ? Decode(dtype, code - 1) : 0.0f;
    // Beyond the largest value the middle lies where the next step would have been.
    around(std::isfinite(next) ? static_cast<float>((static_cast<double>(at) + next) / 2)
                               : at + (at - before) / 2);
  }
  Philox random(20261123);
  for (int i = 0; i < 20000; ++i) {
    const float value = std::bit_cast<float>(random.NextU32());
    if (!std::isnan(value)) values.push_back(value);
  }
  return values;
}

template <typename T>
std::vector<T> ReadAs(const std::string& path) {
  const std::string bytes = ReadFile(path).value();
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

std::vector<uint32_t> ReadCodes(const std::string& path, DType dtype) {
  std::vector<uint32_t> codes;
  if (BitsOf(dtype) == 16) {
    for (const uint16_t code : ReadAs<uint16_t>(path)) codes.push_back(code);
  } else {
    for (const uint8_t code : ReadAs<uint8_t>(path))
      codes.push_back(code & ((1u << CodeBits(dtype)) - 1));
  }
  return codes;
}

bool SameValue(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) ||
         std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

TEST(FloatFormats, AgreeWithNumpyAndMlDtypes) {
  const std::string python = std::string(ASSIZE_SOURCE_DIR) + "/.deps/oracles/bin/python";
  if (!std::filesystem::exists(python))
    GTEST_SKIP() << python << " is missing; scripts/setup test makes it";
  TemporaryFolder folder;
  std::vector<DType> formats = kFormats;
  formats.push_back(DType::kFloat8E8M0);
  std::map<DType, std::vector<float>> values;
  for (const DType dtype : formats) {
    values[dtype] = dtype == DType::kFloat8E8M0 ? std::vector<float>{1} : Boundaries(dtype);
    const auto& list = values[dtype];
    const std::string bytes(reinterpret_cast<const char*>(list.data()),
                            list.size() * sizeof(float));
    ASSERT_TRUE(WriteFileAtomic(folder / (std::string(NameOf(dtype)) + ".f32"), bytes).ok());
  }
  const std::string command =
      python + " " + ASSIZE_SOURCE_DIR + "/tests/ir/float_formats_oracle.py " + folder.path();
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  for (const DType dtype : formats) {
    const std::string base = folder / std::string(NameOf(dtype));
    const std::vector<float> decoded = ReadAs<float>(base + ".decode");
    ASSERT_EQ(decoded.size(), size_t{1} << CodeBits(dtype));
    for (uint32_t code = 0; code < decoded.size(); ++code) {
      ASSERT_TRUE(SameValue(Decode(dtype, code), decoded[code]))
          << NameOf(dtype) << " code " << code << ": " << Decode(dtype, code) << ", ml_dtypes "
          << decoded[code];
    }
    if (dtype == DType::kFloat8E8M0)
      continue;  // its rounding is an attribute of Cast, tested there
    const bool saturates = BitsOf(dtype) < 16;
    for (const bool saturate : {false, true}) {
      if (saturate && !saturates) continue;
      const std::vector<uint32_t> codes =
          ReadCodes(base + (saturate ? ".saturate" : ".encode"), dtype);
      ASSERT_EQ(codes.size(), values[dtype].size());
      for (size_t i = 0; i < codes.size(); ++i) {
        const uint32_t got = Encode(dtype, values[dtype][i], saturate);
        ASSERT_TRUE(SameValue(Decode(dtype, got), Decode(dtype, codes[i])))
            << NameOf(dtype) << (saturate ? " saturated " : " ") << std::hexfloat
            << values[dtype][i] << ": code " << got << ", ml_dtypes " << codes[i];
      }
    }
  }
}

TEST(FloatFormats, EveryCodeReadsBackAsItself) {
  for (const DType dtype : kFormats) {
    for (uint32_t code = 0; code < 1u << CodeBits(dtype); ++code) {
      const float value = Decode(dtype, code);
      if (std::isnan(value)) {
        EXPECT_TRUE(std::isnan(Decode(dtype, Encode(dtype, value, true))))
            << NameOf(dtype) << " " << code;
      } else if (!std::isinf(value)) {
        EXPECT_EQ(Encode(dtype, value, true), code) << NameOf(dtype);
        EXPECT_EQ(Encode(dtype, value, false), code) << NameOf(dtype);
      }
    }
  }
}

TEST(FloatFormats, LargestAndSmallestValues) {
  EXPECT_EQ(HalfToFloat(0x7bff), 65504.0f);
  EXPECT_EQ(HalfToFloat(0x0001), std::ldexp(1.0f, -24));
  EXPECT_EQ(SmallFloatToFloat(DType::kFloat8E4M3Fn, 0x7e), 448.0f);
  EXPECT_EQ(SmallFloatToFloat(DType::kFloat8E4M3Fn, 0x01), std::ldexp(1.0f, -9));
  EXPECT_EQ(SmallFloatToFloat(DType::kFloat8E4M3Fnuz, 0x7f), 240.0f);
  EXPECT_EQ(SmallFloatToFloat(DType::kFloat8E5M2, 0x7b), 57344.0f);
  EXPECT_EQ(SmallFloatToFloat(DType::kFloat8E5M2Fnuz, 0x7f), 57344.0f);
  EXPECT_EQ(SmallFloatToFloat(DType::kFloat6E2M3, 0x1f), 7.5f);
  EXPECT_EQ(SmallFloatToFloat(DType::kFloat6E3M2, 0x1f), 28.0f);
  EXPECT_EQ(SmallFloatToFloat(DType::kFloat4E2M1, 0x7), 6.0f);
  EXPECT_EQ(SmallFloatToFloat(DType::kFloat4E2M1, 0xf), -6.0f);
  EXPECT_EQ(SmallFloatToFloat(DType::kFloat8E8M0, 0), std::ldexp(1.0f, -127));
  EXPECT_EQ(SmallFloatToFloat(DType::kFloat8E8M0, 127), 1.0f);
  EXPECT_TRUE(std::isnan(SmallFloatToFloat(DType::kFloat8E8M0, 255)));
}

TEST(FloatFormats, OverflowFollowsSaturate) {
  for (const float big : {1e30f, kInfinity}) {
    EXPECT_EQ(FloatToSmallFloat(DType::kFloat8E4M3Fn, big, true), 0x7e);
    EXPECT_EQ(FloatToSmallFloat(DType::kFloat8E4M3Fn, big, false), 0x7f);  // NaN: no infinity there
    EXPECT_EQ(FloatToSmallFloat(DType::kFloat8E5M2, -big, true), 0xfb);
    EXPECT_EQ(FloatToSmallFloat(DType::kFloat8E5M2, -big, false), 0xfc);  // minus infinity
    EXPECT_EQ(FloatToSmallFloat(DType::kFloat8E4M3Fnuz, big, false), 0x80);
    EXPECT_EQ(FloatToSmallFloat(DType::kFloat4E2M1, big, false), 0x7);  // no other code
  }
  EXPECT_EQ(FloatToHalf(65519.996f), 0x7bff);
  EXPECT_EQ(FloatToHalf(65520.0f), 0x7c00);  // the tie goes to the even neighbour, infinity
}

TEST(FloatFormats, MinusZeroIsKeptWhereTheFormatHasIt) {
  EXPECT_EQ(FloatToSmallFloat(DType::kFloat8E4M3Fn, -0.0f), 0x80);
  EXPECT_EQ(FloatToSmallFloat(DType::kFloat8E4M3Fnuz, -0.0f), 0x00);
  EXPECT_EQ(FloatToSmallFloat(DType::kFloat8E5M2Fnuz, -1e-30f),
            0x00);  // rounds to zero: 0x80 would be NaN
  EXPECT_EQ(FloatToHalf(-1e-30f), 0x8000);
}

TEST(FloatFormats, PowersOfTwoInE8M0) {
  EXPECT_EQ(FloatToSmallFloat(DType::kFloat8E8M0, 1.0f), 127);
  EXPECT_EQ(FloatToSmallFloat(DType::kFloat8E8M0, 1.49f), 127);
  EXPECT_EQ(FloatToSmallFloat(DType::kFloat8E8M0, 1.51f), 128);
  EXPECT_EQ(FloatToSmallFloat(DType::kFloat8E8M0, std::numeric_limits<float>::max(), true), 254);
  EXPECT_EQ(FloatToSmallFloat(DType::kFloat8E8M0, std::numeric_limits<float>::quiet_NaN()), 255);
  for (uint32_t code = 0; code < 255; ++code) {
    EXPECT_EQ(FloatToSmallFloat(DType::kFloat8E8M0,
                                SmallFloatToFloat(DType::kFloat8E8M0, static_cast<uint8_t>(code))),
              code);
  }
}

}  // namespace
}  // namespace assize::ir
