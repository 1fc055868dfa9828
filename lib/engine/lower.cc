// Lowering's core: buffers, layouts, and the order of steps. Tests: tests/engine/kernels_test.cc.
#include "lib/engine/lower.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "lib/engine/dnnl_steps.h"
#include "lib/engine/kernels/strided.h"
#include "lib/ir/text.h"
#include "lib/reference/reference.h"

namespace assize::engine {

using ir::DType;

namespace {

// Below these a second thread costs more than it takes over: waking it and waiting for it is some
// microseconds, here a tenth of the work.
constexpr double kParallelMacs = 1.5e6, kParallelByteMacs = 8e6;

}  // namespace

StatusOr<std::shared_ptr<const Plan>> BuildPlan(Facts& facts, const std::vector<ir::NodeRef>& order,
                                                const std::vector<ir::ValueRef>& inputs,
                                                const std::vector<ir::ValueRef>& outputs,
                                                const LowerOptions& options) {
  return Lowering(facts, options).Build(order, inputs, outputs);
}

StatusOr<std::shared_ptr<const Plan>> Lowering::Build(const std::vector<ir::NodeRef>& order,
                                                      const std::vector<ir::ValueRef>& inputs,
                                                      std::vector<ir::ValueRef> outputs) {
  // What buffers cannot hold was computed before, by the reference, or is a constant.
  std::erase_if(outputs, [&](ir::ValueRef output) {
    const ValueFact* found = facts_.Find(output);
    return found == nullptr || found->dtype == DType::kString;
  });
  std::set<uint32_t> keep;
  for (const ir::ValueRef output : outputs) keep.insert(output.index);
  std::vector<ir::NodeRef> running;
  for (const ir::NodeRef ref : order) {
    const ir::Node& n = graph_.node(ref);
    const bool runs = std::any_of(n.outputs.begin(), n.outputs.end(),
                                  [&](ir::ValueRef v) { return v && !facts_.IsEvaluable(v); });
    if (runs) running.push_back(ref);
  }
  const std::vector<Unit> units =
      MakeUnits(facts_, running, keep, {options_.integer_kernels, HasExactInt8()});
  // Backwards: which units does anybody need?
  std::set<uint32_t> wanted = keep;
  std::vector<const Unit*> needed;
  for (size_t i = units.size(); i-- > 0;) {
    const Unit& unit = units[i];
    const bool used = std::any_of(unit.writes.begin(), unit.writes.end(),
                                  [&](ir::ValueRef v) { return wanted.contains(v.index); });
    if (!used) continue;
    needed.push_back(&unit);
    for (const ir::ValueRef read : unit.reads) wanted.insert(read.index);
  }
  std::reverse(needed.begin(), needed.end());
  for (const ir::ValueRef output : outputs) ++uses_left_[output.index];
  for (const Unit* unit : needed) {
    for (const ir::ValueRef read : unit->reads) ++uses_left_[read.index];
  }
  for (const ir::ValueRef input : inputs) {
    const ValueFact& f = fact(input);
    Operand operand{-1, f.dtype, f.dims, Layout::kPlain};
    Storage storage{Storage::Kind::kFeed, operand.bytes()};
    storage.index = static_cast<int>(plan_.inputs.size());
    operand.storage = AddStorage(std::move(storage));
    plan_.inputs.push_back({input, f.dtype, f.dims, operand.storage, operand.bytes()});
    Bind(input, operand);
  }
  for (const Unit* unit : needed) {
    AZ_RETURN_IF_ERROR(Emit(*unit));
    // An array that lives from here on to its last reader is planned by its steps; only the count
    // is kept.
  }
  std::set<int> claimed;
  for (const ir::ValueRef output : outputs) {
    current_label_ = graph_.value(output).name;
    current_op_ = "output";
    Operand operand = Get(output);
    if (!operand.defined()) return NotComputed(output);
    operand = In(operand, Layout::kPlain, "plain");
    const int index = static_cast<int>(plan_.outputs.size());
    Storage& storage = plan_.storages[static_cast<size_t>(operand.storage)];
    // The last writer may as well write where the result belongs.
    const bool last = std::none_of(outputs.begin(), outputs.end(), [&](ir::ValueRef other) {
      const auto found = operands_.find(other.index);
      return other != output && found != operands_.end() &&
             found->second.storage == operand.storage;
    });
    if (storage.kind == Storage::Kind::kArena && storage.bytes == operand.bytes() && last &&
        claimed.insert(operand.storage).second) {
      storage.kind = Storage::Kind::kOutput;
      storage.index = index;
    } else {
      Storage result{Storage::Kind::kOutput, operand.bytes()};
      result.index = index;
      Operand to = operand;
      to.storage = AddStorage(std::move(result));
      AddCopy(operand, to, "own:copy");
      operand = to;
    }
    plan_.outputs.push_back(
        {output, operand.dtype, operand.dims, operand.storage, operand.bytes()});
  }
  for (Step& step : plan_.steps) {
    plan_.threads = std::max(plan_.threads, step.threads);
    std::set<int> touched(step.reads.begin(), step.reads.end());
    touched.insert(step.writes.begin(), step.writes.end());
    for (const int storage : touched)
      step.info.bytes += plan_.storages[static_cast<size_t>(storage)].bytes;
  }
  AZ_RETURN_IF_ERROR(PlaceStorages(plan_, options_.max_memory_bytes));
  return std::make_shared<const Plan>(std::move(plan_));
}

Status Lowering::Emit(const Unit& unit) {
  current_label_ = ir::NodeLabel(graph_, unit.head);
  current_op_ = graph_.node(unit.head).op_type;
  // This unit's own reads do not keep its operands alive for others.
  for (const ir::ValueRef read : unit.reads) --uses_left_[read.index];
  if (TryNative(unit)) return OkStatus();
  // As written: the nodes one by one, with what the unit had skipped over in front.
  if (unit.nodes.size() == 1 && unit.kind == Unit::Kind::kNode) return EmitReference(unit.head);
  for (const ir::ValueRef read : unit.reads) ++uses_left_[read.index];
  std::vector<ir::NodeRef> in_order;
  // Depth first: what a node reads stands before it.
  std::vector<std::pair<ir::NodeRef, bool>> stack;
  for (size_t i = unit.nodes.size(); i-- > 0;) stack.emplace_back(unit.nodes[i], false);
  while (!stack.empty()) {
    const auto [ref, ready] = stack.back();
    stack.pop_back();
    if (std::find(in_order.begin(), in_order.end(), ref) != in_order.end()) continue;
    if (ready) {
      in_order.push_back(ref);
      continue;
    }
    stack.emplace_back(ref, true);
    for (const ir::ValueRef input : graph_.node(ref).inputs) {
      if (!input || operands_.contains(input.index) || facts_.IsEvaluable(input)) continue;
      const ir::NodeRef producer = graph_.value(input).producer;
      if (producer) stack.emplace_back(producer, false);
    }
  }
  for (const ir::NodeRef ref : in_order) {
    current_label_ = ir::NodeLabel(graph_, ref);
    current_op_ = graph_.node(ref).op_type;
    Unit single;
    single.head = ref;
    single.nodes = {ref};
    for (const ir::ValueRef output : graph_.node(ref).outputs) {
      if (output) ++uses_left_[output.index];  // kept: nobody counted the readers inside the unit
    }
    if (!TryNative(single)) AZ_RETURN_IF_ERROR(EmitReference(ref));
  }
  return OkStatus();
}

bool Lowering::TryNative(const Unit& unit) {
  const size_t steps = plan_.steps.size(), storages = plan_.storages.size(), bound = bound_.size();
  bool done = false;
  if (CatchDnnl([&] { done = EmitNative(unit); }) && done) return true;
  // Nothing of the attempt may stay.
  while (bound_.size() > bound) {
    const auto [value, storage] = bound_.back();
    bound_.pop_back();
    operands_.erase(value);
    std::erase(tenants_[static_cast<size_t>(storage)], value);
  }
  plan_.steps.resize(steps);
  plan_.storages.resize(storages);
  tenants_.resize(storages);
  return false;
}

bool Lowering::EmitNative(const Unit& unit) {
  switch (unit.kind) {
    case Unit::Kind::kContraction:
      return current_op_ == "Conv" ? LowerConv(unit) : LowerMatMul(unit);
    case Unit::Kind::kQuantUnary:
      return LowerQuantUnary(unit);
    case Unit::Kind::kQuantBinary:
      return LowerQuantBinary(unit);
    case Unit::Kind::kQuantMove:
      return LowerQuantMove(unit);
    case Unit::Kind::kQuantAverage:
      return LowerQuantAverage(unit);
    case Unit::Kind::kQuantResize:
      return LowerResize(unit);
    case Unit::Kind::kActivation:
      return LowerActivation(unit);
    case Unit::Kind::kLayerNorm:
      return LowerLayerNorm(unit);
    case Unit::Kind::kAttention:
      return LowerAttention(unit);
    case Unit::Kind::kAffine:
      return LowerAffine(unit);
    case Unit::Kind::kShuffle:
      return LowerShuffle(unit);
    case Unit::Kind::kScaledSums:
      return LowerMatMulInteger(unit) || LowerConvInteger(unit);
    case Unit::Kind::kNode:
      break;
  }
  const ir::Node& n = node(unit);
  if (n.outputs.empty()) return false;
  if (!n.outputs[0]) return LowerRecurrent(unit);  // only these may leave their first output away
  for (const ir::ValueRef value : n.outputs) {
    if (value && ir::ElementCount(fact(value).dims).value_or(0) == 0) return false;
  }
  for (const ir::ValueRef value : n.inputs) {
    if (value && ir::ElementCount(fact(value).dims).value_or(0) == 0 && !facts_.IsEvaluable(value))
      return false;
  }
  if (!IsOnnx(n)) return LowerContrib(unit);
  if (n.op_type == "QuantizeLinear") return LowerQuantize(unit);
  if (n.op_type == "DequantizeLinear") return LowerDequantize(unit);
  if (LowerDynamicQuantize(unit) || LowerMatMulInteger(unit) || LowerConvInteger(unit)) return true;
  return LowerUnary(unit) || LowerBinary(unit) || LowerBatchNormalization(unit) ||
         LowerSoftmax(unit) || LowerPool(unit) || LowerLrn(unit) || LowerGroupNorm(unit) ||
         LowerMeanVariance(unit) || LowerMean(unit) || LowerReduce(unit) || LowerResize(unit) ||
         LowerCast(unit) || LowerGather(unit) || LowerLogic(unit) || LowerWhere(unit) ||
         LowerRepeat(unit) || LowerArg(unit) || LowerTopK(unit) || LowerIndexing(unit) ||
         LowerRecurrent(unit) || LowerConvTranspose(unit) || LowerEinsum(unit) ||
         LowerAttentionOp(unit) || LowerMove(unit);
}

Status Lowering::EmitReference(ir::NodeRef ref) {
  const ir::Node& n = graph_.node(ref);
  std::vector<Operand> inputs(n.inputs.size()), reads, outputs(n.outputs.size()), writes;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!n.inputs[i]) continue;
    inputs[i] = Plain(n.inputs[i]);
    if (!inputs[i].defined()) return NotComputed(n.inputs[i]);
    reads.push_back(inputs[i]);
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!n.outputs[i]) continue;
    const ValueFact& f = fact(n.outputs[i]);
    outputs[i] = NewArray(f.dtype, f.dims, Layout::kPlain);
    writes.push_back(outputs[i]);
  }
  const ir::Model* model = &facts_.constants().model();
  const int64_t limit = options_.max_memory_bytes;
  AddStep("reference", reads, writes,
          [model, ref, inputs, outputs, limit](const StepContext& c) -> Status {
            std::vector<reference::RuntimeValue> values(inputs.size());
            for (size_t i = 0; i < inputs.size(); ++i) {
              if (!inputs[i].defined()) continue;
              const std::byte* from = c.at<std::byte>(inputs[i]);
              values[i] = reference::RuntimeValue::Of(ir::Tensor::FromBytes(
                  inputs[i].dtype, inputs[i].dims, {from, from + inputs[i].bytes()}));
            }
            reference::Limits limits;
            limits.max_tensor_bytes = limit;
            AZ_ASSIGN_OR_RETURN(
                const std::vector<reference::RuntimeValue> results,
                reference::EvaluateNode(*model, model->graph, ref, values, {}, limits));
            for (size_t i = 0; i < outputs.size(); ++i) {
              if (!outputs[i].defined()) continue;
              const ir::Tensor& got = results[i].tensor;
              if (!results[i].is_tensor() || got.dtype() != outputs[i].dtype ||
                  got.dims() != outputs[i].dims) {
                return Internal("result {} is {}, planned as {} {}", i, got.TypeText(),
                                ir::ShortNameOf(outputs[i].dtype), ir::ShapeText(outputs[i].dims));
              }
              if (!got.bytes().empty())
                std::memcpy(c.at<std::byte>(outputs[i]), got.bytes().data(), got.bytes().size());
            }
            return OkStatus();
          });
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].defined()) Bind(n.outputs[i], outputs[i]);
  }
  return OkStatus();
}

