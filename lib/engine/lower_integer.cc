// DynamicQuantizeLinear and MatMulInteger: bytes whose zero point is known when they are. The
// results are exact.
//
// oneDNN multiplies the bytes as they are, weights moved to int8, and the zero points are taken
// away after it:
//
//   sum((a - za) (b - zb[n])) = sum(a b) - za sum_k(b) - zb[n] (sum_k(a) - K za)
//
// Where its products are not exact, or both operands run, our own kernel does it.
// Tests: tests/engine/dynamic_quantized_test.cc.
#include "lib/engine/lower_integer.h"

#include <algorithm>
#include <cmath>

#include "lib/analysis/ops.h"
#include "lib/engine/dnnl_steps.h"
#include "lib/engine/kernels/integer_product.h"
#include "lib/engine/kernels/simd.h"
#include "lib/support/parallel.h"

namespace assize::engine {
namespace {

using dnnl::memory;
using ir::DType;
using ir::Shape;

}  // namespace

std::vector<int32_t> SpreadBytes(const uint8_t* bytes, bool is_signed, int64_t given,
                                 int64_t count) {
  std::vector<int32_t> values(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    values[static_cast<size_t>(i)] = ByteAt(bytes, is_signed, given == 1 ? 0 : i);
  return values;
}

bool IsZeroPoint(Facts& facts, ir::ValueRef zero, DType dtype, int64_t columns) {
  if (!zero) return true;
  const ValueFact* found = facts.Find(zero);
  if (found == nullptr || found->dtype != dtype || found->dims.size() > 1) return false;
  const int64_t count = ir::ElementCount(found->dims).value_or(0);
  return count == 1 || (columns > 0 && count == columns);
}

std::optional<MovedWeights> MoveWeights(Facts& facts, const ir::Tensor& weights, ir::ValueRef zero,
                                        int64_t channels) {
  MovedWeights moved;
  const std::span<const uint8_t> source = weights.data<uint8_t>();
  const bool is_signed = weights.dtype() == DType::kInt8;
  const int32_t shift = is_signed ? 0 : 128;
  moved.bytes.resize(source.size());
  for (size_t i = 0; i < source.size(); ++i)
    moved.bytes[i] = static_cast<int8_t>(static_cast<uint8_t>(source[i] - shift));
  std::vector<int32_t> zeros{0};
  if (zero) {
    const ir::Tensor* given = facts.Known(zero);
    if (given == nullptr) return std::nullopt;
    zeros = SpreadBytes(given->data<uint8_t>().data(), is_signed, given->element_count(),
                        given->element_count());
  }
  for (int32_t& z : zeros) z -= shift;
  if (zeros.size() == 1) zeros.assign(static_cast<size_t>(channels), zeros[0]);
  if (std::any_of(zeros.begin(), zeros.end(), [](int32_t z) { return z != 0; }))
    moved.zeros = std::move(zeros);
  return moved;
}

std::vector<Operand> Lowering::SumRows::reads() const {
  std::vector<Operand> operands;
  for (const Operand& operand : {scale, bias}) {
    if (operand.defined()) operands.push_back(operand);
  }
  return operands;
}

void Lowering::SumRows::Store(const StepContext& c, const int32_t* sums, int64_t row,
                              int64_t count) const {
  if (!scaled()) return;
  simd::ScaleSums(sums, c.at<float>(y) + row * count, c.at<const float>(scale), scale_step,
                  bias.defined() ? c.at<const float>(bias) : nullptr, bias_step, count);
}

std::optional<Lowering::SumRows> Lowering::ResultOfSums(const Unit& unit, Layout layout) {
  SumRows result;
  if (unit.kind != Unit::Kind::kScaledSums) return result;
  result.y = NewArray(DType::kFloat, fact(unit.writes[0]).dims, layout);
  result.scale = Plain(unit.scales);
  if (!result.scale.defined()) return std::nullopt;
  result.scale_step = result.scale.count() == 1 ? 0 : 1;
  if (unit.bias) {
    result.bias = Plain(unit.bias);
    if (!result.bias.defined()) return std::nullopt;
    result.bias_step = result.bias.count() == 1 ? 0 : 1;
  }
  return result;
}

bool Lowering::LowerDynamicQuantize(const Unit& unit) {
  const ir::Node& n = node(unit);
  if (n.op_type != "DynamicQuantizeLinear" || n.outputs.size() != 3) return false;
  const Operand x = Get(n.inputs[0]);
  if (!x.defined() || x.dtype != DType::kFloat) return false;
  const Operand y = NewArray(DType::kUint8, x.dims, x.layout);
  const Operand scale = NewArray(DType::kFloat, {}, Layout::kPlain);
  const Operand zero = NewArray(DType::kUint8, {}, Layout::kPlain);
  AddStep("own:dynamic-quantize", {x}, {y, scale, zero},
          [=, count = x.count()](const StepContext& c) {
            const float* from = c.at<const float>(x);
            // The extremes are the same however the pieces are cut.
            const int64_t pieces =
                std::max<int64_t>(1, std::min<int64_t>(ThreadCount(), count / kGrain));
            std::vector<std::array<float, 2>> ranges(static_cast<size_t>(pieces), {0.0f, 0.0f});
            ParallelRanges(pieces, 1, [&](int64_t first, int64_t last) {
              for (int64_t i = first; i < last; ++i) {
                const int64_t begin = count * i / pieces, end = count * (i + 1) / pieces;
                simd::WidenRange(from + begin, end - begin, ranges[static_cast<size_t>(i)].data());
              }
            });
            float low = 0, high = 0;
            for (const auto& range : ranges)
              low = std::min(low, range[0]), high = std::max(high, range[1]);
            const float step = (high - low) / 255.0f;
            float middle = 0;
            if (step != 0) middle = std::clamp(std::nearbyint((0.0f - low) / step), 0.0f, 255.0f);
            if (std::isnan(middle)) middle = 0;  // an infinite range has none
            *c.at<float>(scale) = step;
            *c.at<uint8_t>(zero) = static_cast<uint8_t>(middle);
            uint8_t* to = c.at<uint8_t>(y);
            if (step == 0) {
              std::fill(to, to + count, static_cast<uint8_t>(middle));
            } else {
              ParallelRanges(count, kGrain, [&](int64_t begin, int64_t end) {
                simd::QuantizeToGrid(from + begin, to + begin, end - begin, step, middle);
              });
            }
            return OkStatus();
          });
  Bind(n.outputs[0], y);
  if (n.outputs[1]) Bind(n.outputs[1], scale);
  if (n.outputs[2]) Bind(n.outputs[2], zero);
  return true;
}

bool Lowering::LowerMatMulInteger(const Unit& unit) {
  const ir::Node& n = node(unit);
  if (n.op_type != "MatMulInteger") return false;
  const ir::ValueRef a_zero = analysis::InputAt(n, 2), b_zero = analysis::InputAt(n, 3);
  const ValueFact b = fact(n.inputs[1]);
  const Operand a = Plain(n.inputs[0]);
  if (!a.defined() || !IsByte(a.dtype) || !IsByte(b.dtype)) return false;
  if (a.dims.size() < 2 || b.dims.size() < 2) return false;
  const int64_t k = a.dims.back(), columns = b.dims.back();
  if (k < 1 || columns < 1 || k > kMostDifferences || !IsZeroPoint(facts_, a_zero, a.dtype, 0) ||
      !IsZeroPoint(facts_, b_zero, b.dtype, columns))
    return false;
  const bool fixed = b.dims.size() == 2 && facts_.IsEvaluable(n.inputs[1]) &&
                     (!b_zero || facts_.IsEvaluable(b_zero));
  return fixed && HasExactInt8() ? LowerWeightProduct(unit, a) : LowerByteProduct(unit, a);
}

bool Lowering::LowerWeightProduct(const Unit& unit, const Operand& a) {
  const ir::Node& n = node(unit);
  const ir::ValueRef a_zero = analysis::InputAt(n, 2), b_zero = analysis::InputAt(n, 3);
  const ir::Tensor* b = facts_.Known(n.inputs[1]);
  if (b == nullptr) return false;
  const int64_t k = b->dims()[0], columns = b->dims()[1], rows = a.count() / k;
  const auto moved = MoveWeights(facts_, *b, b_zero, columns);
  if (!moved) return false;
  const Shape src{rows, k}, dst{rows, columns};
  const memory::desc src_md = Describe(src, a.dtype, StridesOf(src, Layout::kPlain));
  const memory::desc dst_md = Describe(dst, DType::kInt32, StridesOf(dst, Layout::kPlain));
  const Work work = WorkOf(static_cast<double>(rows) * static_cast<double>(k * columns), true);
  const ThreadScope threads(work.threads);
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const dnnl::matmul::primitive_desc pd(
      CpuEngine(), src_md,
      memory::desc({k, columns}, memory::data_type::s8, memory::format_tag::any), dst_md, attr);
  const int packed = PackedWeights(unit, pd.weights_desc(), [&] {
    const memory::desc stored =
        Describe({k, columns}, DType::kInt8, StridesOf(b->dims(), Layout::kPlain));
    std::shared_ptr<std::byte> result = Reordered(moved->bytes.data(), stored, pd.weights_desc());
    b->Release();
    return result;
  });
  const Operand raw = NewArray(DType::kInt32, fact(n.outputs[0]).dims, Layout::kPlain);
  std::vector<DnnlArgument> arguments = {{DNNL_ARG_SRC, src_md, a.storage},
                                         {DNNL_ARG_WEIGHTS, pd.weights_desc(), packed},
                                         {DNNL_ARG_DST, dst_md, raw.storage}};
  AddScratchpad(pd.scratchpad_desc(), arguments);
  AddDnnl("onednn:matmul-integer:int8", dnnl::matmul(pd), std::move(arguments), 1, work);
  const auto result = ResultOfSums(unit, Layout::kPlain);
  if (!result) return false;
  Bind(unit.writes[0], result->scaled() ? result->y : raw);
  if (!a_zero && moved->zeros.empty() && !result->scaled()) return true;

  std::vector<int32_t> column_sums(static_cast<size_t>(columns), 0);
  for (int64_t i = 0; i < k; ++i) {
    for (int64_t c = 0; c < columns; ++c) {
      column_sums[static_cast<size_t>(c)] += moved->bytes[static_cast<size_t>(i * columns + c)];
    }
  }
  const Operand sums = Constant(DType::kInt32, {columns}, column_sums.data(), columns * 4);
  std::vector<Operand> reads = result->reads(), writes{raw};
  reads.insert(reads.end(), {a, sums, raw});
  if (result->scaled()) writes.push_back(result->y);
  Operand zeros, zero;
  if (!moved->zeros.empty()) {
    zeros = Constant(DType::kInt32, {columns}, moved->zeros.data(), columns * 4);
    reads.push_back(zeros);
  }
  if (a_zero) {
    zero = Plain(a_zero);
    if (!zero.defined()) return false;
    reads.push_back(zero);
  }
  const bool is_signed = a.dtype == DType::kInt8;
  AddStep(result->scaled() ? "own:scaled-sums" : "own:zero-points", reads, writes,
          [=, result = *result](const StepContext& c) {
            const uint8_t* from = c.at<const uint8_t>(a);
            const int32_t za =
                zero.defined() ? ByteAt(c.at<const uint8_t>(zero), zero.dtype == DType::kInt8, 0)
                               : 0;
            const bool shifted = za != 0 || zeros.defined();
            ParallelRanges(rows, kGrain / columns + 1, [&](int64_t begin, int64_t end) {
              for (int64_t row = begin; row < end; ++row) {
                int32_t* const to = c.at<int32_t>(raw) + row * columns;
                int32_t sum = 0;
                if (zeros.defined())
                  sum = simd::SumBytes(from + row * k, is_signed, k) - static_cast<int32_t>(k) * za;
                if (shifted) {
                  simd::TakeZeros(to, c.at<const int32_t>(sums),
                                  zeros.defined() ? c.at<const int32_t>(zeros) : nullptr, za, sum,
                                  columns);
                }
                result.Store(c, to, row, columns);
              }
            });
            return OkStatus();
          });
  return true;
}

// Any operands, on our own kernel: B's bytes become 16-bit differences, row by row of A.
bool Lowering::LowerByteProduct(const Unit& unit, const Operand& a) {
  const ir::Node& n = node(unit);
  const Operand b = Plain(n.inputs[1]);
  const ir::ValueRef a_zero = analysis::InputAt(n, 2), b_zero = analysis::InputAt(n, 3);
  const Operand za = a_zero ? Plain(a_zero) : Operand{}, zb = b_zero ? Plain(b_zero) : Operand{};
  if (!b.defined() || (a_zero && !za.defined()) || (b_zero && !zb.defined())) return false;
  const Shape y_dims = fact(n.outputs[0]).dims;
  const int64_t k = a.dims.back(), columns = b.dims.back();
  // One matrix on the right: all rows of `a` are one matrix too.
  const bool flat = b.dims.size() == 2;
  const int64_t rows = flat ? a.count() / k : a.dims[a.dims.size() - 2];
  // Where each product's matrices lie, in matrices.
  std::vector<std::array<int64_t, 2>> places{{0, 0}};
  if (!flat) {
    const auto batch = [](const Shape& dims) { return Shape(dims.begin(), dims.end() - 2); };
    const Shape all = batch(y_dims);
    const auto strides = [&](const Shape& dims) {
      return BroadcastStrides(Operand{0, DType::kUint8, batch(dims), Layout::kPlain}, all);
    };
    const std::vector<int64_t> of_a = strides(a.dims), of_b = strides(b.dims);
    places.assign(static_cast<size_t>(ir::ElementCount(all).value_or(0)), {0, 0});
    for (size_t i = 0; i < places.size(); ++i) {
      auto rest = static_cast<int64_t>(i);
      for (size_t d = all.size(); d-- > 0; rest /= all[d]) {
        places[i][0] += rest % all[d] * of_a[d];
        places[i][1] += rest % all[d] * of_b[d];
      }
    }
  }
  const Operand raw = NewArray(DType::kInt32, y_dims, Layout::kPlain);
  const Operand centred = NewArray(DType::kInt16, {k, columns}, Layout::kPlain);
  const auto result = ResultOfSums(unit, Layout::kPlain);
  if (!result) return false;
  std::vector<Operand> reads = result->reads(), writes{raw, centred};
  reads.insert(reads.end(), {a, b});
  if (result->scaled()) writes.push_back(result->y);
  for (const Operand& operand : {za, zb}) {
    if (operand.defined()) reads.push_back(operand);
  }
  const bool is_signed = a.dtype == DType::kInt8;
  AddStep("own:matmul-integer:int8", reads, writes, [=, result = *result](const StepContext& c) {
    const int32_t zero =
        za.defined() ? ByteAt(c.at<const uint8_t>(za), za.dtype == DType::kInt8, 0) : 0;
    std::vector<int32_t> zeros(static_cast<size_t>(columns), 0);
    if (zb.defined())
      zeros = SpreadBytes(c.at<const uint8_t>(zb), zb.dtype == DType::kInt8, zb.count(), columns);
    int16_t* const weights = c.at<int16_t>(centred);
    int64_t held = -1;
    for (size_t place = 0; place < places.size(); ++place) {
      const uint8_t* const left = c.at<const uint8_t>(a) + places[place][0] * rows * k;
      const uint8_t* const right = c.at<const uint8_t>(b) + places[place][1] * k * columns;
      const int64_t first = static_cast<int64_t>(place) * rows;
      int32_t* const to = c.at<int32_t>(raw) + first * columns;
      if (held != places[place][1]) {
        ParallelRanges(k, kGrain / columns + 1, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            simd::CentreBytes(right + i * columns, b.dtype == DType::kInt8, zeros.data(),
                              weights + i * columns, columns);
          }
        });
        held = places[place][1];
      }
      ParallelRanges(rows, kGrain / (k * columns) + 1, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          int32_t* const sums = to + row * columns;
          std::fill(sums, sums + columns, 0);
          for (int64_t i = 0; i < k; ++i) {
            const int32_t value = ByteAt(left, is_signed, row * k + i) - zero;
            if (value != 0) simd::MultiplyAccumulate(value, weights + i * columns, sums, columns);
          }
          result.Store(c, sums, first + row, columns);
        }
      });
    }
    return OkStatus();
  });
  CountWork(WorkOf(static_cast<double>(raw.count()) * static_cast<double>(k), true));
  Bind(unit.writes[0], result->scaled() ? result->y : raw);
  return true;
}

}  // namespace assize::engine
