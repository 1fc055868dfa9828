// The driver of inference: walks a graph in execution order, applies the rule of each op, and
// reconciles what comes out with what the file declares. Tests: tests/analysis/infer_test.cc.
#include "lib/analysis/infer.h"

#include <map>

#include "lib/analysis/infer_context.h"
#include "lib/analysis/schema.h"
#include "lib/ir/editor.h"
#include "lib/ir/text.h"

namespace assize::analysis {

using ir::Graph;
using ir::NodeRef;
using ir::Type;
using ir::Value;
using ir::ValueRef;

namespace {

// Functions and subgraphs nest at most this deep; deeper ones stay without types.
constexpr int kMaxDepth = 64;
// Nodes looked at inside calls of functions, over a whole model. Functions that call each other
// twice double at every level; beyond this their results stay without types.
constexpr int64_t kMaxExpandedNodes = 1'000'000;

std::optional<ShapeData> DataOfTensor(const ir::Tensor& tensor) {
  const bool whole = tensor.dtype() == ir::DType::kInt64 || tensor.dtype() == ir::DType::kInt32;
  if (!whole || tensor.rank() > 1 || tensor.element_count() > kMaxShapeData) return std::nullopt;
  return ShapeData{KnownDims(tensor.ToInts()), tensor.rank() == 0};
}

// Why a declared type cannot be what was inferred; empty when it can.
std::string Contradiction(const Type& declared, const Type& inferred) {
  if (declared.kind == Type::Kind::kUnset || inferred.kind == Type::Kind::kUnset) return "";
  const auto text = [&] {
    return fmt::format("is declared {} and comes out as {}", ir::TypeText(declared),
                       ir::TypeText(inferred));
  };
  if (declared.kind != inferred.kind) return text();
  if (!declared.is_tensor()) return "";
  if (declared.dtype != ir::DType::kUndefined && declared.dtype != inferred.dtype) return text();
  if (!declared.shape || !inferred.shape) return "";
  if (declared.shape->size() != inferred.shape->size()) return text();
  for (size_t i = 0; i < declared.shape->size(); ++i) {
    if (Differ((*declared.shape)[i], (*inferred.shape)[i])) return text();
  }
  return "";
}

// `inferred`, with its gaps filled from `declared`, which does not contradict it.
Type Refined(const Type& inferred, const Type& declared) {
  if (inferred.kind == Type::Kind::kUnset) return declared;
  if (!inferred.is_tensor() || !declared.is_tensor() || !declared.shape) return inferred;
  Type refined = inferred;
  if (!refined.shape) {
    refined.shape = declared.shape;
    return refined;
  }
  for (size_t i = 0; i < refined.shape->size(); ++i) {
    (*refined.shape)[i] = Meet((*refined.shape)[i], (*declared.shape)[i]);
  }
  return refined;
}

}  // namespace

// One graph with its table, and the graphs around it.
class Inferencer {
 public:
  struct Scope {
    const Scope* outer = nullptr;
    const Graph* graph = nullptr;
    TypeTable* table = nullptr;
    std::unordered_map<uint64_t, ShapeData> data;
  };

  Inferencer(const ir::Model& model, const InferOptions& options,
             std::vector<InferProblem>* problems)
      : model_(model), options_(options), problems_(problems) {}

  // Types of `graph`; `inputs`, when given, are the types of its inputs in order.
  TypeTable Infer(const Graph& graph, const std::vector<ir::OpsetImport>& imports,
                  const Scope* outer, const std::vector<Type>* inputs) {
    TypeTable table;
    Scope scope{outer, &graph, &table, {}};
    SetSources(scope, inputs);
    for (NodeRef node = graph.first_node(); node; node = graph.next_node(node))
      InferNode(scope, imports, node);
    for (const auto& [slot, data] : scope.data) KeepKnown(table, slot, data);
    return table;
  }

  static std::vector<Type> OutputTypes(const Graph& graph, const TypeTable& table) {
    std::vector<Type> types;
    for (const ValueRef v : graph.outputs()) types.push_back(table.type(v));
    return types;
  }

