// Differential run of a pass. Tests: tests/pass/numeric_check_test.cc.
#include "lib/pass/numeric_check.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lib/analysis/cost.h"
#include "lib/analysis/traits.h"
#include "lib/ir/float_formats.h"
#include "lib/support/random.h"

namespace assize::pass {
namespace {

// Inputs larger than this are not made: a check must stay cheap beside the pass.
constexpr int64_t kMaxFeedElements = int64_t{1} << 26;

ir::Tensor RandomTensor(ir::DType dtype, const ir::Shape& dims, int64_t count, Philox& random) {
  const auto n = static_cast<size_t>(count);
  if (dtype == ir::DType::kFloat) {
    std::vector<float> values(n);
    for (float& v : values) v = static_cast<float>(random.NextNormal());
    return ir::Tensor::Of<float>(dims, values);
  }
  if (dtype == ir::DType::kDouble) {
    std::vector<double> values(n);
    for (double& v : values) v = random.NextNormal();
    return ir::Tensor::Of<double>(dims, values);
  }
  std::vector<std::byte> bytes;
  if (dtype == ir::DType::kFloat16 || dtype == ir::DType::kBfloat16) {
    bytes.resize(n * 2);
    for (size_t i = 0; i < n; ++i) {
      const auto value = static_cast<float>(random.NextNormal());
      const uint16_t bits =
          dtype == ir::DType::kFloat16 ? ir::FloatToHalf(value) : ir::FloatToBfloat16(value);
      std::memcpy(&bytes[2 * i], &bits, 2);
    }
  } else if (dtype == ir::DType::kUint8 || dtype == ir::DType::kInt8) {
    bytes.resize(n);
    for (std::byte& b : bytes) b = static_cast<std::byte>(random.NextBelow(256));
  } else {
    // Wider integers are mostly indices and lengths: 0 and 1 are valid for most of them. Little
    // endian.
    const size_t width = static_cast<size_t>(ir::BitsOf(dtype)) / 8;
    bytes.resize(n * width);
    for (size_t i = 0; i < n; ++i) bytes[i * width] = static_cast<std::byte>(random.NextBelow(2));
  }
  return ir::Tensor::FromBytes(dtype, dims, std::move(bytes));
}

bool CanMake(ir::DType dtype) {
  using enum ir::DType;
  switch (dtype) {
    case kFloat:
    case kDouble:
    case kFloat16:
    case kBfloat16:
    case kUint8:
    case kInt8:
    case kUint16:
    case kInt16:
    case kInt32:
    case kInt64:
    case kUint32:
    case kUint64:
    case kBool:
      return true;
    default:
      return false;
  }
}

bool HasRandomOps(const ir::Graph& graph) {
  for (const ir::NodeRef ref : graph.nodes()) {
    const ir::Node& node = graph.node(ref);
    if (analysis::IsRandom(graph, ref)) return true;
    for (const ir::Attribute& attribute : node.attributes) {
      if (const auto* box = std::get_if<ir::GraphBox>(&attribute.value); box && HasRandomOps(**box))
        return true;
      if (const auto* boxes = std::get_if<std::vector<ir::GraphBox>>(&attribute.value)) {
        for (const ir::GraphBox& b : *boxes) {
          if (HasRandomOps(*b)) return true;
        }
      }
    }
  }
  return false;
}

std::vector<std::string> OutputNames(const ir::Model& model) {
  std::vector<std::string> names;
  for (const ir::ValueRef ref : model.graph.outputs()) names.push_back(model.graph.value(ref).name);
  return names;
}

bool HasDoubles(ir::DType dtype) {
  return dtype == ir::DType::kFloat || dtype == ir::DType::kDouble ||
         dtype == ir::DType::kFloat16 || dtype == ir::DType::kBfloat16;
}

// Mostly zeros or NaN, or one value all over: an error could hide in it.
bool IsDegenerate(const std::vector<double>& values) {
  if (values.empty()) return true;
  size_t zeros = 0, nans = 0, same = 0;
  for (const double v : values) {
    zeros += v == 0 ? 1 : 0;
    nans += std::isnan(v) ? 1 : 0;
    same += v == values[0] ? 1 : 0;
  }
  return zeros * 10 > values.size() * 9 || nans * 2 > values.size() ||
         (values.size() > 1 && same == values.size());
}

Status Violation(const std::string& name, size_t at, double before, double after, double bound,
                 const verify::Tolerance& tolerance) {
  return Internal(
      "output \"{}\" element {} was {} and is {}, a difference of {}; the bound {} is {}", name, at,
      before, after, std::fabs(before - after), tolerance.name, bound);
}

}  // namespace

StatusOr<Feeds> RandomFeeds(const ir::Model& model, uint64_t seed, int64_t free_dim) {
  Feeds feeds;
  uint64_t stream = 0;
  for (const ir::ValueRef ref : model.graph.inputs()) {
    const ir::Value& value = model.graph.value(ref);
    if (value.is_initializer()) continue;  // its default is what most callers use
    if (!value.type.is_tensor() || !value.type.shape || !CanMake(value.type.dtype)) {
      return Unimplemented("input \"{}\" is {}: no random values for it", value.name,
                           ir::TypeText(value.type));
    }
    ir::Shape dims;
    for (const ir::Dim& dim : *value.type.shape)
      dims.push_back(dim.known() ? *dim.value : free_dim);
    const auto count = ir::ElementCount(dims);
    if (!count || *count > kMaxFeedElements) {
      return Unimplemented("input \"{}\" {} has more than {} elements", value.name,
                           ir::ShapeText(dims), kMaxFeedElements);
    }
    // Counts fed inputs only: a pass that takes a default out of the inputs leaves the other feeds
    // as they were.
    Philox random(seed, stream++);
    feeds.emplace(value.name, RandomTensor(value.type.dtype, dims, *count, random));
  }
  return feeds;
}

StatusOr<NumericCheck> CompareOutputs(const std::vector<std::string>& names,
                                      const std::vector<ir::Tensor>& before,
                                      const std::vector<ir::Tensor>& after,
                                      const verify::Tolerance& tolerance) {
  AZ_CHECK(names.size() == before.size());
  const bool exact = tolerance == verify::kExact;
  NumericCheck check;
  check.kind = exact ? "bitwise" : "bounded";
  if (before.size() != after.size()) {
    return Internal("{} outputs before, {} after", before.size(), after.size());
  }
  bool informative = false;
  int64_t moved_integers = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    const ir::Tensor &a = before[i], &b = after[i];
    if (a.dtype() != b.dtype() || a.dims() != b.dims()) {
      return Internal("output \"{}\" was {} and is {}", names[i], a.TypeText(), b.TypeText());
    }
    if (!HasDoubles(a.dtype())) {
      if (a == b) {
        informative = informative || !ir::IsInteger(a.dtype()) || !IsDegenerate(a.ToDoubles());
        continue;
      }
      if (exact)
        return Internal("output \"{}\" {} has other elements than before", names[i], a.TypeText());
      ++moved_integers;
      continue;
    }
    const std::vector<double> x = a.ToDoubles(), y = b.ToDoubles();
    informative = informative || !IsDegenerate(x);
    double largest = 0;
    for (const double v : x) {
      if (std::isfinite(v)) largest = std::max(largest, std::fabs(v));
    }
    const double bound = verify::BoundFor(tolerance, a.dtype()) * largest;
    check.bound = std::max(check.bound, bound);
    for (size_t k = 0; k < x.size(); ++k) {
      if (std::isnan(x[k]) && std::isnan(y[k])) continue;
      const bool same_bits = x[k] == y[k] && std::signbit(x[k]) == std::signbit(y[k]);
      if (same_bits) continue;
      const double difference = std::fabs(x[k] - y[k]);
      // Not (difference <= bound) also catches NaN on one side, and infinities that moved.
      if (exact || !(difference <= bound))
        return Violation(names[i], k, x[k], y[k], bound, tolerance);
      check.max_abs_difference = std::max(check.max_abs_difference, difference);
    }
  }
  check.outcome = "passed";
  if (!informative) {
    check.outcome = "mistrusted";
    check.reason = "every output is mostly zeros, NaN or one constant";
  } else if (moved_integers > 0) {
    check.outcome = "mistrusted";
    check.reason =
        fmt::format("{} outputs of integers moved, as rounding before them may", moved_integers);
  }
  return check;
}

