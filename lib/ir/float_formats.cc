// Small float formats by one generic decoder and encoder, described by a row each.
// Tests: tests/ir/float_formats_test.cc.
#include "lib/ir/float_formats.h"

#include <bit>
#include <cmath>
#include <limits>

namespace assize::ir {
namespace {

// sign + exponent + mantissa bits, bias, and what the top codes mean.
enum class Specials {
  kIeee,    // all-ones exponent: infinity and NaN
  kFn,      // only S.111..1 is NaN, no infinity
  kFnuz,    // only the code of minus zero is NaN, no infinity, no minus zero
  kFinite,  // every code is a number
};
struct Format {
  int exponent_bits, mantissa_bits, bias;
  Specials specials;
};

constexpr Format kHalf{5, 10, 15, Specials::kIeee};
constexpr Format kBf16{8, 7, 127, Specials::kIeee};

Format FormatOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat8E4M3Fn:
      return {4, 3, 7, Specials::kFn};
    case DType::kFloat8E4M3Fnuz:
      return {4, 3, 8, Specials::kFnuz};
    case DType::kFloat8E5M2:
      return {5, 2, 15, Specials::kIeee};
    case DType::kFloat8E5M2Fnuz:
      return {5, 2, 16, Specials::kFnuz};
    case DType::kFloat4E2M1:
      return {2, 1, 1, Specials::kFinite};
    case DType::kFloat6E2M3:
      return {2, 3, 1, Specials::kFinite};
    case DType::kFloat6E3M2:
      return {3, 2, 3, Specials::kFinite};
    default:
      return kHalf;
  }
}

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

float Decode(const Format& f, uint32_t bits) {
  const uint32_t sign = (bits >> (f.exponent_bits + f.mantissa_bits)) & 1;
  const uint32_t exponent = (bits >> f.mantissa_bits) & ((1u << f.exponent_bits) - 1);
  const uint32_t mantissa = bits & ((1u << f.mantissa_bits) - 1);
  const uint32_t top = (1u << f.exponent_bits) - 1;
  if (f.specials == Specials::kIeee && exponent == top) {
    if (mantissa != 0) return kNan;
    return sign != 0 ? -kInfinity : kInfinity;
  }
  if (f.specials == Specials::kFn && exponent == top && mantissa == (1u << f.mantissa_bits) - 1) {
    return kNan;
  }
  if (f.specials == Specials::kFnuz && sign == 1 && exponent == 0 && mantissa == 0) return kNan;
  const double fraction =
      static_cast<double>(mantissa) / static_cast<double>(1u << f.mantissa_bits);
  const double magnitude = exponent == 0
                               ? std::ldexp(fraction, 1 - f.bias)
                               : std::ldexp(1.0 + fraction, static_cast<int>(exponent) - f.bias);
  return static_cast<float>(sign != 0 ? -magnitude : magnitude);
}

uint32_t MaxFiniteCode(const Format& f) {
  const uint32_t all = (1u << (f.exponent_bits + f.mantissa_bits)) - 1;
  switch (f.specials) {
    case Specials::kIeee:
      return (((1u << f.exponent_bits) - 1) << f.mantissa_bits) - 1;
    case Specials::kFn:
      return all - 1;
    case Specials::kFnuz:
    case Specials::kFinite:
      return all;
  }
  return all;
}

uint32_t NanCode(const Format& f, uint32_t sign_bit) {
  const uint32_t all = (1u << (f.exponent_bits + f.mantissa_bits)) - 1;
  switch (f.specials) {
    case Specials::kIeee:
      return sign_bit | (((1u << f.exponent_bits) - 1) << f.mantissa_bits) |
             (1u << (f.mantissa_bits - 1));
    case Specials::kFn:
      return sign_bit | all;
    case Specials::kFnuz:
      return 1u << (f.exponent_bits + f.mantissa_bits);
    // A format without NaN takes the largest value, as ONNX's Cast does.
    case Specials::kFinite:
      return MaxFiniteCode(f);
  }
  return all;
}

uint32_t Encode(const Format& f, float value, bool saturate) {
  const uint32_t sign_bit = std::signbit(value) ? 1u << (f.exponent_bits + f.mantissa_bits) : 0;
  if (std::isnan(value)) return NanCode(f, sign_bit);
  const uint32_t max_code = MaxFiniteCode(f);
  const auto overflow = [&]() -> uint32_t {
    if (saturate || f.specials == Specials::kFinite) return sign_bit | max_code;
    if (f.specials == Specials::kIeee) return sign_bit | (max_code + 1);  // infinity
    return NanCode(f, sign_bit);
  };
  if (std::isinf(value)) return overflow();
  const double magnitude = std::fabs(static_cast<double>(value));
  if (magnitude == 0) return f.specials == Specials::kFnuz ? 0 : sign_bit;
  // Scale so that one step of the result is 1, then round half to even.
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  int unbiased = exponent - 1;                       // magnitude in [2^unbiased, 2^(unbiased+1))
  if (unbiased < 1 - f.bias) unbiased = 1 - f.bias;  // subnormal
  const double steps = std::nearbyint(std::ldexp(magnitude, f.mantissa_bits - unbiased));
  const auto units = static_cast<uint64_t>(steps);  // up to 2^(mantissa_bits + 1)
  // A code counts steps upwards from zero: the carry out of the mantissa raises the exponent by
  // itself.
  const uint64_t code = units + (static_cast<uint64_t>(unbiased + f.bias - 1) << f.mantissa_bits);
  if (code > max_code) return overflow();
  if (code == 0 && f.specials == Specials::kFnuz) return 0;
  return sign_bit | static_cast<uint32_t>(code);
}

}  // namespace

float HalfToFloat(uint16_t bits) { return Decode(kHalf, bits); }
uint16_t FloatToHalf(float value) { return static_cast<uint16_t>(Encode(kHalf, value, false)); }

float Bfloat16ToFloat(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}
uint16_t FloatToBfloat16(float value) { return static_cast<uint16_t>(Encode(kBf16, value, false)); }

float SmallFloatToFloat(DType dtype, uint8_t bits) {
  if (dtype == DType::kFloat8E8M0) {  // a power of two, no sign; 255 is NaN
    return bits == 255 ? kNan : static_cast<float>(std::ldexp(1.0, static_cast<int>(bits) - 127));
  }
  return Decode(FormatOf(dtype), bits);
}

uint8_t FloatToSmallFloat(DType dtype, float value, bool saturate) {
  if (dtype == DType::kFloat8E8M0) {
    if (std::isnan(value)) return 255;
    const double magnitude = std::fabs(static_cast<double>(value));
    if (magnitude == 0) return 0;
    if (std::isinf(value)) return saturate ? 254 : 255;
    int exponent = 0;
    const double fraction = std::frexp(magnitude, &exponent);  // [0.5, 1)
    // Nearest power of two; the tie (1.5 x) goes up, as ONNX's "up" default of halves does.
    const int power = (fraction >= 0.75 ? exponent : exponent - 1) + 127;
    if (power < 0) return 0;
    if (power > 254) return saturate ? 254 : 255;
    return static_cast<uint8_t>(power);
  }
  return static_cast<uint8_t>(Encode(FormatOf(dtype), value, saturate));
}

}  // namespace assize::ir
