// Layer normalization, written out or as one op, on our own kernel: floats, 8 bits, or both in one
// pass; normalization of channels, groups of them and any axes; local response normalization.
// Tests: tests/engine/transformer_test.cc, tests/engine/group_norm_test.cc,
// tests/engine/native_ops_test.cc, tests/engine/mean_test.cc.
#include <algorithm>

#include "lib/analysis/attributes.h"
#include "lib/analysis/ops.h"
#include "lib/engine/kernels/lrn.h"
#include "lib/engine/kernels/norm.h"
#include "lib/engine/lower.h"
#include "lib/support/parallel.h"

namespace assize::engine {

using ir::DType;

simd::ByteGrid GridOf(const QuantParams& params) {
  return {params.scale, static_cast<float>(params.low() - params.zero_point),
          static_cast<float>(params.high() - params.zero_point), params.zero_point};
}

bool Lowering::LowerLayerNorm(const Unit& unit) {
  const LayerNormMatch& norm = *unit.norm;
  const Operand x = Plain(norm.x);
  if (!x.defined() || x.dtype != DType::kFloat || norm.width < 1) return false;
  Operand gain, shift;
  std::vector<Operand> reads{x}, writes;
  for (auto [value, operand] : {std::pair{norm.gain, &gain}, std::pair{norm.shift, &shift}}) {
    if (!value) continue;
    *operand = Plain(value);
    if (!operand->defined() || operand->count() != norm.width) return false;
    reads.push_back(*operand);
  }
  // Floats only where somebody reads them.
  const bool floats = !unit.quantized || uses_left_[norm.y.index] > 0;
  Operand y, bytes;
  simd::ByteGrid grid;
  if (floats) writes.push_back(y = ResultLike(x, DType::kFloat));
  if (unit.quantized) {
    writes.push_back(bytes = NewArray(unit.result->dtype, x.dims, Layout::kPlain));
    grid = GridOf(*unit.result);
  }
  const int64_t width = norm.width, rows = x.count() / width;
  AddStep(unit.quantized ? "own:layer-norm:int8" : "own:layer-norm", reads, writes,
          [=, epsilon = norm.epsilon, rms = norm.plain_rms](const StepContext& c) {
            ParallelRanges(rows, kGrain / width + 1, [&](int64_t begin, int64_t end) {
              const int64_t at = begin * width;
              simd::LayerNormRows(c.at<const float>(x) + at,
                                  gain.defined() ? c.at<const float>(gain) : nullptr,
                                  shift.defined() ? c.at<const float>(shift) : nullptr,
                                  y.defined() ? c.at<float>(y) + at : nullptr,
                                  bytes.defined() ? c.at<uint8_t>(bytes) + at : nullptr, grid,
                                  end - begin, width, epsilon, rms);
            });
            return OkStatus();
          });
  if (floats) Bind(norm.y, y);
  if (unit.quantized) Bind(unit.quantized, bytes);
  return true;
}

bool Lowering::LowerLrn(const Unit& unit) {
  if (node(unit).op_type != "LRN") return false;
  const auto view = analysis::LrnOp::From(graph_, unit.head, facts_.opset());
  if (!view.ok() || view->size < 1 || view->size > 1024) return false;
  Operand x = Get(view->x);
  if (!x.defined() || x.dtype != DType::kFloat || x.dims.size() < 3) return false;
  x = In(x, Layout::kChannelsLast, "channels-last");
  const int64_t channels = x.dims[1], rows = x.count() / channels;
  const int64_t pieces =
      std::max<int64_t>(1, std::min<int64_t>(options_.threads, x.count() / kGrain));
  const int64_t floats = 2 * (channels + view->size + 32);
  const Operand y = NewArray(DType::kFloat, x.dims, Layout::kChannelsLast);
  const Operand scratch = NewArray(DType::kFloat, {pieces * floats}, Layout::kPlain);
  AddStep("own:lrn", {x}, {y, scratch},
          [=, size = view->size, alpha = view->alpha, beta = view->beta,
           bias = view->bias](const StepContext& c) {
            ParallelFor(pieces, [&](int64_t piece) {
              const int64_t begin = rows * piece / pieces, end = rows * (piece + 1) / pieces;
              simd::LrnRows(c.at<const float>(x) + begin * channels,
                            c.at<float>(y) + begin * channels, end - begin, channels, size, alpha,
                            beta, bias, c.at<float>(scratch) + piece * floats);
            });
            return OkStatus();
          });
  Bind(view->y, y);
  return true;
}

void Lowering::AddGroupNorm(const simd::GroupNorm& norm, int64_t rows, const Operand& x,
                            const Operand& gain, const Operand& shift, const Operand& y) {
  const int64_t width = norm.channels * norm.positions;
  AddStep("own:group-norm", {x, gain, shift}, {y}, [=](const StepContext& c) {
    ParallelRanges(rows, kGrain / width + 1, [&](int64_t begin, int64_t end) {
      simd::GroupNormRows(norm, c.at<const float>(x), c.at<const float>(gain),
                          c.at<const float>(shift), c.at<float>(y), begin, end);
    });
    return OkStatus();
  });
}

bool Lowering::LowerGroupNorm(const Unit& unit) {
  const ir::Node& n = node(unit);
  const bool instance = n.op_type == "InstanceNormalization";
  if ((!instance && n.op_type != "GroupNormalization") || n.inputs.size() != 3) return false;
  const Operand x = Get(n.inputs[0]), gain = Plain(n.inputs[1]), shift = Plain(n.inputs[2]);
  for (const Operand& operand : {x, gain, shift}) {
    if (!operand.defined() || operand.dtype != DType::kFloat) return false;
  }
  if (x.dims.size() < 2) return false;
  const int64_t samples = x.dims[0], channels = x.dims[1];
  analysis::AttributeReader read(graph_, unit.head);
  simd::GroupNorm norm;
  norm.epsilon = read.Float("epsilon", 1e-5f);
  norm.groups = instance ? channels : read.Int("num_groups", 0);
  if (!read.status().ok() || norm.groups < 1 || channels % norm.groups != 0) return false;
  norm.channels = channels / norm.groups;
  norm.positions = x.count() / (samples * channels);
  norm.affine_of_group = !instance && facts_.opset() < 21;
  const ir::Shape affine{norm.affine_of_group ? norm.groups : channels};
  if (gain.dims != affine || shift.dims != affine) return false;
  // Not in place where gain or shift are a view of x.
  const bool apart = gain.storage != x.storage && shift.storage != x.storage;
  const Operand y =
      apart ? ResultLike(x, DType::kFloat) : NewArray(DType::kFloat, x.dims, x.layout);
  if (x.layout == Layout::kPlain) {
    AddGroupNorm(norm, samples * norm.groups, x, gain, shift, y);
    Bind(n.outputs[0], y);
    return true;
  }
  const int64_t pieces = simd::GroupNormPieces(norm);
  const Operand sums = NewArray(DType::kDouble, {pieces, channels}, Layout::kPlain);
  const Operand mean = NewArray(DType::kDouble, {channels}, Layout::kPlain);
  const Operand factor = NewArray(DType::kDouble, {channels}, Layout::kPlain);
  AddStep("own:group-norm", {x, gain, shift}, {y, sums, mean, factor}, [=](const StepContext& c) {
    const int64_t step = channels * norm.positions;
    const int64_t piece_grain = kGrain * pieces / step + 1;
    for (int64_t s = 0; s < samples; ++s) {
      const float* src = c.at<const float>(x) + s * step;
      float* dst = c.at<float>(y) + s * step;
      const auto sum = [&](const double* around) {
        ParallelRanges(pieces, piece_grain, [&](int64_t begin, int64_t end) {
          simd::GroupNormSums(norm, src, around, c.at<double>(sums), begin, end);
        });
      };
      sum(nullptr);
      simd::GroupNormMeans(norm, c.at<double>(sums), c.at<double>(mean));
      sum(c.at<double>(mean));
      simd::GroupNormFactors(norm, c.at<double>(sums), c.at<const float>(gain),
                             c.at<double>(factor));
      ParallelRanges(norm.positions, kGrain / channels + 1, [&](int64_t begin, int64_t end) {
        simd::GroupNormPositions(norm, src, c.at<double>(mean), c.at<double>(factor),
                                 c.at<const float>(shift), dst, begin, end);
      });
    }
    return OkStatus();
  });
  Bind(n.outputs[0], y);
  return true;
}

bool Lowering::LowerMeanVariance(const Unit& unit) {
  const ir::Node& n = node(unit);
  if (n.op_type != "MeanVarianceNormalization") return false;
  const Operand x = Get(n.inputs[0]);
  analysis::AttributeReader read(graph_, unit.head);
  const auto axes = read.MaybeInts("axes").value_or(std::vector<int64_t>{0, 2, 3});
  if (!read.status().ok() || !x.defined() || x.dtype != DType::kFloat) return false;
  const int64_t rank = static_cast<int64_t>(x.dims.size());
  std::vector<bool> together(x.dims.size(), false);
  for (const int64_t axis : axes) {
    if (axis < -rank || axis >= rank) return false;
    together[static_cast<size_t>(axis < 0 ? axis + rank : axis)] = true;
  }
  // What is normalized together becomes a row: as instances of one channel each.
  ir::Shape dims;
  std::vector<int64_t> strides;
  std::vector<size_t> order;
  simd::GroupNorm norm;
  norm.groups = norm.channels = norm.positions = 1;
  norm.epsilon = 1e-18f;  // 1e-9 of the deviation
  for (const bool inner : {false, true}) {
    for (size_t i = 0; i < x.dims.size(); ++i) {
      if (together[i] != inner) continue;
      order.push_back(i);
      dims.push_back(x.dims[i]);
      strides.push_back(x.strides()[i]);
      (inner ? norm.positions : norm.groups) *= x.dims[i];
    }
  }
  const Operand rows = Arranged(x, dims, strides);
  if (!rows.defined()) return false;
  const size_t count = static_cast<size_t>(norm.groups);
  const Operand gain = ConstantFloats(std::vector<float>(count, 1.0f)),
                shift = ConstantFloats(std::vector<float>(count, 0.0f));
  const Operand y = NewArray(DType::kFloat, dims, Layout::kPlain);
  AddGroupNorm(norm, norm.groups, rows, gain, shift, y);
  std::vector<int64_t> back(x.dims.size());
  for (size_t i = 0; i < order.size(); ++i) back[order[i]] = y.strides()[i];
  Bind(n.outputs[0], Arranged(y, x.dims, back));
  return true;
}

}  // namespace assize::engine