Status Lowering::NotComputed(ir::ValueRef value) {
  const std::string& name = graph_.value(value).name;
  if (facts_.constants().IsConstant(value)) {
    const auto tensor = facts_.constants().Get(value);
    if (!tensor.ok()) return tensor.status();
  }
  if (facts_.IsEvaluable(value)) {
    return InvalidArgument("value \"{}\" cannot be computed from the shapes of what is fed", name);
  }
  return Internal("value \"{}\" was never computed", name);
}

Operand Lowering::Get(ir::ValueRef value, bool aligned) {
  if (!value) return {};
  const auto found = operands_.find(value.index);
  if (found != operands_.end()) return found->second;
  const ir::Tensor* tensor = facts_.Known(value);
  if (tensor == nullptr || tensor->dtype() == DType::kString) return {};
  auto keep = std::make_shared<const ir::Tensor>(*tensor);
  const std::span<const std::byte> bytes = aligned ? keep->bytes() : keep->raw_bytes();
  Storage storage{Storage::Kind::kConstant, static_cast<int64_t>(bytes.size())};
  storage.constant = bytes.data();
  storage.owner = keep;
  Operand operand{AddStorage(std::move(storage)), tensor->dtype(), tensor->dims(), Layout::kPlain};
  if (aligned) Bind(value, operand);
  return operand;
}

