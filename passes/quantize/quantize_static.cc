// Quantizes the layers of a model to 8 bits, with scales from calibration data, in ONNX's QDQ form.
//
//   before  y = Relu(Conv(x, W, b))      after  y = DQ(Q(Relu(Conv(DQ(Q(x)), DQ(W8), DQ(b32)))))
//   x ~ s_x (q_x - z_x), q_x uint8;  W ~ s_w[o] q_w, q_w int8 in [-127, 127];  b = s_x s_w[o] q_b,
//   q_b int32
//
// Shapes    W of Conv [O, I/group, *K], ConvTranspose [I, O/group, *K], Gemm [K, N] or [N, K],
// MatMul (either side);
//           a scale per output channel, or one for all (per-channel=false). Activations: one scale
//           per tensor.
// Needs     constant weights, calibration rows. Layers of 16-bit floats are upcast to 32-bit ones
// (what upcast-float16
//           does, better before passes fold anything into weights). Opset 13 (10 without
//           per-channel): older models are moved up first. Below IR 4 every initializer is an input
//           too; they become constants here.
// Numerics  the function changes: judged by criteria on data. Ranges are the same for every batch
// size, thread
//           count and order of batches. Where pairs go: placement.h; ranges: ranges.h; overflow:
//           weights.h.
// Not done  Q and DQ of float16 (opset 19), products of two activations, subgraphs and functions,
// and float
//           arithmetic such as LayerNorm, GELU and Softmax: one 8-bit tensor in a variance ruins
//           it.
// Source    Jacob et al. 2018, "Quantization and training of neural networks for efficient integer
// inference". Tests     tests/passes/quantize_static_test.cc
#include <algorithm>
#include <cmath>

#include "lib/analysis/float16_use.h"
#include "lib/analysis/upcast_float16.h"
#include "lib/ir/text.h"
#include "lib/pass/pass.h"
#include "lib/support/parallel.h"
#include "passes/quantize/emit.h"
#include "passes/quantize/placement.h"
#include "passes/quantize/ranges.h"
#include "passes/registry.h"

namespace assize::passes {

using ir::Graph;
using ir::NodeRef;
using ir::ValueRef;
using quantize::Grid8;
using quantize::Observer;
using quantize::Placement;
using quantize::SharedRange;

namespace {

constexpr int64_t kPerTensorOpset = 10, kPerChannelOpset = 13;
// Rows whose activations are held at once, where the model leaves the choice.
constexpr int64_t kRowsAtOnce = 16;
// Of the range seen, whatever the percentile says.
constexpr double kLeastShare = 1.0 / 16;

// "a;b" -> {a, b}.
std::set<std::string> ListOf(const std::string& text) {
  std::set<std::string> items;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find(';', begin), text.size());
    if (end > begin) items.insert(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return items;
}

// The rows of one run after the other. A model with a fixed batch gets whole batches: the last one
// repeats rows of the one before, which no minimum or maximum sees.
StatusOr<std::vector<std::pair<int64_t, int64_t>>> Batches(const ir::Model& model,
                                                           const pass::Dataset& data) {
  bool fixed = false;
  for (const ValueRef input : model.graph.inputs()) {
    const ir::Value& value = model.graph.value(input);
    if (value.is_initializer() || !value.type.is_tensor() || !value.type.shape ||
        value.type.shape->empty())
      continue;
    fixed = fixed || value.type.shape->front().known();
  }
  const int64_t rows = data.rows();
  if (rows < 1) return InvalidArgument("0 rows of calibration data, expected at least 1");
  const int64_t wanted = std::max<int64_t>(1, data.batch_rows());
  const int64_t batch = fixed ? wanted : std::min(wanted, kRowsAtOnce);
  if (fixed && rows < batch) {
    return InvalidArgument(
        "{} rows of calibration data, expected at least {}: the model's batch is fixed", rows,
        batch);
  }
  std::vector<std::pair<int64_t, int64_t>> batches;
  for (int64_t begin = 0; begin < rows; begin += batch) {
    const int64_t end = std::min(rows, begin + batch);
    batches.emplace_back(fixed ? end - batch : begin, end);
  }
  return batches;
}

}  // namespace

class QuantizeStatic final : public pass::ModelPass {
 public:
  pass::Descriptor Describe() const override {
    using pass::OptionType;
    return {
        .summary = "Quantizes layers to 8 bits with scales from calibration data",
        .options =
            {{.name = "calibrator",
              .type = OptionType::kChoice,
              .default_text = "mse",
              .summary = "range of an activation: all values seen, all but the rarest, or where "
                         "the squared error is least",
              .choices = {"minmax", "percentile", "mse"}},
             {.name = "percentile",
              .type = OptionType::kNumber,
              .default_text = "99.99",
              .summary = "per cent of the values that the range of calibrator=percentile holds",
              .min = 50,
              .max = 100},
             {.name = "per-channel",
              .type = OptionType::kBool,
              .default_text = "true",
              .summary =
                  "a scale for each output channel of a weight; false: one for the whole weight"},
             {.name = "input-grid",
              .type = OptionType::kBool,
              .default_text = "true",
              .summary =
                  "quantize inputs that hold scaled integers (pixels) on the grid they came from"},
             {.name = "sums",
              .type = OptionType::kChoice,
              .default_text = "integer",
              .summary =
                  "an Add between integer layers: 8-bit operands (integer), none on the layer that "
                  "the sum is fused into (fused: one rounding less, but other runtimes compute "
                  "that layer in float), or none (float)",
              .choices = {"integer", "fused", "float"}},
             {.name = "quantize-outputs",
              .type = OptionType::kBool,
              .default_text = "false",
              .summary = "8-bit graph outputs, where integer layers compute them"},
             {.name = "exclude-ops",
              .type = OptionType::kString,
              .default_text = "",
              .summary = "op types that stay in floating point, separated by ;"},
             {.name = "exclude-nodes",
              .type = OptionType::kString,
              .default_text = "",
              .summary = "names of nodes that stay in floating point, separated by ;"}},
        .needs_evaluator = true,
        .needs_calibration = true,
        .keeps_signature = false};  // below IR version 4 the weights were inputs
  }

