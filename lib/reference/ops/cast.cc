// Cast, CastLike, BitCast.
//
// Integer to integer keeps the low bits; float to integer truncates toward zero, then saturates, or
// for the 2- and 4-bit types keeps the low bits (ONNX leaves values out of range undefined; its
// cases do so); to float8 saturates unless `saturate` is 0. Strings parse and print without locale;
// floats print the shortest text that reads back.
// Tests: tests/reference/numbers_test.cc, tests/conformance/.
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

using ir::DType;

StatusOr<double> ParseReal(std::string text) {
  if (!text.empty() && text[0] == '+') text.erase(0, 1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) return std::strtod(text.c_str(), nullptr);
  if (error != std::errc() || end != text.data() + text.size()) {
    return InvalidArgument("\"{}\" is no number", text.substr(0, 60));
  }
  return value;
}

StatusOr<ir::Tensor> Parse(const ir::Tensor& x, DType to, bool saturate) {
  const std::vector<std::string>& texts = x.strings();
  if (ir::IsInteger(to)) {
    std::vector<int64_t> values(texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::string& text = texts[i];
      const char* first = text.data() + (!text.empty() && text[0] == '+' ? 1 : 0);
      const char* last = text.data() + text.size();
      uint64_t wide = 0;
      if (std::from_chars(first, last, values[i]).ptr == last && first != last) continue;
      if (to == DType::kUint64 && std::from_chars(first, last, wide).ptr == last && first != last) {
        values[i] = static_cast<int64_t>(wide);
        continue;
      }
      AZ_ASSIGN_OR_RETURN(const double real, ParseReal(text));
      values[i] = Ints(FromReals(to, {}, std::vector<double>{real}))[0];
    }
    return FromInts(to, x.dims(), values);
  }
  std::vector<double> values(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    AZ_ASSIGN_OR_RETURN(values[i], ParseReal(texts[i]));
  }
  return FromReals(to, x.dims(), values, saturate);
}

std::string Text(double value, DType dtype) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "INF" : "-INF";
  return dtype == DType::kDouble ? fmt::format("{}", value)
                                 : fmt::format("{}", static_cast<float>(value));
}

ir::Tensor Printed(const ir::Tensor& x) {
  std::vector<std::string> texts;
  if (ir::IsFloating(x.dtype())) {
    for (const double value : Reals(x)) texts.push_back(Text(value, x.dtype()));
  } else {
    for (const int64_t value : Ints(x)) {
      texts.push_back(x.dtype() == DType::kBool ? (value != 0 ? "True" : "False")
                      : x.dtype() == DType::kUint64
                          ? fmt::format("{}", static_cast<uint64_t>(value))
                          : fmt::format("{}", value));
    }
  }
  return ir::Tensor::Strings(x.dims(), std::move(texts));
}

// float8e8m0 holds powers of two from 2^-127 to 2^127 and NaN (255); the sign is dropped.
uint8_t ToE8M0(double value, const std::string& mode, bool saturate) {
  const float f = static_cast<float>(value);
  if (!std::isfinite(f)) return 0xff;
  const auto bits = std::bit_cast<uint32_t>(f);
  uint32_t exponent = bits >> 23 & 0xff;
  const uint32_t fraction = bits & 0x7fffff;
  bool up = false;
  if (mode == "up") {
    up = fraction != 0;
  } else if (mode == "nearest") {
    // A tie goes up, except from the exponent 0, which counts as even.
    up = fraction > 0x400000 || (fraction == 0x400000 && exponent > 0);
  }
  if (up && !(saturate && exponent == 0xfe)) ++exponent;
  return static_cast<uint8_t>(exponent);
}

StatusOr<ir::Tensor> Convert(const OpContext& ctx, const ir::Tensor& x, DType to) {
  AZ_RETURN_IF_ERROR(ctx.Plan(to, x.dims()).status());
  const bool saturate = ctx.Int("saturate", 1) != 0;
  if (x.dtype() == to) return x;
  if (x.dtype() == DType::kString) {
    if (!IsNumeric(to)) return Unimplemented("strings as {}", ir::NameOf(to));
    return Parse(x, to, saturate);
  }
  if (!IsNumeric(x.dtype())) return Unimplemented("{} as {}", x.TypeText(), ir::NameOf(to));
  if (to == DType::kString) return Printed(x);
  if (!IsNumeric(to)) return Unimplemented("{} as {}", x.TypeText(), ir::NameOf(to));
  if (to == DType::kFloat8E8M0) {
    const std::string mode = ctx.String("round_mode", "up");
    if (mode != "up" && mode != "down" && mode != "nearest") {
      return InvalidArgument("attribute \"round_mode\" is \"{}\", expected up, down or nearest",
                             mode);
    }
    std::vector<std::byte> bytes;
    for (const double value : Reals(x)) bytes.push_back(std::byte{ToE8M0(value, mode, saturate)});
    return ir::Tensor::FromBytes(to, x.dims(), std::move(bytes));
  }
  if (ir::IsPacked(to) && ir::IsInteger(to)) return FromInts(to, x.dims(), Ints(x));
  if (ir::IsFloating(x.dtype())) return FromReals(to, x.dims(), Reals(x), saturate);
  if (x.dtype() == DType::kUint64 && ir::IsFloating(to))
    return FromReals(to, x.dims(), Reals(x), saturate);
  return FromInts(to, x.dims(), Ints(x));
}

// Opset 1 names the type by text, later ones by number.
Status Cast(OpContext& ctx) {
  std::optional<DType> to;
  if (ctx.opset() < 6) {
    std::string name = ctx.String("to", "");
    for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    to = ir::DTypeFromName(name);
    if (!to) return InvalidArgument("attribute \"to\" is \"{}\", no element type", name);
  } else {
    const int64_t number = ctx.Int("to", 0);
    if (number < 1 || number > ir::kMaxDType) {
      return InvalidArgument("attribute \"to\" is {}, no element type", number);
    }
    to = static_cast<DType>(number);
  }
  AZ_ASSIGN_OR_RETURN(ir::Tensor y, Convert(ctx, ctx.in(0), *to));
  ctx.Set(0, std::move(y));
  return OkStatus();
}

Status CastLike(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(ir::Tensor y, Convert(ctx, ctx.in(0), ctx.in(1).dtype()));
  ctx.Set(0, std::move(y));
  return OkStatus();
}

Status BitCast(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  const int64_t number = ctx.Int("to", 0);
  if (number < 1 || number > ir::kMaxDType)
    return InvalidArgument("attribute \"to\" is {}, no element type", number);
  const auto to = static_cast<DType>(number);
  if (x.dtype() == DType::kString || to == DType::kString ||
      ir::BitsOf(x.dtype()) != ir::BitsOf(to)) {
    return InvalidArgument("x is {}, {} has another width", x.TypeText(), ir::NameOf(to));
  }
  const auto bytes = x.bytes();
  ctx.Set(0,
          ir::Tensor::FromBytes(to, x.dims(), std::vector<std::byte>(bytes.begin(), bytes.end())));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"Cast", 1, Cast, 1, 1, Takes::kAny},
    {"CastLike", 15, CastLike, 2, 2, Takes::kAny},
    {"BitCast", 26, BitCast, 1, 1, Takes::kAny},
};

}  // namespace

KernelRows CastRows() { return kRows; }

}  // namespace assize::reference
