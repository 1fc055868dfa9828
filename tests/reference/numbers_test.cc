// Numbers at their edges: one rounding, saturation, wrapping, division by zero, old opsets'
// meanings. What ONNX's own cases do not cover.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "lib/ir/float_formats.h"
#include "lib/reference/convert.h"
#include "lib/reference/regex.h"
#include "tests/reference/one_node.h"

namespace assize::reference {
namespace {

using ir::DType;
using testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// A double just above a tie of float16 must not be pulled onto the tie by a first rounding to
// float.
TEST(Convert, RoundsOnceFromDoubleToHalf) {
  const double tie = 1.0 + 0x1p-11;  // halfway between two float16
  EXPECT_EQ(Reals(FromReals(DType::kFloat16, {1}, std::vector<double>{tie}))[0], 1.0);
  EXPECT_EQ(Reals(FromReals(DType::kFloat16, {1}, std::vector<double>{tie + 0x1p-40}))[0],
            1.0 + 0x1p-10);
  EXPECT_EQ(Reals(FromReals(DType::kBfloat16, {1}, std::vector<double>{1.0 + 0x1p-8 + 0x1p-40}))[0],
            1.0 + 0x1p-7);
  EXPECT_EQ(Reals(FromReals(DType::kBfloat16, {1}, std::vector<double>{1.0 + 0x1p-8}))[0], 1.0);
}

TEST(Convert, PackedTypesKeepOrderAndSign) {
  const std::vector<int64_t> values{-8, 7, -1, 0, 3};
  EXPECT_EQ(Ints(FromInts(DType::kInt4, {5}, values)), values);
  EXPECT_EQ(Ints(FromInts(DType::kUint4, {3}, std::vector<int64_t>{0, 15, 9})),
            (std::vector<int64_t>{0, 15, 9}));
  const std::vector<int64_t> twos{-2, -1, 0, 1, 1};
  EXPECT_EQ(Ints(FromInts(DType::kInt2, {5}, twos)), twos);
  const ir::Tensor packed = FromInts(DType::kInt4, {5}, values);
  EXPECT_EQ(packed.bytes().size(), 3u);
  EXPECT_EQ(std::to_integer<int>(packed.bytes()[0]), 0x78);  // first element in the low bits
  EXPECT_EQ(Ints(Select(packed, {3}, std::vector<int64_t>{4, -1, 0})),
            (std::vector<int64_t>{3, 0, -8}));
}

TEST(Convert, RealsSaturateIntegers) {
  const std::vector<double> values{-1e30, 1e30, -2.9, kNan, 300};
  EXPECT_EQ(Ints(FromReals(DType::kInt8, {5}, values)),
            (std::vector<int64_t>{-128, 127, -2, 0, 127}));
  EXPECT_EQ(Ints(FromReals(DType::kUint8, {5}, values)), (std::vector<int64_t>{0, 255, 0, 0, 255}));
  EXPECT_EQ(Ints(FromReals(DType::kInt64, {5}, values)),
            (std::vector<int64_t>{INT64_MIN, INT64_MAX, -2, 0, 300}));
  EXPECT_EQ(Ints(FromReals(DType::kUint64, {2}, std::vector<double>{1e30, -1})),
            (std::vector<int64_t>{-1, 0}));
}

TEST(Elementwise, IntegersWrapAndDivisionByZeroIsDefined) {
  const auto i32 = [](std::vector<int32_t> v) {
    const auto n = static_cast<int64_t>(v.size());
    return ir::Tensor::Of<int32_t>({n}, v);
  };
  EXPECT_EQ(Y({"Add", {i32({INT32_MAX}), i32({1})}}), i32({INT32_MIN}));
  EXPECT_EQ(Y({"Mul", {i32({1 << 20}), i32({1 << 20})}}), i32({0}));
  EXPECT_EQ(Y({"Div", {i32({-7, 7, 5, INT32_MIN}), i32({2, -2, 0, -1})}}),
            i32({-3, -3, 0, INT32_MIN}));
  EXPECT_EQ(Y({"Mod", {i32({-7, 7, 5, INT32_MIN}), i32({2, -2, 0, -1})}}), i32({1, -1, 0, 0}));
  EXPECT_EQ(Y({"Mod", {i32({-7, 7}), i32({2, -2})}, {IntAttr("fmod", 1)}}), i32({-1, 1}));
  EXPECT_EQ(Y({"Neg", {I64({1}, {INT64_MIN})}}), I64({1}, {INT64_MIN}));
  EXPECT_EQ(Y({"Abs", {I64({2}, {INT64_MIN, -4})}}), I64({2}, {INT64_MIN, 4}));
  EXPECT_EQ(Y({"Pow", {i32({2, -1, 0, 3}), i32({-1, -3, -1, 4})}}), i32({0, -1, 0, 81}));
  const ir::Tensor u64 = ir::Tensor::Of<uint64_t>({2}, {UINT64_MAX, 1});
  EXPECT_EQ(Y({"Div", {u64, ir::Tensor::Of<uint64_t>({1}, {2})}}),
            ir::Tensor::Of<uint64_t>({2}, {UINT64_MAX / 2, 0}));
  EXPECT_EQ(Y({"Greater", {u64, ir::Tensor::Of<uint64_t>({1}, {5})}}),
            ir::Tensor::Of<bool>({2}, {true, false}));
  EXPECT_EQ(Y({"Max", {u64, ir::Tensor::Of<uint64_t>({2}, {7, 7})}}),
            ir::Tensor::Of<uint64_t>({2}, {UINT64_MAX, 7}));
}

TEST(Elementwise, ShiftsAreDefinedForEveryAmount) {
  const auto shift = [](int8_t x, int8_t by, const char* direction) {
    return Ints(Y({"BitShift",
                   {ir::Tensor::Of<int8_t>({1}, {x}), ir::Tensor::Of<int8_t>({1}, {by})},
                   {Attr("direction", std::string(direction))},
                   28}))[0];
  };
  EXPECT_EQ(shift(-128, 1, "RIGHT"), -64);
  EXPECT_EQ(shift(-128, 8, "RIGHT"), -1);
  EXPECT_EQ(shift(-128, -1, "RIGHT"), -1);
  EXPECT_EQ(shift(127, 100, "RIGHT"), 0);
  EXPECT_EQ(shift(65, 1, "LEFT"), -126);
  EXPECT_EQ(shift(65, 8, "LEFT"), 0);
}

TEST(Elementwise, SumsOfManyInputsRoundOnce) {
  const float tiny = 0x1p-25f;
  EXPECT_EQ(Y({"Sum", {F32({1}, {1}), F32({1}, {tiny}), F32({1}, {tiny}), F32({1}, {tiny})}})
                .data<float>()[0],
            static_cast<float>(1 + 3 * 0x1p-25));
}

TEST(Elementwise, BroadcastBeforeOpset7FollowsAxis) {
  const ir::Tensor a = F32({2, 3, 2}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
                   b = F32({3}, {1, 2, 3});
  EXPECT_EQ(Y({"Add", {a, b}, {IntAttr("broadcast", 1), IntAttr("axis", 1)}, 6}),
            F32({2, 3, 2}, {1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3}));
  EXPECT_THAT(ErrorOf({"Add", {a, b}, {}, 6}), HasSubstr("\"broadcast\" is not set"));
}

TEST(Elementwise, ClipTakesBoundsByVersion) {
  const ir::Tensor x = F32({4}, {-2, 0.5, 3, kNan});
  const ir::Tensor old = Y({"Clip", {x}, {Attr("min", 0.0f), Attr("max", 1.0f)}, 6});
  EXPECT_EQ(old.data<float>()[0], 0);
  EXPECT_EQ(old.data<float>()[2], 1);
  EXPECT_TRUE(std::isnan(old.data<float>()[3]));
  EXPECT_EQ(Y({"Clip", {F32({3}, {-2, 0.5, 3}), ir::Tensor(), F32({}, {1})}, {}, 13}),
            F32({3}, {-2, 0.5, 1}));
  EXPECT_EQ(Y({"Clip",
               {ir::Tensor::Of<int8_t>({2}, {-5, 9}), ir::Tensor::Scalar<int8_t>(-1),
                ir::Tensor::Scalar<int8_t>(2)}}),
            ir::Tensor::Of<int8_t>({2}, {-1, 2}));
}

TEST(Softmax, OldVersionsFlattenFromTheAxisOn) {
  const ir::Tensor x = F32({1, 2, 2}, {0, 0, 0, 0});
  EXPECT_EQ(Y({"Softmax", {x}, {}, 11}), F32({1, 2, 2}, {0.25, 0.25, 0.25, 0.25}));
  EXPECT_EQ(Y({"Softmax", {x}, {}, 13}), F32({1, 2, 2}, {0.5, 0.5, 0.5, 0.5}));
  EXPECT_EQ(Y({"Softmax", {F32({2}, {1000, -1000})}, {}, 13}), F32({2}, {1, 0}));  // no overflow
}

TEST(Quantize, TiesGoToEvenAndValuesSaturate) {
  const ir::Tensor x = F32({8}, {0.5, 1.5, 2.5, -0.5, 1e9, -1e9, kInf, -kInf});
  EXPECT_EQ(Y({"QuantizeLinear", {x, F32({}, {1}), ir::Tensor::Scalar<int8_t>(0)}}),
            ir::Tensor::Of<int8_t>({8}, {0, 2, 2, 0, 127, -128, 127, -128}));
  EXPECT_EQ(
      Y({"QuantizeLinear", {F32({2}, {1, -1}), F32({}, {0.5}), ir::Tensor::Scalar<uint8_t>(255)}}),
      ir::Tensor::Of<uint8_t>({2}, {255, 253}));
  // The quotient is a float before it is rounded to an integer: 0.35f / 0.1f is 3.5 as
  // float, 3.4999... in double.
  EXPECT_EQ(Ints(Y({"QuantizeLinear",
                    {F32({1}, {0.35f}), F32({}, {0.1f}), ir::Tensor::Scalar<int8_t>(0)}}))[0],
            static_cast<int64_t>(std::nearbyintf(0.35f / 0.1f)));
}

TEST(Quantize, PerAxisAndBlockedScales) {
  const ir::Tensor q = ir::Tensor::Of<int8_t>({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_EQ(Y({"DequantizeLinear",
               {q, F32({2}, {1, 10}), ir::Tensor::Of<int8_t>({2}, {0, 5})},
               {IntAttr("axis", 0)}}),
            F32({2, 4}, {1, 2, 3, 4, 0, 10, 20, 30}));
  EXPECT_EQ(Y({"DequantizeLinear",
               {q, F32({2, 2}, {1, 10, 100, 1000})},
               {IntAttr("axis", 1), IntAttr("block_size", 2)}}),
            F32({2, 4}, {1, 2, 30, 40, 500, 600, 7000, 8000}));
  EXPECT_THAT(ErrorOf({"DequantizeLinear", {q, F32({3}, {1, 1, 1})}, {IntAttr("axis", 1)}}),
              HasSubstr("scale is f32 [3], expected a scalar or [4] (dim 1 of x i8 [2,4])"));
}

TEST(Cast, TextIsReadAndWrittenWithoutLocale) {
  const ir::Tensor texts = ir::Tensor::Strings({5}, {"1.5", "-INF", "+3e2", "NaN", "7"});
  const ir::Tensor y = Y({"Cast", {texts}, {IntAttr("to", 1)}});
  EXPECT_EQ(y.data<float>()[0], 1.5f);
  EXPECT_EQ(y.data<float>()[1], -kInf);
  EXPECT_EQ(y.data<float>()[2], 300.0f);
  EXPECT_TRUE(std::isnan(y.data<float>()[3]));
  EXPECT_EQ(Y({"Cast", {F32({3}, {0.1f, -2, 1e20f})}, {IntAttr("to", 8)}}).strings()[0], "0.1");
  EXPECT_THAT(ErrorOf({"Cast", {ir::Tensor::Strings({1}, {"x"})}, {IntAttr("to", 7)}}),
              HasSubstr("\"x\" is no number"));
  EXPECT_EQ(Y({"Cast", {ir::Tensor::Of<int32_t>({2}, {300, -1})}, {IntAttr("to", 2)}}),
            ir::Tensor::Of<uint8_t>({2}, {44, 255}));
}

TEST(Reduce, EmptySetsGiveNeutralElements) {
  const ir::Tensor none = F32({2, 0}, {});
  EXPECT_EQ(Y({"ReduceSum", {none, I64({1}, {1})}}), F32({2, 1}, {0, 0}));
  EXPECT_EQ(Y({"ReduceProd", {none, I64({1}, {1})}}), F32({2, 1}, {1, 1}));
  EXPECT_EQ(Y({"ReduceMax", {none, I64({1}, {1})}}), F32({2, 1}, {-kInf, -kInf}));
  EXPECT_EQ(
      Y({"ReduceSum", {F32({2}, {1, 2}), I64({0}, {})}, {IntAttr("noop_with_empty_axes", 1)}}),
      F32({2}, {1, 2}));
  EXPECT_EQ(Y({"ReduceMean",
               {F32({2, 2}, {1, 2, 3, 6})},
               {IntsAttr("axes", {0}), IntAttr("keepdims", 0)},
               13}),
            F32({2}, {2, 4}));
}

TEST(Slice, ExtremeStartsEndsAndSteps) {
  const ir::Tensor x = F32({4}, {0, 1, 2, 3});
  const auto slice = [&](int64_t start, int64_t end, int64_t step) {
    return Y({"Slice", {x, I64({1}, {start}), I64({1}, {end}), I64({1}, {0}), I64({1}, {step})}});
  };
  EXPECT_EQ(slice(INT64_MIN, INT64_MAX, 1), x);
  EXPECT_EQ(slice(INT64_MAX, INT64_MIN, -1), F32({4}, {3, 2, 1, 0}));
  EXPECT_EQ(slice(-1, INT64_MIN, -2), F32({2}, {3, 1}));
  EXPECT_EQ(slice(1, 3, INT64_MAX), F32({1}, {1}));
  EXPECT_EQ(slice(3, 0, INT64_MIN), F32({1}, {3}));
  EXPECT_EQ(slice(3, 1, 1), F32({0}, {}));
}

TEST(Random, FollowsTheSeedAlone) {
  const auto draw = [](float seed) {
    return Y({"RandomNormal",
              {},
              {IntsAttr("shape", {1000}), Attr("seed", seed), Attr("mean", 3.0f)},
              21});
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_FALSE(draw(1) == draw(2));
  double mean = 0;
  for (const double x : Reals(draw(1))) mean += x / 1000;
  EXPECT_NEAR(mean, 3.0, 0.15);  // five standard errors
}

bool Matches(const std::string& pattern, std::string_view text) {
  const auto regex = Regex::Compile(pattern);
  EXPECT_TRUE(regex.ok()) << regex.status();
  return regex.ok() && regex->FullMatch(text);
}

TEST(Regex, MatchesWholeStrings) {
  EXPECT_TRUE(Matches("a(b|c)*d", "abcbd"));
  EXPECT_FALSE(Matches("a(b|c)*d", "abcbdx"));
  EXPECT_TRUE(Matches(R"((\w+)@example\.(com|org))", "me_1@example.org"));
  EXPECT_FALSE(Matches(R"(\d{2,3})", "1234"));
  EXPECT_FALSE(Matches(R"([^a-c\]]{3}?)", "x]y"));
  EXPECT_TRUE(Matches(R"(\bone\b two\B.)", "one twos"));
  EXPECT_FALSE(Matches(R"(\bone\bs)", "ones"));
  EXPECT_TRUE(Matches("[^a-c]+", "xyz"));
  EXPECT_TRUE(Matches("^$", ""));
  EXPECT_TRUE(Matches("..", "\xc3\xa9\xe2\x82\xac"));  // two code points, five bytes
  EXPECT_TRUE(Matches("(?P<year>[0-9]{4})-?", "2026"));
  EXPECT_TRUE(Matches("a|", ""));
}

TEST(Regex, IsLinearAndBounded) {
  EXPECT_FALSE(Matches("(a*)*b", std::string(5000, 'a')));
  for (const char* bad : {"(", "a)", "[a", "*a", "a{2,1}", "a{1000}{1000}", "\\"}) {
    EXPECT_EQ(Regex::Compile(bad).status().code(), StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_FALSE(Regex::Compile("((a{1000}){1000}){1000}").ok());
  EXPECT_FALSE(Regex::Compile(std::string(100000, '(')).ok());
}

}  // namespace
}  // namespace assize::reference