 private:
  // What a rule sees of one node.
  class Node final : public InferContext {
   public:
    Node(Inferencer& owner, Scope& scope, const std::vector<ir::OpsetImport>& imports,
         NodeRef of_node, int64_t opset_version)
        : InferContext(*scope.graph, of_node, opset_version),
          owner_(owner),
          scope_(scope),
          imports_(imports) {}
    const Type& TypeOf(ValueRef value) const override { return scope_.table->type(value); }
    std::optional<ShapeData> DataOf(ValueRef value) const override {
      if (const auto found = scope_.data.find(TypeTable::KeyOf(value)); found != scope_.data.end())
        return found->second;
      return std::nullopt;
    }
    std::optional<ir::Tensor> TensorOf(ValueRef value) const override {
      if (const ir::Tensor* tensor = scope_.table->known(value)) return *tensor;
      const auto data = DataOf(value);
      std::vector<int64_t> numbers;
      if (!data) return std::nullopt;
      for (const Dim& d : data->values) {
        if (!d.known()) return std::nullopt;
        numbers.push_back(*d.value);
      }
      if (data->scalar) return ir::Tensor::Of<int64_t>({}, numbers);
      return ir::Tensor::Of<int64_t>({static_cast<int64_t>(numbers.size())}, numbers);
    }
    void SetType(ValueRef value, Type type) override {
      scope_.table->types_[TypeTable::KeyOf(value)] = std::move(type);
    }
    void SetData(ValueRef value, ShapeData data) override {
      if (static_cast<int64_t>(data.values.size()) <= kMaxShapeData)
        scope_.data[TypeTable::KeyOf(value)] = std::move(data);
    }
    void SetInts(ValueRef value, ir::DType dtype, SmallInts ints) override {
      if (static_cast<int64_t>(ints.values.size()) > kMaxShapeData) return;
      if (dtype == ir::DType::kInt64) {
        KeepConstant(scope_, value, ir::Tensor::Of<int64_t>(ints.dims, ints.values));
      } else if (dtype == ir::DType::kInt32) {
        std::vector<int32_t> narrow;
        for (const int64_t v : ints.values) {
          if (v < INT32_MIN || v > INT32_MAX) return;
          narrow.push_back(static_cast<int32_t>(v));
        }
        KeepConstant(scope_, value, ir::Tensor::Of<int32_t>(ints.dims, narrow));
      }
    }
    std::vector<Type> InferSubgraph(const Graph& subgraph,
                                    const std::vector<Type>& inputs) override {
      if (owner_.depth_ >= kMaxDepth) return {};
      ++owner_.depth_;
      auto inner = std::make_shared<TypeTable>(owner_.Infer(subgraph, imports_, &scope_, &inputs));
      --owner_.depth_;
      std::vector<Type> types = OutputTypes(subgraph, *inner);
      scope_.table->inner_[&subgraph] = std::move(inner);
      return types;
    }

   private:
    Inferencer& owner_;
    Scope& scope_;
    const std::vector<ir::OpsetImport>& imports_;
  };

  void Report(InferProblem::Kind kind, std::string place, std::string message) {
    if (problems_ != nullptr) problems_->push_back({kind, std::move(place), std::move(message)});
  }

  Type Bound(Type type, bool is_input) const {
    if (!type.is_tensor() || !type.shape) return type;
    for (size_t i = 0; i < type.shape->size(); ++i) {
      Dim& dim = (*type.shape)[i];
      if (dim.known() && *dim.value < 0) dim = Dim{};  // some writers mean "unknown" by -1
      if (dim.known()) continue;
      for (const auto& [name, value] : options_.bind) {
        if (!dim.param.empty() && dim.param == name) dim = Known(value);
      }
      if (!dim.known() && is_input && i == 0 && options_.bind_batch)
        dim = Known(*options_.bind_batch);
    }
    return type;
  }

  // Types of what no node of the graph produces.
  void SetSources(Scope& scope, const std::vector<Type>* inputs) {
    const Graph& graph = *scope.graph;
    std::unordered_map<uint32_t, const Type*> given;
    for (size_t i = 0; inputs != nullptr && i < graph.inputs().size() && i < inputs->size(); ++i) {
      given[graph.inputs()[i].index] = &(*inputs)[i];
    }
    for (const ValueRef ref : graph.values()) {
      const Value& value = graph.value(ref);
      if (value.producer) continue;
      Type& type = scope.table->types_[TypeTable::KeyOf(ref)];
      type = Bound(value.type, value.is_input);
      if (const auto found = given.find(ref.index); found != given.end()) {
        const Type& passed = *found->second;
        type = Contradiction(type, passed).empty() ? Refined(passed, type) : passed;
      }
      if (value.is_capture) TakeFromOuter(scope, ref);
      if (value.initializer && (!value.is_input || type.kind == Type::Kind::kUnset)) {
        type = Type::TensorOf(value.initializer->tensor.dtype(), value.initializer->tensor.dims());
      } else if (value.sparse_initializer && type.kind == Type::Kind::kUnset) {
        type = Type::TensorOf(value.sparse_initializer->values.dtype(),
                              value.sparse_initializer->dims);
      }
      if (const ir::Tensor* constant = graph.ConstantOf(ref)) KeepConstant(scope, ref, *constant);
    }
  }