  Status Run(ir::Model& model, pass::Context& context) override {
    quantize::PlacementOptions where;
    where.exclude_ops = ListOf(options().Text("exclude-ops"));
    where.exclude_nodes = ListOf(options().Text("exclude-nodes"));
    const std::string& sums = options().Text("sums");
    where.sums = sums == "integer" ? quantize::Sums::kInteger
                 : sums == "fused" ? quantize::Sums::kFused
                                   : quantize::Sums::kFloat;
    where.quantize_outputs = options().Bool("quantize-outputs");
    AZ_RETURN_IF_ERROR(CheckNames(model.graph, where));

    ir::Model work = model;
    FreezeInitializers(work);
    AZ_ASSIGN_OR_RETURN(const bool upcast, UpcastLayers(work));
    AZ_RETURN_IF_ERROR(RaiseOpset(work, context));
    AZ_ASSIGN_OR_RETURN(const auto batches, Batches(work, *context.services.calibration));
    AZ_ASSIGN_OR_RETURN(const quantize::Constants computed,
                        ComputeWeights(work, batches.front(), context));
    analysis::InferOptions infer;
    infer.ignore_declared = true;
    const analysis::TypeTable types = analysis::InferTypesLeniently(work, infer, nullptr);
    const Placement placement = quantize::Place(work, types, computed, where);
    Report(placement, context);
    if (placement.layers.empty()) return OkStatus();
    if (upcast) ReportUpcast(context);

    AZ_ASSIGN_OR_RETURN(const std::vector<Grid8> grids,
                        Calibrate(work, placement, batches, context));
    ReportGrids(work.graph, placement, grids, context);
    ir::Editor edit(work.graph);
    ReportLayers(quantize::Emit(edit, placement, grids, options().Bool("per-channel")), context);
    model = std::move(work);
    return OkStatus();
  }

 private:
  static Status CheckNames(const Graph& graph, const quantize::PlacementOptions& where) {
    for (const std::string& name : where.exclude_nodes) {
      bool found = false;
      for (const NodeRef ref : graph.nodes()) found = found || graph.node(ref).name == name;
      if (!found) return InvalidArgument("exclude-nodes: no node is named \"{}\"", name);
    }
    return OkStatus();
  }

  // Files below IR version 4 had no way to say that a weight is a constant.
  static void FreezeInitializers(ir::Model& model) {
    if (model.ir_version >= 4) return;
    ir::Editor edit(model.graph);
    const std::vector<ValueRef> inputs = model.graph.inputs();
    for (const ValueRef input : inputs) {
      if (model.graph.value(input).is_initializer()) edit.RemoveFromInputs(input);
    }
    model.ir_version = 4;
  }

