// Compile: checks that everything can run, and makes plans on demand. Tests:
// tests/engine/session_test.cc.
#include "lib/engine/program.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "lib/analysis/expand_matmul_nbits.h"
#include "lib/analysis/expand_operator_quantized.h"
#include "lib/analysis/float16_use.h"
#include "lib/analysis/upcast_float16.h"
#include "lib/engine/lower.h"
#include "lib/engine/rows.h"
#include "lib/ir/editor.h"
#include "lib/ir/text.h"
#include "lib/reference/reference.h"

namespace assize::engine {
namespace {

// Plans kept per program: one a shape and segment; more in turn are planned anew.
constexpr size_t kMaxPlans = 64;
constexpr size_t kMaxVariants = 8;
// A dense layer of so many weights for so few rows a sample takes as long as reading the weights.
constexpr int64_t kHeavyWeights = 1 << 16, kFewRows = 4;

}  // namespace

Program::Program(ir::Model model, CompileOptions options)
    : model_(std::move(model)), options_(std::move(options)) {}

StatusOr<std::vector<ir::ValueRef>> Program::Fetched(const ir::Graph& graph) const {
  if (options_.fetch.empty()) return graph.outputs();
  std::vector<ir::ValueRef> fetched;
  for (const std::string& name : options_.fetch) {
    const ir::ValueRef value = graph.FindValue(name);
    if (!value) return InvalidArgument("cannot fetch \"{}\": the graph has no such value", name);
    fetched.push_back(value);
  }
  return fetched;
}

// The kernels of heavy layers compute in float or on integers. What the caller feeds and fetches
// keeps its type; where the model cannot be rewritten, it runs as it is, one reference op at a
// time.
Status Program::UpcastLayers() {
  ir::Model upcast = model_;
  AZ_ASSIGN_OR_RETURN(std::vector<ir::ValueRef> fetched, Fetched(upcast.graph));
  ir::Editor(upcast.graph).SetOutputs(std::move(fetched));
  const auto counts = analysis::UpcastFloat16(upcast);
  if (absl::IsFailedPrecondition(counts.status())) return OkStatus();
  AZ_RETURN_IF_ERROR(counts.status());
  model_ = std::move(upcast);
  return OkStatus();
}

Status Program::Prepare() {
  if (analysis::HasFloat16Layers(model_)) AZ_RETURN_IF_ERROR(UpcastLayers());
  // Quantized operators in the form that the kernels know; values keep their names.
  analysis::ExpandOperatorQuantized(model_);
  analysis::ExpandMatMulNBits(model_);
  const ir::Graph& graph = model_.graph;
  AZ_ASSIGN_OR_RETURN(fetch_, Fetched(graph));
  // Nodes that what is fetched hangs on.
  std::vector<ir::ValueRef> stack = fetch_;
  std::set<uint32_t> seen, wanted_nodes;
  while (!stack.empty()) {
    const ir::ValueRef value = stack.back();
    stack.pop_back();
    if (!value || !seen.insert(value.index).second) continue;
    const ir::NodeRef producer = graph.value(value).producer;
    if (!producer || !wanted_nodes.insert(producer.index).second) continue;
    const ir::Node& node = graph.node(producer);
    stack.insert(stack.end(), node.inputs.begin(), node.inputs.end());
    stack.insert(stack.end(), node.captures.begin(), node.captures.end());
    for (const ir::ValueRef output : node.outputs) {
      if (output) seen.insert(output.index);
    }
  }
  read_ = std::move(seen);
  std::set<std::string> missing;
  for (ir::NodeRef ref = graph.first_node(); ref; ref = graph.next_node(ref)) {
    if (!wanted_nodes.contains(ref.index)) continue;
    const ir::Node& node = graph.node(ref);
    order_.push_back(ref);
    if (model_.FindFunction(node.domain, node.op_type, node.overload) != nullptr) continue;
    const std::string domain = node.domain == "ai.onnx" ? "" : node.domain;
    const int64_t opset = model_.opset(node.domain).value_or(1);
    if (!reference::Supports(domain, node.op_type, opset)) {
      missing.insert(domain.empty() ? node.op_type : domain + "." + node.op_type);
    }
  }
  if (!missing.empty()) {
    return Unimplemented("cannot run {} op{}: {} (opset {})", missing.size(),
                         missing.size() == 1 ? "" : "s", fmt::join(missing, ", "),
                         model_.opset().value_or(0));
  }
  size_t slots = 0;
  for (const ir::ValueRef value : graph.values()) slots = std::max<size_t>(slots, value.index + 1);
  last_read_.assign(slots, 0);
  for (size_t i = 0; i < order_.size(); ++i) {
    const ir::Node& node = graph.node(order_[i]);
    for (const auto* list : {&node.inputs, &node.captures}) {
      for (const ir::ValueRef value : *list) {
        if (value) last_read_[value.index] = i + 1;
      }
    }
  }
  for (const ir::ValueRef value : fetch_) last_read_[value.index] = SIZE_MAX;
  return OkStatus();
}

std::shared_ptr<const Variant> Program::VariantFor(const std::set<std::string>& overridden) const {
  const std::scoped_lock lock(mutex_);
  auto found = variants_.find(overridden);
  if (found != variants_.end()) return found->second;
  if (variants_.size() >= kMaxVariants) variants_.clear();
  auto variant = std::make_shared<const Variant>(model_, overridden, options_.max_memory_bytes);
  variants_[overridden] = variant;
  return variant;
}

std::vector<ir::ValueRef> Program::NeededFrom(size_t begin) const {
  std::vector<ir::ValueRef> needed;
  for (const ir::ValueRef value : model_.graph.values()) {
    if (last_read_[value.index] > begin) needed.push_back(value);
  }
  return needed;
}

StatusOr<std::shared_ptr<const Segment>> Program::SegmentAt(
    const std::shared_ptr<const Variant>& variant, size_t begin, const std::vector<LiveValue>& live,
    int threads) const {
  {
    const std::scoped_lock lock(mutex_);
    for (auto entry = cache_.begin(); entry != cache_.end(); ++entry) {
      if (entry->Is(variant, begin, live, threads)) {
        cache_.splice(cache_.begin(), cache_, entry);
        return entry->segment;
      }
    }
  }
  // Planned outside the lock: two threads may both do it, with equal results.
  AZ_ASSIGN_OR_RETURN(std::shared_ptr<const Segment> segment,
                      MakeSegment(variant, begin, live, threads));
  const std::scoped_lock lock(mutex_);
  for (const CacheEntry& entry : cache_) {
    if (entry.Is(variant, begin, live, threads)) return entry.segment;
  }
  cache_.push_front({variant, begin, live, threads, segment});
  if (cache_.size() > kMaxPlans) cache_.pop_back();
  return segment;
}

StatusOr<std::shared_ptr<const Segment>> Program::MakeSegment(
    const std::shared_ptr<const Variant>& variant, size_t begin, const std::vector<LiveValue>& live,
    int threads) const {
  const ThreadScope one_thread(1);
  const Constants& constants = variant->constants;
  const int64_t limit = options_.max_memory_bytes;
  const auto infer = [&](Facts& facts, bool single_row, int64_t rows) -> size_t {
    for (const LiveValue& value : live) {
      ir::Shape dims = value.dims;
      if (single_row) dims[0] /= rows;
      facts.Set(value.value, value.dtype, std::move(dims));
    }
    // Constants that nodes of earlier segments make: their values need not be handed on.
    for (size_t i = 0; i < begin; ++i) {
      const auto& made = model_.graph.node(order_[i]).outputs;
      if (!made.empty() && constants.IsConstant(made[0])) (void)facts.Infer(order_[i]);
    }
    size_t at = begin;
    while (at < order_.size() && facts.Infer(order_[at])) ++at;
    return at;
  };
  auto segment = std::make_shared<Segment>();
  segment->begin = begin;
  // Values of a batch that runs row by row are never held whole.
  const int64_t rows = live.empty() || live[0].dims.empty() ? 1 : live[0].dims[0];
  const bool many = rows > std::numeric_limits<int64_t>::max() / std::max<int64_t>(limit, 1);
  Facts facts(constants, many ? limit : limit * std::max<int64_t>(rows, 1));
  segment->end = infer(facts, false, 1);
  if (segment->end == begin && begin < order_.size()) {
    segment->lone = true;
    segment->end = begin + 1;
    return segment;
  }
  const std::vector<ir::NodeRef> nodes(order_.begin() + static_cast<int64_t>(begin),
                                       order_.begin() + static_cast<int64_t>(segment->end));
  std::vector<ir::ValueRef> inputs, outputs;
  for (const LiveValue& value : live) inputs.push_back(value.value);
  const bool whole = begin == 0 && segment->end == order_.size();
  if (segment->end == order_.size()) {
    outputs = fetch_;
    std::set<uint32_t> once;
    std::erase_if(outputs, [&](ir::ValueRef value) { return !once.insert(value.index).second; });
  } else {
    outputs = LeftBy(constants, nodes, segment->end);
  }
  // A batch of rows that do not see each other runs row by row.
  const bool batch =
      whole && rows > 1 && std::all_of(live.begin(), live.end(), [&](const LiveValue& value) {
        return !value.dims.empty() && value.dims[0] == rows;
      });
  // What stands behind a front that ran row by row, or has no front, runs once for all rows.
  bool back = begin > 0;
  if (batch) {
    Facts single(constants, limit);
    if (infer(single, true, rows) == order_.size() &&
        RowsAreIndependent(facts, single, nodes, outputs, rows)) {
      // Up to a dense layer whose weights are worth reading once for all rows.
      const size_t front_end = FirstHeavyDense(single);
      back = front_end == 0;
      if (front_end > 0 && front_end < order_.size()) {
        segment->end = front_end;
        segment->by_row = true;
        const LowerOptions one_row{options_.integer_kernels, limit, rows >= threads ? 1 : threads};
        const std::vector<ir::NodeRef> front(order_.begin(),
                                             order_.begin() + static_cast<int64_t>(segment->end));
        AZ_ASSIGN_OR_RETURN(
            segment->plan,
            BuildPlan(single, front, inputs, LeftBy(constants, front, segment->end), one_row));
        return segment;
      }
      if (!back) {
        // The plan of one row. Rows enough for all threads: a row has one.
        std::vector<LiveValue> row = live;
        for (LiveValue& value : row) value.dims[0] /= rows;
        AZ_ASSIGN_OR_RETURN(const std::shared_ptr<const Segment> of_row,
                            SegmentAt(variant, begin, row, rows >= threads ? 1 : threads));
        segment->by_row = true;
        segment->plan = of_row->plan;
        return segment;
      }
    }
  }
  LowerOptions options{options_.integer_kernels, limit, threads};
  if (back && rows > 1) options.batch = rows;
  AZ_ASSIGN_OR_RETURN(segment->plan, BuildPlan(facts, nodes, inputs, outputs, options));
  return segment;
}

std::vector<ir::ValueRef> Program::LeftBy(const Constants& constants,
                                          const std::vector<ir::NodeRef>& nodes, size_t end) const {
  std::vector<ir::ValueRef> left;
  for (const ir::NodeRef ref : nodes) {
    for (const ir::ValueRef value : model_.graph.node(ref).outputs) {
      if (!value || last_read_[value.index] <= end || constants.IsConstant(value)) continue;
      left.push_back(value);
    }
  }
  return left;
}

size_t Program::FirstHeavyDense(Facts& one) const {
  if (!ProductsKeepRowsApart()) return order_.size();
  const ir::Graph& graph = model_.graph;
  const auto runs = [&](ir::ValueRef value) { return value && !one.IsEvaluable(value); };
  for (size_t at = 0; at < order_.size(); ++at) {
    const ir::Node& node = graph.node(order_[at]);
    if (!IsOnnx(node) || (node.op_type != "Gemm" && node.op_type != "MatMul")) continue;
    if (!runs(node.inputs[0]) || runs(node.inputs[1])) continue;
    const ValueFact *w = one.Find(node.inputs[1]), *y = one.Find(node.outputs[0]);
    if (w == nullptr || y == nullptr || w->dims.size() != 2 || y->dims.empty()) continue;
    const int64_t weights = ir::ElementCount(w->dims).value_or(0);
    const int64_t rows =
        ir::ElementCount(y->dims).value_or(0) / std::max<int64_t>(1, y->dims.back());
    if (weights < kHeavyWeights || rows > kFewRows) continue;
    // A DequantizeLinear in front belongs to the layer: what goes over the border is the bytes.
    size_t cut = at;
    while (cut > 0 && graph.node(order_[cut - 1]).op_type == "DequantizeLinear") --cut;
    // What else goes over it must be rows: no dequantized bytes, and no sizes of the batch.
    const std::vector<ir::NodeRef> front(order_.begin(),
                                         order_.begin() + static_cast<int64_t>(cut));
    for (const ir::ValueRef value : LeftBy(one.constants(), front, cut)) {
      const ir::Node& maker = graph.node(graph.value(value).producer);
      if (maker.op_type == "DequantizeLinear" || !runs(value)) return order_.size();
    }
    return cut;
  }
  return order_.size();
}

StatusOr<std::shared_ptr<const Program>> Compile(ir::Model model, CompileOptions options) {
  auto program = std::make_shared<Program>(std::move(model), std::move(options));
  AZ_RETURN_IF_ERROR(program->Prepare());
  return std::shared_ptr<const Program>(std::move(program));
}

std::vector<StepInfo> Describe(const Program& program) {
  // Planned for the declared shapes, with one row where the batch is free.
  const ir::Graph& graph = program.model().graph;
  std::vector<LiveValue> live;
  bool planned = true;
  for (const ir::ValueRef input : graph.inputs()) {
    const ir::Value& value = graph.value(input);
    if (value.is_initializer() || !program.Reads(input)) continue;
    if (!value.type.is_tensor() || !value.type.shape) {
      planned = false;
      break;
    }
    ir::Shape dims;
    for (const ir::Dim& dim : *value.type.shape) dims.push_back(dim.value.value_or(1));
    // Declared dims are claims: none is planned for that a run would refuse.
    const auto count = ir::ElementCount(dims);
    const auto bytes = count ? ir::ByteCount(value.type.dtype, *count) : std::nullopt;
    if (!bytes || *bytes > program.options().max_memory_bytes) {
      planned = false;
      break;
    }
    live.push_back({input, value.type.dtype, dims});
  }
  std::vector<StepInfo> steps;
  size_t at = 0;
  if (planned) {
    const auto variant = program.VariantFor({});
    const auto segment = program.SegmentAt(variant, 0, live, 1);
    if (segment.ok() && !(*segment)->lone) {
      for (const Step& step : (*segment)->plan->steps) steps.push_back(step.info);
      at = (*segment)->end;
    }
  }
  for (; at < program.order().size(); ++at) {
    const ir::NodeRef ref = program.order()[at];
    steps.push_back({ir::NodeLabel(graph, ref), graph.node(ref).op_type, "reference"});
  }
  return steps;
}

}  // namespace assize::engine