  static void KeepConstant(Scope& scope, ValueRef ref, const ir::Tensor& tensor) {
    scope.table->known_[TypeTable::KeyOf(ref)] = tensor;
    if (auto data = DataOfTensor(tensor)) scope.data[TypeTable::KeyOf(ref)] = std::move(*data);
  }

  static void TakeFromOuter(Scope& scope, ValueRef ref) {
    const std::string& name = scope.graph->value(ref).name;
    for (const Scope* s = scope.outer; s != nullptr; s = s->outer) {
      const ValueRef found = s->graph->FindValue(name);
      if (!found) continue;
      scope.table->types_[TypeTable::KeyOf(ref)] = s->table->type(found);
      if (const auto it = s->data.find(TypeTable::KeyOf(found)); it != s->data.end())
        scope.data[TypeTable::KeyOf(ref)] = it->second;
      if (const ir::Tensor* tensor = s->table->known(found))
        scope.table->known_[TypeTable::KeyOf(ref)] = *tensor;
      return;
    }
  }

  static void KeepKnown(TypeTable& table, uint64_t slot, const ShapeData& data) {
    if (table.known_.count(slot) != 0) return;
    std::vector<int64_t> numbers;
    for (const Dim& d : data.values) {
      if (!d.known()) return;
      numbers.push_back(*d.value);
    }
    const auto count = static_cast<int64_t>(numbers.size());
    const ir::Shape dims = data.scalar ? ir::Shape{} : ir::Shape{count};
    const auto type = table.types_.find(slot);
    if (type != table.types_.end() && type->second.dtype == ir::DType::kInt32) {
      std::vector<int32_t> narrow;
      for (const int64_t v : numbers) {
        if (v < INT32_MIN || v > INT32_MAX) return;
        narrow.push_back(static_cast<int32_t>(v));
      }
      table.known_[slot] = ir::Tensor::Of<int32_t>(dims, narrow);
    } else {
      table.known_[slot] = ir::Tensor::Of<int64_t>(dims, numbers);
    }
  }

  void InferNode(Scope& scope, const std::vector<ir::OpsetImport>& imports, NodeRef ref) {
    const Graph& graph = *scope.graph;
    const ir::Node& node = graph.node(ref);
    const bool main_domain = ir::IsMainDomain(node.domain);
    int64_t opset = 0;
    for (const ir::OpsetImport& import : imports) {
      const bool same =
          import.domain == node.domain || (main_domain && ir::IsMainDomain(import.domain));
      if (same) opset = import.version;
    }
    Node context(*this, scope, imports, ref, opset);
    Status status;
    if (const ir::Function* function =
            model_.FindFunction(node.domain, node.op_type, node.overload)) {
      InferCall(context, *function);
    } else if (const InferRule rule = FindInferRule(node.domain, node.op_type)) {
      status = rule(context);
    } else if (const OpSchema* schema = FindSchema(node.domain, node.op_type, opset)) {
      InferBySchema(context, *schema);
    }
    if (!status.ok()) {
      const std::string label = ir::NodeLabel(graph, ref);
      std::string message = Message(status);
      if (message.rfind(label + ": ", 0) == 0) message = message.substr(label.size() + 2);
      Report(InferProblem::Kind::kMismatch, label, message);
      for (const ValueRef v : node.outputs) {
        if (v) scope.table->types_.erase(TypeTable::KeyOf(v));
      }
    }
    if (node.Is("Constant") || node.Is("Constant", "ai.onnx")) {
      if (const auto tensor = ConstantValue(graph, OutputAt(node, 0)))
        KeepConstant(scope, node.outputs[0], *tensor);
    }
    for (const ValueRef v : node.outputs) {
      if (v) Reconcile(scope, v);
    }
  }

  void Reconcile(Scope& scope, ValueRef ref) {
    const Value& value = scope.graph->value(ref);
    Type& type = scope.table->types_[TypeTable::KeyOf(ref)];
    const Type declared = Bound(value.type, false);
    const std::string contradiction = Contradiction(declared, type);
    if (!contradiction.empty()) {
      Report(InferProblem::Kind::kStaleDeclaration, fmt::format("value \"{}\"", value.name),
             contradiction);
    }
    if (options_.ignore_declared) return;
    if (contradiction.empty())
      type = Refined(type, declared);
    else if (options_.trust_declared)
      type = declared;
  }