  // True when there were layers of 16-bit floats. A model that cannot be rewritten stays, and its
  // layers are skipped.
  static StatusOr<bool> UpcastLayers(ir::Model& model) {
    if (!analysis::HasFloat16Layers(model)) return false;
    const StatusOr<analysis::UpcastCounts> counts = analysis::UpcastFloat16(model);
    if (absl::IsFailedPrecondition(counts.status())) return false;
    AZ_RETURN_IF_ERROR(counts.status());
    return true;
  }

  static void ReportUpcast(pass::Context& context) {
    (*context.statistics)["upcast"] += 1;
    context.diagnostics->Report(
        {Severity::kWarning,
         "AZ-QNT-0002",
         "quantize-static",
         "the model's layers are of 16-bit floats and were upcast to quantize them: with "
         "upcast-float16 at the start of "
         "the pipeline, what earlier passes fold into weights is not rounded to 16 bits",
         {}});
  }

  Status RaiseOpset(ir::Model& model, pass::Context& context) const {
    const int64_t needed = options().Bool("per-channel") ? kPerChannelOpset : kPerTensorOpset;
    const std::optional<int64_t> opset = model.opset();
    if (!opset)
      return FailedPrecondition(
          "the model imports no opset of ai.onnx: there is nothing to quantize");
    if (*opset >= needed) return OkStatus();
    const std::unique_ptr<pass::Pass> convert = AllPasses().Find("convert-opset")->create();
    AZ_ASSIGN_OR_RETURN(pass::Options target,
                        pass::Options::Parse("convert-opset", convert->Describe().options,
                                             {{"target", std::to_string(needed)}}));
    convert->Configure(target);
    const Status status = convert->Run(model, context);
    if (status.ok()) return OkStatus();
    return FailedPrecondition(
        "the model is at opset {}, {} scales need {}, and it cannot be moved there: {}", *opset,
        needed == kPerChannelOpset ? "per-channel" : "per-tensor", needed, Message(status));
  }

  static StatusOr<quantize::Constants> ComputeWeights(const ir::Model& model,
                                                      std::pair<int64_t, int64_t> rows,
                                                      pass::Context& context) {
    quantize::Constants constants;
    const std::vector<ValueRef> wanted = quantize::ComputedWeights(model);
    if (wanted.empty()) return constants;
    std::vector<std::string> names;
    for (const ValueRef value : wanted) names.push_back(model.graph.value(value).name);
    AZ_ASSIGN_OR_RETURN(const auto runner, context.services.evaluator->Prepare(model, names));
    AZ_ASSIGN_OR_RETURN(const pass::Feeds feeds,
                        context.services.calibration->Batch(rows.first, rows.second));
    AZ_ASSIGN_OR_RETURN(std::vector<ir::Tensor> tensors, runner->Run(feeds));
    for (size_t i = 0; i < wanted.size(); ++i) constants[wanted[i]] = std::move(tensors[i]);
    return constants;
  }

  // One grid for each range, from all calibration rows.
  StatusOr<std::vector<Grid8>> Calibrate(const ir::Model& model, const Placement& placement,
                                         const std::vector<std::pair<int64_t, int64_t>>& batches,
                                         pass::Context& context) const {
    std::vector<std::string> names;
    std::vector<size_t> range_of;
    for (size_t i = 0; i < placement.ranges.size(); ++i) {
      for (const ValueRef value : placement.ranges[i].observe) {
        names.push_back(model.graph.value(value).name);
        range_of.push_back(i);
      }
    }
    const bool histogram = options().Text("calibrator") != "minmax";
    std::vector<Observer> observers;
    for (const SharedRange& range : placement.ranges) {
      observers.emplace_back(histogram, range.is_input && options().Bool("input-grid"));
    }
    AZ_ASSIGN_OR_RETURN(const auto runner, context.services.evaluator->Prepare(model, names));
    context.progress->Start("calibrating", batches.back().second);
    for (const auto& [begin, end] : batches) {
      AZ_RETURN_IF_ERROR(CheckInterrupted());
      AZ_ASSIGN_OR_RETURN(const pass::Feeds feeds, context.services.calibration->Batch(begin, end));
      AZ_ASSIGN_OR_RETURN(const std::vector<ir::Tensor> tensors, runner->Run(feeds));
      std::vector<Status> statuses(observers.size());
      ParallelFor(static_cast<int64_t>(observers.size()), [&](int64_t range) {
        Status& status = statuses[static_cast<size_t>(range)];
        for (size_t t = 0; t < tensors.size() && status.ok(); ++t) {
          if (range_of[t] == static_cast<size_t>(range))
            status = See(observers[range_of[t]], tensors[t], names[t]);
        }
      });
      for (const Status& status : statuses) AZ_RETURN_IF_ERROR(status);
      context.progress->Advance(end);
    }
    context.progress->Finish();
    std::vector<Grid8> grids;
    for (const Observer& observer : observers) grids.push_back(Choose(observer));
    return grids;
  }

