// See generated_drive.h.
#include "tests/engine/generated_drive.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "lib/engine/engine.h"
#include "lib/ir/text.h"
#include "lib/onnx/onnx.h"
#include "lib/support/random.h"
#include "lib/verify/verify.h"

namespace assize::engine {
namespace {

using ir::DType;
using reference::RuntimeValue;
using Values = std::map<uint32_t, RuntimeValue>;

constexpr int kNoisyRuns = 12;
constexpr double kPlainTolerance = 1e-5;  // of the largest magnitude
constexpr double kTiny = 1e-30;           // below it, and for denormals, differences mean nothing

// Ops whose float results are elements of their inputs, or exact in them: no rounding of their own.
bool Exact(const ir::Node& node) {
  static const std::set<std::string> kExact = {"Identity",
                                               "Reshape",
                                               "Transpose",
                                               "Slice",
                                               "Gather",
                                               "Concat",
                                               "Split",
                                               "Squeeze",
                                               "Unsqueeze",
                                               "Flatten",
                                               "Expand",
                                               "Pad",
                                               "Relu",
                                               "Neg",
                                               "Abs",
                                               "Max",
                                               "Min",
                                               "Clip",
                                               "MaxPool",
                                               "GlobalMaxPool",
                                               "Tile",
                                               "Where",
                                               "Constant",
                                               "ConstantOfShape",
                                               "Shape",
                                               "GatherElements",
                                               "GatherND",
                                               "ScatterElements",
                                               "ScatterND",
                                               "DepthToSpace",
                                               "SpaceToDepth",
                                               "ReduceMax",
                                               "ReduceMin",
                                               "TopK",
                                               "Sign",
                                               "Floor",
                                               "Ceil",
                                               "Round",
                                               "OneHot",
                                               "EyeLike",
                                               "Trilu",
                                               "ReverseSequence",
                                               "Compress",
                                               "Unique",
                                               "Range",
                                               "SequenceConstruct",
                                               "SequenceAt",
                                               "SequenceInsert",
                                               "SplitToSequence",
                                               "ConcatFromSequence"};
  return kExact.contains(node.op_type);
}

// Many steps in one node, each with roundings that the next one takes up.
bool Recurs(const ir::Node& node) {
  return node.op_type == "LSTM" || node.op_type == "GRU" || node.op_type == "RNN" ||
         node.has_subgraphs();
}

// The definition of these rounds to a grid of bytes at the end: where a kernel rounds a real number
// on the way, an element may land one step beside it.
bool EndsOnAGrid(const ir::Node& node) {
  return node.op_type.starts_with("QLinear") || node.op_type == "QGemm";
}

// A step more or less, or none, on each element of 8 bits.
ir::Tensor WithSteps(const ir::Tensor& tensor, Philox& random) {
  if (tensor.dtype() != DType::kInt8 && tensor.dtype() != DType::kUint8) return tensor;
  const int low = tensor.dtype() == DType::kInt8 ? -128 : 0;
  std::vector<std::byte> bytes;
  for (const int64_t value : tensor.ToInts()) {
    const auto moved = static_cast<int>(value) + static_cast<int>(random.NextBelow(3)) - 1;
    bytes.push_back(
        static_cast<std::byte>(static_cast<uint8_t>(std::clamp(moved, low, low + 255))));
  }
  return ir::Tensor::FromBytes(tensor.dtype(), tensor.dims(), std::move(bytes));
}

// A rounding's worth of noise on each element, in the measure of the type and of the largest
// magnitude, which counts as `least` at least.
ir::Tensor WithNoise(const ir::Tensor& tensor, Philox& random, double relative, double least) {
  if (tensor.dtype() != DType::kFloat) {
    if (tensor.dtype() != DType::kFloat16 && tensor.dtype() != DType::kBfloat16) return tensor;
    // The last bit of some elements.
    std::vector<std::byte> bytes(tensor.bytes().begin(), tensor.bytes().end());
    for (size_t i = 0; i < bytes.size(); i += 2) {
      if (random.NextBelow(2) == 0) bytes[i] ^= std::byte{1};
    }
    return ir::Tensor::FromBytes(tensor.dtype(), tensor.dims(), std::move(bytes));
  }
  std::vector<float> values(tensor.data<float>().begin(), tensor.data<float>().end());
  double largest = least;
  for (const float value : values) {
    if (std::isfinite(value)) largest = std::max(largest, std::fabs(static_cast<double>(value)));
  }
  for (float& value : values) {
    const double noise = relative * (2 * random.NextDouble() - 1);
    if (std::isfinite(value))
      value = static_cast<float>(value + noise * (std::fabs(static_cast<double>(value)) + largest));
  }
  return ir::Tensor::Of<float>(tensor.dims(), values);
}

// Near the end of float's range the order of a sum decides what overflows: all of it counts as
// infinite.
double Bounded(double x) {
  return std::fabs(x) < 1e37
             ? x
             : std::copysign(std::numeric_limits<double>::infinity(), x) + (std::isnan(x) ? x : 0);
}

bool HasNumbers(DType dtype) {
  return dtype != DType::kString && dtype != DType::kComplex64 && dtype != DType::kComplex128;
}

bool AllFinite(const RuntimeValue& value) {
  if (!value.is_tensor() || !ir::IsFloating(value.tensor.dtype())) return true;
  const std::vector<double> numbers = value.tensor.ToDoubles();
  return std::all_of(numbers.begin(), numbers.end(),
                     [](double x) { return std::isfinite(Bounded(x)); });
}

// What the reference computed, node by node.
struct Stepped {
  bool finite = true;  // no NaN, infinity or number near float's end anywhere
  std::vector<RuntimeValue> outputs;
};

// The reference with noise, unless `seed` is 0; nullopt when a node fails.
std::optional<Stepped> NoisyRun(const Generated& g, const std::map<std::string, ir::Tensor>& feeds,
                                uint64_t seed) {
  const ir::Graph& graph = g.model.graph;
  Philox random(seed, 0x401);
  Stepped stepped;
  Values values;
  for (const ir::ValueRef ref : graph.values()) {
    const ir::Value& value = graph.value(ref);
    if (value.initializer) values[ref.index] = RuntimeValue::Of(value.initializer->tensor);
    const auto fed = feeds.find(value.name);
    if (value.is_input && fed != feeds.end()) values[ref.index] = RuntimeValue::Of(fed->second);
  }
  for (const auto& [index, value] : values) stepped.finite = stepped.finite && AllFinite(value);
  for (ir::NodeRef ref = graph.first_node(); ref; ref = graph.next_node(ref)) {
    const ir::Node& node = graph.node(ref);
    std::vector<RuntimeValue> inputs;
    for (const ir::ValueRef input : node.inputs)
      inputs.push_back(input ? values[input.index] : RuntimeValue());
    std::map<std::string, RuntimeValue> captures;
    for (const ir::ValueRef capture : node.captures)
      captures[graph.value(capture).name] = values[capture.index];
    auto results = reference::EvaluateNode(g.model, graph, ref, inputs, captures,
                                           GeneratedLimits(g.max_memory_bytes));
    if (!results.ok()) return std::nullopt;
    for (size_t i = 0; i < node.outputs.size() && i < results->size(); ++i) {
      if (!node.outputs[i]) continue;
      RuntimeValue& result = (*results)[i];
      stepped.finite = stepped.finite && AllFinite(result);
      if (seed != 0 && result.is_tensor() && !Exact(node)) {
        result.tensor = EndsOnAGrid(node) ? WithSteps(result.tensor, random)
                        // Gates are near 1 and leave small differences: 1e-6 of them.
                        : Recurs(node) ? WithNoise(result.tensor, random, 1e-4, 1e-2)
                                       : WithNoise(result.tensor, random, 4e-6, 0);
      }
      values[node.outputs[i].index] = std::move(result);
    }
  }
  for (const ir::ValueRef output : graph.outputs()) stepped.outputs.push_back(values[output.index]);
  return stepped;
}

bool SameForm(const ir::Tensor& a, const ir::Tensor& b) {
  return a.dtype() == b.dtype() && a.dims() == b.dims();
}

struct Apart {
  bool patterns_differ = false;  // NaN against number, or infinities
  double largest = 0;            // difference of finite elements
  double magnitude = 0;          // of finite elements of `b`
};

Apart Compare(const ir::Tensor& a, const ir::Tensor& b) {
  Apart apart;
  std::vector<double> x = a.ToDoubles(), y = b.ToDoubles();
  for (size_t i = 0; i < x.size(); ++i) {
    if (a.dtype() == DType::kFloat) x[i] = Bounded(x[i]), y[i] = Bounded(y[i]);
    if (std::isfinite(y[i])) apart.magnitude = std::max(apart.magnitude, std::fabs(y[i]));
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
    if (!std::isfinite(x[i]) || !std::isfinite(y[i]))
      apart.patterns_differ = true;
    else
      apart.largest = std::max(apart.largest, std::fabs(x[i] - y[i]));
  }
  return apart;
}

// The step of a type's numbers near 1: what one rounding is worth.
double Rounding(DType dtype) {
  switch (dtype) {
    case DType::kFloat:
    case DType::kDouble:
      return kPlainTolerance;
    case DType::kFloat16:
      return 2e-3;
    case DType::kBfloat16:
      return 1.6e-2;
    default:
      return ir::IsFloating(dtype) ? 0.26 : 0;
  }
}

std::string First(const ir::Tensor& got, const ir::Tensor& want) {
  if (!HasNumbers(want.dtype())) return "";
  const std::vector<double> x = got.ToDoubles(), y = want.ToDoubles();
  size_t at = 0;
  double largest = -1;
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
    const double apart = std::isfinite(x[i] - y[i]) ? std::fabs(x[i] - y[i])
                                                    : std::numeric_limits<double>::infinity();
    if (apart > largest) largest = apart, at = i;
  }
  return x.empty() ? "" : fmt::format("; element {}: {} against {}", at, x[at], y[at]);
}

// Empty, or how the results differ beyond what rounding explains.
std::string Disagreement(const Generated& g, const std::map<std::string, ir::Tensor>& feeds,
                         const std::vector<ir::Tensor>& got, const std::vector<RuntimeValue>& want,
                         Outcome& outcome) {
  std::vector<std::vector<RuntimeValue>> noisy;
  bool ran = false, finite = true;
  for (size_t i = 0; i < got.size(); ++i) {
    if (!want[i].is_tensor())
      return fmt::format("result {}: {} against no tensor", i, got[i].TypeText());
    const ir::Tensor& expected = want[i].tensor;
    ++outcome.compared;
    if (got[i] == expected) continue;
    const bool comparable = SameForm(got[i], expected) && HasNumbers(expected.dtype());
    Apart apart;
    if (comparable) {
      apart = Compare(got[i], expected);
      if (!apart.patterns_differ &&
          apart.largest <= Rounding(expected.dtype()) * apart.magnitude + kTiny)
        continue;
    }
    ++outcome.measured;
    if (!ran) {
      const auto plain = NoisyRun(g, feeds, 0);
      finite = plain && plain->finite;
      for (int run = 1; run <= kNoisyRuns && finite; ++run) {
        auto results = NoisyRun(g, feeds, static_cast<uint64_t>(run));
        if (!results) return "";  // whether it runs at all hangs on a rounding
        finite = results->finite;
        noisy.push_back(std::move(results->outputs));
      }
      ran = true;
    }
    // What a maximum, a sum or a quantization makes of NaN and infinities, ONNX leaves open; their
    // form it does not. (Where it counts distinct or nonzero elements, of the form only the rank.)
    if (!finite && got[i].dtype() == expected.dtype() && got[i].rank() == expected.rank()) continue;
    double spread = 0;
    bool any_form = false, any_pattern = false;
    for (const auto& results : noisy) {
      if (!results[i].is_tensor() || !SameForm(results[i].tensor, expected)) {
        any_form = true;
        continue;
      }
      // A number in a text, or a sparse type: any other bits are moved bits.
      if (!comparable) any_pattern = any_pattern || !(results[i].tensor == expected);
      if (!comparable) continue;
      const Apart moved = Compare(results[i].tensor, expected);
      any_pattern = any_pattern || moved.patterns_differ;
      spread = std::max(spread, moved.largest);
    }
    if (any_form || any_pattern) continue;
    const bool tolerable =
        comparable && !apart.patterns_differ &&
        apart.largest <= 4 * spread + Rounding(expected.dtype()) * apart.magnitude + kTiny;
    // Moved by more than its own size: something was divided by what rounding may make 0.
    const bool undecided = comparable && spread > apart.magnitude;
    if (tolerable || undecided) continue;
    return fmt::format(
        "result {} (\"{}\"): engine {}, reference {}, apart {}, rounding moves it {}{}", i,
        g.model.graph.value(g.model.graph.outputs()[i]).name, got[i].TypeText(),
        expected.TypeText(), apart.largest, spread, comparable ? First(got[i], expected) : "");
  }
  return "";
}

bool SameBits(const std::vector<ir::Tensor>& a, const std::vector<ir::Tensor>& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

}  // namespace

Outcome Drive(const Generated& generated) {
  Outcome outcome;
  Generated g = generated;
  const auto exported = onnx::ExportBytes(g.model);
  if (!exported.ok()) return outcome;
  onnx::ImportOptions import;
  import.limits.max_items = 1'000'000;
  auto imported = onnx::ImportBytes(exported->model, "generated", "", import);
  if (!imported.ok()) return outcome;
  outcome.imported = true;
  g.model = *std::move(imported);
  outcome.verified = verify::CheckModel(g.model).ok();

  const auto program = Compile(g.model, GeneratedOptions(g));
  StatusOr<std::vector<ir::Tensor>> got = InvalidArgument("not compiled");
  if (program.ok()) {
    outcome.compiled = true;
    (void)Describe(**program);
    Session session(*program);
    got = session.Run(g.feeds);
    (void)session.Run(g.other_feeds);
    const auto again = session.Run(g.feeds);
    if (got.ok() != again.ok()) {
      outcome.finding =
          "a second run differs: " + Message(got.ok() ? again.status() : got.status());
      return outcome;
    }
    if (!got.ok() && got.status().code() == StatusCode::kInternal) {
      outcome.finding = "internal: " + Message(got.status());
      return outcome;
    }
    if (got.ok() && !SameBits(*got, *again)) {
      outcome.finding = "a second run gives other bits";
      return outcome;
    }
  } else if (program.status().code() == StatusCode::kInternal) {
    outcome.finding = "internal: " + Message(program.status());
    return outcome;
  }
  outcome.engine_ran = got.ok();
  std::map<std::string, RuntimeValue> values;
  for (const auto& [name, tensor] : g.feeds) values[name] = RuntimeValue::Of(tensor);
  const auto want = reference::Run(g.model, values, {}, GeneratedLimits(g.max_memory_bytes));
  outcome.reference_ran = want.ok();
  if (got.ok() && want.ok()) outcome.finding = Disagreement(g, g.feeds, *got, *want, outcome);
  return outcome;
}

}  // namespace assize::engine