void Lowering::Bind(ir::ValueRef value, const Operand& operand) {
  operands_[value.index] = operand;
  bound_.emplace_back(value.index, operand.storage);
  tenants_[static_cast<size_t>(operand.storage)].push_back(value.index);
}

Operand Lowering::In(const Operand& operand, Layout layout, const std::string& why) {
  if (!operand.defined() || operand.layout == layout) return operand;
  Operand view = operand;
  view.layout = layout;
  if (LayoutsCoincide(operand.dims)) return view;
  view = NewArray(operand.dtype, operand.dims, layout);
  AddCopy(operand, view, "own:reorder:" + why);
  return view;
}

Operand Lowering::NewArray(DType dtype, ir::Shape dims, Layout layout) {
  Operand operand{-1, dtype, std::move(dims), layout};
  operand.storage = AddStorage({Storage::Kind::kArena, operand.bytes()});
  return operand;
}

Operand Lowering::Constant(DType dtype, ir::Shape dims, const void* data, int64_t bytes) {
  const std::shared_ptr<std::byte> memory = AllocateAligned(bytes);
  if (bytes > 0) std::memcpy(memory.get(), data, static_cast<size_t>(bytes));
  Storage storage{Storage::Kind::kConstant, bytes};
  storage.constant = memory.get();
  storage.owner = memory;
  return {AddStorage(std::move(storage)), dtype, std::move(dims), Layout::kPlain};
}