  static Status See(Observer& observer, const ir::Tensor& tensor, const std::string& name) {
    if (tensor.dtype() != ir::DType::kFloat) {
      return Internal("tensor \"{}\" is {} when it runs, expected f32", name, tensor.TypeText());
    }
    return observer.Observe(tensor.data<float>(), name);
  }

  Grid8 Choose(const Observer& observer) const {
    if (const auto step = observer.Grid())
      return quantize::GridOfStep(*step, observer.minimum(), observer.maximum());
    if (observer.histogram() == nullptr || observer.histogram()->count() == 0) {
      return quantize::GridOfRange(observer.minimum(), observer.maximum(), "minmax");
    }
    if (options().Text("calibrator") == "mse") {
      const double share =
          observer.histogram()->LeastErrorShare(observer.minimum(), observer.maximum());
      return quantize::GridOfRange(share * observer.minimum(), share * observer.maximum(), "mse");
    }
    // Where nearly all values are zero, the percentile is the width of a bin: a tensor keeps a part
    // of its range.
    const double tail = (100 - options().Number("percentile")) / 200;
    const double lo = std::max(observer.minimum(), std::min(observer.histogram()->LowerEdge(tail),
                                                            observer.minimum() * kLeastShare));
    const double hi = std::min(observer.maximum(), std::max(observer.histogram()->UpperEdge(tail),
                                                            observer.maximum() * kLeastShare));
    return quantize::GridOfRange(lo, hi, "percentile");
  }

  static void Report(const Placement& placement, pass::Context& context) {
    Json skipped = Json::array();
    for (const quantize::Skipped& skip : placement.skipped) {
      skipped.push_back({{"node", skip.node}, {"reason", skip.reason}});
    }
    (*context.facts)["skipped"] = std::move(skipped);
    (*context.statistics)["quantized"] += static_cast<int64_t>(placement.layers.size());
    (*context.statistics)["skipped"] += static_cast<int64_t>(placement.skipped.size());
    if (!placement.layers.empty()) return;
    // A model that comes out as it went in must not look like a success.
    Diagnostic warning{
        Severity::kWarning, "AZ-QNT-0001", "quantize-static", "no layer was quantized", {}};
    for (const quantize::Skipped& skip : placement.skipped) {
      if (warning.notes.size() == 8) break;
      warning.notes.push_back(skip.node + ": " + skip.reason);
    }
    if (!warning.notes.empty()) warning.message += "; " + warning.notes.front();
    context.diagnostics->Report(std::move(warning));
  }

  // Scales and zero points are content of the model; what the data held beyond them stays out.
  static void ReportGrids(const Graph& graph, const Placement& placement,
                          const std::vector<Grid8>& grids, pass::Context& context) {
    Json tensors = Json::array();
    for (const quantize::Pair& pair : placement.pairs) {
      const Grid8& grid = grids[pair.range];
      tensors.push_back({{"tensor", graph.value(pair.value).name},
                         {"scale", static_cast<double>(grid.scale)},
                         {"zero_point", static_cast<int64_t>(grid.zero_point)},
                         {"range", grid.method},
                         {"shared", placement.ranges[pair.range].observe.front() != pair.value}});
    }
    (*context.facts)["activations"] = std::move(tensors);
    (*context.statistics)["pairs"] += static_cast<int64_t>(placement.pairs.size());
    (*context.facts)["calibration"] = {{"rows", context.services.calibration->rows()},
                                       {"digest", context.services.calibration->digest()}};
  }

  static void ReportLayers(const std::vector<quantize::EmittedLayer>& emitted,
                           pass::Context& context) {
    Json layers = Json::array();
    for (const quantize::EmittedLayer& layer : emitted) {
      layers.push_back({{"node", layer.label},
                        {"weight_scales", layer.channels},
                        {"scales_widened_for_bias", layer.widened},
                        {"integer_bias", layer.integer_bias}});
    }
    (*context.facts)["layers"] = std::move(layers);
  }
};

ASSIZE_DEFINE_PASS(QuantizeStatic);

}  // namespace assize::passes