NumericChecker::Outputs NumericChecker::EvaluateWith(const ir::Model& model,
                                                     int64_t free_dim) const {
  Outputs outputs;
  outputs.free_dim = free_dim;
  const auto feeds = RandomFeeds(model, seed_, free_dim);
  if (!feeds.ok()) {
    outputs.reason = Message(feeds.status());
    return outputs;
  }
  auto runner = evaluator_->Prepare(model, OutputNames(model));
  if (!runner.ok()) {
    outputs.reason = Message(runner.status());
    return outputs;
  }
  auto results = (*runner)->Run(*feeds);
  if (results.ok())
    outputs.tensors = std::move(results).value();
  else
    outputs.reason = Message(results.status());
  return outputs;
}

NumericChecker::Outputs NumericChecker::Evaluate(const ir::Model& model) const {
  // Two rows show a batch dimension that was lost; a model whose Reshape fixes one row runs with
  // one.
  Outputs outputs = EvaluateWith(model, 2);
  return outputs.tensors ? outputs : EvaluateWith(model, 1);
}

StatusOr<NumericCheck> NumericChecker::Check(const ir::Model& before, const Digest& before_hash,
                                             const ir::Model& after, const Digest& after_hash,
                                             const verify::Tolerance& tolerance) {
  NumericCheck skipped;
  skipped.kind = tolerance == verify::kExact ? "bitwise" : "bounded";
  skipped.outcome = "skipped";
  if (evaluator_ == nullptr) {
    skipped.reason = "no evaluator";
    return skipped;
  }
  const bool random = HasRandomOps(before.graph) ||
                      std::any_of(before.functions.begin(), before.functions.end(),
                                  [](const ir::Function& f) { return HasRandomOps(f.body); });
  if (random) {
    skipped.reason = "the model draws random numbers";
    return skipped;
  }
  if (const auto cost = analysis::CostOf(before); cost.ok() && cost->macs > max_macs_) {
    skipped.reason =
        fmt::format("{} multiply-accumulates, numeric_check_max_macs is {}", cost->macs, max_macs_);
    return skipped;
  }
  if (last_hash_ != before_hash) last_ = Evaluate(before);
  last_hash_.reset();
  if (!last_.tensors) {
    skipped.reason = last_.reason;
    last_hash_ = after_hash;  // it will not run after this pass either, for all we know
    last_.tensors.reset();
    return skipped;
  }
  Outputs now = EvaluateWith(after, last_.free_dim);
  if (!now.tensors)
    return Internal("the model ran before the pass, and does not after it: {}", now.reason);
  StatusOr<NumericCheck> check =
      CompareOutputs(OutputNames(before), *last_.tensors, *now.tensors, tolerance);
  if (check.ok()) {
    last_hash_ = after_hash;
    last_ = std::move(now);
  }
  return check;
}

}  // namespace assize::pass