Operand Lowering::ConstantFloats(const std::vector<float>& values) {
  const int64_t count = static_cast<int64_t>(values.size());
  return Constant(DType::kFloat, {count}, values.data(), count * 4);
}

bool Lowering::DiesHere(const Operand& operand) const {
  const size_t storage = static_cast<size_t>(operand.storage);
  if (plan_.storages[storage].kind != Storage::Kind::kArena) return false;
  return std::none_of(tenants_[storage].begin(), tenants_[storage].end(), [&](uint32_t value) {
    const auto left = uses_left_.find(value);
    return left != uses_left_.end() && left->second > 0;
  });
}

Operand Lowering::ResultLike(const Operand& source, DType dtype) {
  Operand result = source;
  result.dtype = dtype;
  if (DiesHere(source) && ir::BitsOf(dtype) == ir::BitsOf(source.dtype)) return result;
  return NewArray(dtype, source.dims, source.layout);
}

int Lowering::AddStorage(Storage storage) {
  plan_.storages.push_back(std::move(storage));
  tenants_.emplace_back();
  return static_cast<int>(plan_.storages.size()) - 1;
}

void Lowering::AddStep(const std::string& kernel, std::vector<Operand> reads,
                       std::vector<Operand> writes, std::function<Status(const StepContext&)> run) {
  Step step;
  step.info = {current_label_, current_op_, kernel};
  for (const Operand& operand : reads) step.reads.push_back(operand.storage);
  for (const Operand& operand : writes) step.writes.push_back(operand.storage);
  step.run = std::move(run);
  plan_.steps.push_back(std::move(step));
}