  void InferCall(Node& context, const ir::Function& function) {
    if (depth_ >= kMaxDepth) return;
    expanded_nodes_ += static_cast<int64_t>(function.body.node_count()) + 1;
    if (expanded_nodes_ > kMaxExpandedNodes) return;
    const Graph body = WithAttributes(function, context.node);
    std::vector<Type> inputs;
    for (size_t i = 0; i < body.inputs().size(); ++i) inputs.push_back(context.type(i));
    ++depth_;
    std::vector<InferProblem>* const problems = std::exchange(problems_, nullptr);
    const TypeTable table = Infer(body, function.opset_imports, nullptr, &inputs);
    problems_ = problems;
    --depth_;
    const std::vector<Type> outputs = OutputTypes(body, table);
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].kind != Type::Kind::kUnset) context.Set(i, outputs[i]);
    }
  }

  // The body with references to the function's attributes replaced by what the call (or the
  // default) says.
  static Graph WithAttributes(const ir::Function& function, const ir::Node& call) {
    Graph body = function.body;
    ir::Editor edit(body);
    for (const NodeRef ref : body.nodes()) {
      const std::vector<ir::Attribute> attributes = body.node(ref).attributes;
      for (const ir::Attribute& attribute : attributes) {
        if (attribute.ref_name.empty()) continue;
        const ir::Attribute* value = call.FindAttribute(attribute.ref_name);
        for (const ir::Attribute& d : function.attribute_defaults) {
          if (value == nullptr && d.name == attribute.ref_name) value = &d;
        }
        if (value == nullptr) {
          edit.RemoveAttribute(ref, attribute.name);
          continue;
        }
        ir::Attribute bound = *value;
        bound.name = attribute.name;
        edit.SetAttribute(ref, std::move(bound));
      }
    }
    return body;
  }

  // No rule for the op: its schema still tells element types.
  static void InferBySchema(Node& context, const OpSchema& schema) {
    std::map<std::string, ir::DType> bound;
    for (size_t i = 0; i < context.node.inputs.size(); ++i) {
      const OpSchema::Formal* formal = schema.InputFormal(i);
      if (formal != nullptr && context.dtype(i) != ir::DType::kUndefined)
        bound.emplace(formal->type, context.dtype(i));
    }
    for (size_t i = 0; i < context.node.outputs.size(); ++i) {
      const OpSchema::Formal* formal = schema.OutputFormal(i);
      if (formal == nullptr) continue;
      std::string name = formal->type;
      if (const OpSchema::Constraint* constraint = schema.FindConstraint(name)) {
        if (const auto found = bound.find(name); found != bound.end()) {
          context.Set(i, found->second, std::nullopt);
          continue;
        }
        if (constraint->types->size() != 1) continue;
        name = constraint->types->front();
      }
      if (const auto dtype = ir::DTypeFromName(name)) context.Set(i, *dtype, std::nullopt);
    }
  }

  const ir::Model& model_;
  const InferOptions& options_;
  std::vector<InferProblem>* problems_;
  int depth_ = 0;
  int64_t expanded_nodes_ = 0;
};

const Type& TypeTable::type(ValueRef value) const {
  static const Type unset;
  const auto found = types_.find(KeyOf(value));
  return found == types_.end() ? unset : found->second;
}

std::optional<int64_t> TypeTable::rank(ValueRef value) const {
  const Type& t = type(value);
  if (!t.is_tensor() || !t.shape) return std::nullopt;
  return static_cast<int64_t>(t.shape->size());
}

const ir::Tensor* TypeTable::known(ValueRef value) const {
  const auto found = known_.find(KeyOf(value));
  return found == known_.end() ? nullptr : &found->second;
}

const TypeTable* TypeTable::inner(const Graph& subgraph) const {
  const auto found = inner_.find(&subgraph);
  return found == inner_.end() ? nullptr : found->second.get();
}

TypeTable InferTypesLeniently(const ir::Model& model, const InferOptions& options,
                              std::vector<InferProblem>* problems) {
  return Inferencer(model, options, problems)
      .Infer(model.graph, model.opset_imports, nullptr, nullptr);
}

StatusOr<TypeTable> InferTypes(const ir::Model& model, const InferOptions& options) {
  std::vector<InferProblem> problems;
  TypeTable table = InferTypesLeniently(model, options, &problems);
  for (const InferProblem& p : problems) {
    if (p.kind == InferProblem::Kind::kMismatch)
      return InvalidArgument("{}: {}", p.place, p.message);
  }
  return table;
}

TypeTable InferFunctionTypes(const ir::Model& model, const ir::Function& function) {
  InferOptions options;
  options.ignore_declared = true;
  return Inferencer(model, options, nullptr)
      .Infer(function.body, function.opset_imports, nullptr, nullptr);
}

}  // namespace assize::analysis