void Lowering::AddDnnl(const std::string& kernel, const dnnl::primitive& primitive,
                       std::vector<DnnlArgument> arguments, int64_t samples, const Work& work) {
  Step step;
  step.info = {current_label_, current_op_, kernel, work.operations, work.integer};
  step.threads = work.threads;
  SetDnnlStep(step, primitive, std::move(arguments), samples);
  plan_.steps.push_back(std::move(step));
}

void Lowering::CountWork(const Work& work) {
  plan_.steps.back().info.operations = work.operations;
  plan_.steps.back().info.integer = work.integer;
}

Work Lowering::WorkOf(double macs, bool integer) const {
  return {2 * macs, integer,
          macs >= (integer ? kParallelByteMacs : kParallelMacs) ? options_.threads : 1};
}

int Lowering::PackedWeights(const Unit& unit, const dnnl::memory::desc& order,
                            const std::function<std::shared_ptr<std::byte>()>& make) {
  std::vector<uint32_t> nodes;
  for (const ir::NodeRef ref : unit.nodes) nodes.push_back(ref.index);
  const auto packed = facts_.constants().packed().Get(nodes, order, make);
  Storage storage{Storage::Kind::kConstant, static_cast<int64_t>(order.get_size())};
  storage.constant = packed.get();
  storage.owner = packed;
  return AddStorage(std::move(storage));
}

std::shared_ptr<std::byte> Lowering::PackedOnce(const ir::Tensor& weights,
                                                const dnnl::memory::desc& from,
                                                const dnnl::memory::desc& to) {
  const std::shared_ptr<std::byte> packed = Reordered(weights.raw_bytes().data(), from, to);
  weights.Release();
  return packed;
}

std::vector<float> Lowering::CopiedFloats(const ir::Tensor& weights) {
  const std::span<const std::byte> raw = weights.raw_bytes();
  std::vector<float> values(raw.size() / sizeof(float));
  if (!raw.empty()) std::memcpy(values.data(), raw.data(), raw.size());
  weights.Release();
  return values;
}

void Lowering::AddScratchpad(const dnnl::memory::desc& desc, std::vector<DnnlArgument>& arguments) {
  const int64_t bytes = static_cast<int64_t>(desc.get_size());
  if (bytes == 0) return;
  arguments.push_back({DNNL_ARG_SCRATCHPAD, desc, AddStorage({Storage::Kind::kArena, bytes})});
}

void Lowering::AddCopy(const Operand& from, const Operand& to, const std::string& kernel) {
  if (from.layout == to.layout) {  // of packed elements too
    AddStep(kernel, {from}, {to}, [from, to](const StepContext& c) {
      std::memcpy(c.at<std::byte>(to), c.at<std::byte>(from), static_cast<size_t>(from.bytes()));
      return OkStatus();
    });
    return;
  }
  const auto copy =
      PlanStridedCopy(from.dims, from.strides(), to.strides(), ir::BitsOf(from.dtype) / 8);
  AddStep(kernel, {from}, {to}, [copy, from, to](const StepContext& c) {
    StridedCopy(copy, c.at<std::byte>(from), c.at<std::byte>(to));
    return OkStatus();
  });
}

}  // namespace assize::engine
