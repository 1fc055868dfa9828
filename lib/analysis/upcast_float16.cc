// Substitution of types needs no inference: whatever is 16-bit becomes float everywhere at once.
// Inference only tells what crosses the border of a node that keeps its 16 bits. First every node
// is looked at, then the graphs are edited, so that a refusal leaves the model as it was. Tests:
// tests/analysis/upcast_float16_test.cc.
#include "lib/analysis/upcast_float16.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "lib/analysis/attributes.h"
#include "lib/analysis/float16_use.h"
#include "lib/analysis/infer.h"
#include "lib/analysis/schema.h"
#include "lib/ir/editor.h"
#include "lib/ir/float_formats.h"
#include "lib/ir/text.h"
#include "lib/support/parallel.h"

namespace assize::analysis {

using ir::DType;
using ir::Graph;
using ir::IsMainDomain;
using ir::NodeRef;
using ir::Type;
using ir::ValueRef;

namespace {

// Tables of fewer elements are not worth a Cast in every run.
constexpr int64_t kLargeTableElements = 1 << 16;

Type Upcast(Type type) {
  if (type.kind == Type::Kind::kTensor || type.kind == Type::Kind::kSparseTensor) {
    if (Is16(type.dtype)) type.dtype = DType::kFloat;
  } else if (type.element != nullptr && Is16(*type.element)) {
    type.element = std::make_shared<const Type>(Upcast(*type.element));
  }
  return type;
}

ir::Tensor Upcast(const ir::Tensor& tensor) {
  const std::span<const uint16_t> source = tensor.data<uint16_t>();
  std::vector<std::byte> bytes(source.size() * sizeof(float));
  const bool half = tensor.dtype() == DType::kFloat16;
  constexpr size_t kPiece = 1 << 18;
  ParallelFor(static_cast<int64_t>((source.size() + kPiece - 1) / kPiece), [&](int64_t piece) {
    const size_t begin = static_cast<size_t>(piece) * kPiece,
                 end = std::min(source.size(), begin + kPiece);
    for (size_t i = begin; i < end; ++i) {
      const float value = half ? ir::HalfToFloat(source[i]) : ir::Bfloat16ToFloat(source[i]);
      std::memcpy(&bytes[i * sizeof(float)], &value, sizeof value);
    }
  });
  return ir::Tensor::FromBytes(DType::kFloat, tensor.dims(), std::move(bytes));
}

int64_t OpsetOf(const std::vector<ir::OpsetImport>& imports, std::string_view domain) {
  for (const ir::OpsetImport& import : imports) {
    if (import.domain == domain || (IsMainDomain(import.domain) && IsMainDomain(domain)))
      return import.version;
  }
  return 1;
}

// One model being rewritten.
class Rewriter {
 public:
  explicit Rewriter(ir::Model& model) : model_(model) {
    for (const ir::Function& function : model.functions) CollectTypeParameters(function);
  }

  StatusOr<UpcastCounts> Run() {
    {
      // The tables hold tensors, which the edits are to let go one by one.
      const TypeTable types = InferTypesLeniently(model_, {}, nullptr);
      KeepTypes(model_.graph, &types);
    }
    for (const ir::Function& function : model_.functions) {
      const TypeTable types = InferFunctionTypes(model_, function);
      KeepTypes(function.body, &types);
    }
    AZ_RETURN_IF_ERROR(Look(model_.graph, model_.opset_imports, true));
    for (const ir::Function& function : model_.functions) {
      AZ_RETURN_IF_ERROR(Look(function.body, function.opset_imports, false));
    }
    ir::Editor edit(model_.graph);
    Change(edit, true);
    for (ir::Function& function : model_.functions) {
      ir::Editor body(function.body);
      Change(body, false);
      for (ir::Attribute& attribute : function.attribute_defaults) {
        ChangeAttribute(attribute, Parameters(function).contains(attribute.name));
      }
    }
    return counts_;
  }

 private:
  using NameSet = std::set<std::string, std::less<>>;

  // ---- what the file says
  // -------------------------------------------------------------------------------

  // Attributes of a function that its body uses as an element type.
  void CollectTypeParameters(const ir::Function& function) {
    NameSet& names = type_parameters_[{function.domain, function.name, function.overload}];
    for (const NodeRef ref : function.body.nodes()) {
      for (const ir::Attribute& attribute : function.body.node(ref).attributes) {
        if (!attribute.ref_name.empty() && IsTypeAttribute(attribute.name))
          names.insert(attribute.ref_name);
      }
    }
  }
  const NameSet& Parameters(const ir::Function& function) const {
    return type_parameters_.at({function.domain, function.name, function.overload});
  }

  // What was inferred, else what the file declares, of the source's values.
  void KeepTypes(const Graph& graph, const TypeTable* table) {
    std::map<ValueRef, Type>& types = types_[&graph];
    for (const ValueRef value : graph.values()) {
      const bool inferred = table != nullptr && table->type(value).kind != Type::Kind::kUnset;
      types[value] = inferred ? table->type(value) : graph.value(value).type;
    }
    // Inference has no rule for BitCast, and its result may be 16-bit out of nothing that was.
    for (const NodeRef ref : graph.nodes()) {
      const ir::Node& node = graph.node(ref);
      const ir::Attribute* const to = IsMainDomain(node.domain) && node.op_type == "BitCast"
                                          ? node.FindAttribute("to")
                                          : nullptr;
      const auto* const number = to != nullptr ? std::get_if<int64_t>(&to->value) : nullptr;
      if (number == nullptr || node.outputs.empty() || !node.outputs[0]) continue;
      types[node.outputs[0]] = Type::TensorOf(static_cast<DType>(*number));
    }
    for (const NodeRef ref : graph.nodes()) {
      ForEachSubgraph(graph.node(ref), [&](const Graph& inner) {
        KeepTypes(inner, table != nullptr ? table->inner(inner) : nullptr);
      });
    }
  }
  // Unset for values made since.
  const Type& TypeOf(const Graph& graph, ValueRef value) const {
    static const Type unset;
    const std::map<ValueRef, Type>& types = types_.at(&graph);
    const auto found = types.find(value);
    return found == types.end() ? unset : found->second;
  }

  // ---- first: which nodes keep their 16 bits
  // ------------------------------------------------------------

  Status Look(const Graph& graph, const std::vector<ir::OpsetImport>& imports, bool is_main) {
    if (is_main) AZ_RETURN_IF_ERROR(CheckSignature(graph));
    for (const NodeRef ref : graph.nodes()) {
      const ir::Node& node = graph.node(ref);
      Status inner = OkStatus();
      ForEachSubgraph(node, [&](const Graph& sub) {
        if (inner.ok()) inner = Look(sub, imports, false);
      });
      AZ_RETURN_IF_ERROR(inner);
      if (model_.FindFunction(node.domain, node.op_type, node.overload) != nullptr) continue;
      const OpSchema* const schema =
          FindSchema(node.domain, node.op_type, OpsetOf(imports, node.domain));
      if (schema == nullptr) {
        AZ_RETURN_IF_ERROR(LookAtUnknown(graph, ref));
      } else if (NeedsBits(graph, node, *schema)) {
        for (const auto* list : {&node.inputs, &node.outputs}) {
          for (const ValueRef value : *list) {
            const Type& type = TypeOf(graph, value);
            if (Is16(type) && !type.is_tensor())
              return RefuseContainer(graph.value(value).name, type);
          }
        }
        kept_[&graph].insert(ref);
      }
    }
    LookForTables(graph, is_main);
    return OkStatus();
  }

  // A Cast cannot stand at the border of a sequence, an optional or a map.
  Status RefuseContainer(const std::string& name, const Type& type) const {
    return FailedPrecondition(
        "value \"{}\" is {}: only tensors of 16-bit floats can be cast where they must stay 16-bit",
        name, ir::TypeText(type));
  }

  Status CheckSignature(const Graph& graph) const {
    for (const auto* list : {&graph.inputs(), &graph.outputs()}) {
      for (const ValueRef value : *list) {
        const Type& type = TypeOf(graph, value);
        if (Is16(type) && !type.is_tensor()) return RefuseContainer(graph.value(value).name, type);
      }
    }
    return OkStatus();
  }

  // BitCast sees the bits, a decimal text has as many digits as the type is precise, and some ops
  // know no float.
  bool NeedsBits(const Graph& graph, const ir::Node& node, const OpSchema& schema) const {
    const auto is16 = [&](ValueRef value) { return Is16(TypeOf(graph, value)); };
    const bool touches = std::any_of(node.inputs.begin(), node.inputs.end(), is16) ||
                         std::any_of(node.outputs.begin(), node.outputs.end(), is16);
    if (!touches) return false;
    if (IsMainDomain(node.domain)) {
      if (node.op_type == "BitCast") return true;
      const ir::Attribute* const to = node.op_type == "Cast" ? node.FindAttribute("to") : nullptr;
      const auto* const number = to != nullptr ? std::get_if<int64_t>(&to->value) : nullptr;
      if (number != nullptr && static_cast<DType>(*number) == DType::kString) return true;
    }
    const auto takes_no_float = [&](ValueRef value, const OpSchema::Formal* formal) {
      if (formal == nullptr || !is16(value) || !TypeOf(graph, value).is_tensor()) return false;
      const OpSchema::Constraint* const constraint = schema.FindConstraint(formal->type);
      if (constraint == nullptr) return formal->type == "float16" || formal->type == "bfloat16";
      return std::find(constraint->types->begin(), constraint->types->end(), "float") ==
             constraint->types->end();
    };
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (takes_no_float(node.inputs[i], schema.InputFormal(i))) return true;
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (takes_no_float(node.outputs[i], schema.OutputFormal(i))) return true;
    }
    return false;
  }

  // An op that nobody here knows keeps its types; what goes in and out must be known.
  Status LookAtUnknown(const Graph& graph, NodeRef ref) {
    const ir::Node& node = graph.node(ref);
    kept_[&graph].insert(ref);
    const auto unset = [&](ValueRef value) {
      return value && TypeOf(graph, value).kind == Type::Kind::kUnset;
    };
    const auto refuse = [&](ValueRef value) {
      return FailedPrecondition(
          "{}: op {}.{} is not known, and the type of its value \"{}\" is not either: 16-bit "
          "floats beside it cannot "
          "be told from others",
          ir::NodeLabel(graph, ref), node.domain, node.op_type, graph.value(value).name);
    };
    const std::set<NodeRef>& kept = kept_[&graph];
    for (const ValueRef value : node.inputs) {
      if (unset(value) && !kept.contains(graph.value(value).producer)) return refuse(value);
    }
    for (const ValueRef value : node.outputs) {
      if (!unset(value)) continue;
      if (graph.value(value).graph_output_uses > 0) return refuse(value);
      for (const ir::Use& use : graph.value(value).uses) {
        const ir::Node& reader = graph.node(use.node);
        const bool known =
            IsMainDomain(reader.domain) || !SchemaVersions(reader.domain, reader.op_type).empty() ||
            model_.FindFunction(reader.domain, reader.op_type, reader.overload) != nullptr;
        if (known || use.capture) return refuse(value);
      }
    }
    for (const ValueRef value : node.captures) {
      if (Is16(TypeOf(graph, value)) || unset(value)) return refuse(value);
    }
    bool inside = false;
    ForEachSubgraph(node, [&](const Graph& inner) { inside = inside || Mentions16(inner); });
    if (inside) {
      return FailedPrecondition("{}: op {}.{} is not known, and its subgraphs hold 16-bit floats",
                                ir::NodeLabel(graph, ref), node.domain, node.op_type);
    }
    for (const auto* list : {&node.inputs, &node.outputs}) {
      for (const ValueRef value : *list) {
        const Type& type = TypeOf(graph, value);
        if (Is16(type) && !type.is_tensor()) return RefuseContainer(graph.value(value).name, type);
      }
    }
    return OkStatus();
  }

  void LookForTables(const Graph& graph, bool is_main) {
    for (const ValueRef ref : graph.initializers()) {
      const ir::Value& value = graph.value(ref);
      if (!value.initializer || !Is16(value.initializer->tensor.dtype())) continue;
      if (value.is_input || value.graph_output_uses > 0 || value.uses.empty() || !is_main) continue;
      if (value.initializer->tensor.element_count() < kLargeTableElements) continue;
      const bool gathered =
          std::all_of(value.uses.begin(), value.uses.end(), [&](const ir::Use& use) {
            const ir::Node& node = graph.node(use.node);
            return !use.capture && use.index == 0 && IsMainDomain(node.domain) &&
                   node.op_type == "Gather";
          });
      if (!gathered) continue;
      tables_[&graph].insert(ref);
      for (const ir::Use& use : value.uses) kept_[&graph].insert(use.node);
    }
  }

  // ---- then: the edits
  // ----------------------------------------------------------------------------------

  void Change(ir::Editor& edit, bool is_main) {
    const Graph& graph = edit.graph();
    const std::set<NodeRef> kept = kept_[&graph];
    for (const NodeRef ref : graph.nodes()) {
      if (!graph.node(ref).has_subgraphs()) continue;
      edit.EditSubgraphs(ref, [&](ir::Editor& sub) { Change(sub, false); });
    }
    Borders borders;
    borders.keep_outputs = is_main;
    const std::vector<ValueRef> old_outputs = graph.outputs();
    std::map<ValueRef, Type> types16;  // before declared types change
    for (const ValueRef value : graph.values()) {
      if (const Type& type = TypeOf(graph, value); Is16(type)) types16[value] = type;
    }
    std::set<ValueRef> signature;
    if (is_main) {
      signature.insert(graph.inputs().begin(), graph.inputs().end());
      signature.insert(old_outputs.begin(), old_outputs.end());
    }
    for (const ValueRef value : graph.values())
      ChangeValue(edit, value, tables_[&graph], signature);
    if (is_main) {
      for (const ValueRef input : std::vector<ValueRef>(graph.inputs())) {
        if (!types16.contains(input)) continue;
        borders.bits16.insert(input);
        if (!graph.value(input).uses.empty())
          AddUpcast(edit, input, graph.first_node(), kept, borders);
      }
    }
    FindNarrowing(graph, kept, borders);
    borders.bits16.insert(tables_[&graph].begin(), tables_[&graph].end());
    for (const NodeRef ref : graph.nodes()) {
      if (kept.contains(ref)) {
        Surround(edit, ref, types16, kept, borders);
        continue;
      }
      if (borders.casts.contains(ref)) continue;
      const ir::Node& node = graph.node(ref);
      const ir::Function* const called =
          model_.FindFunction(node.domain, node.op_type, node.overload);
      const std::vector<ir::Attribute> attributes =
          node.has_subgraphs() ? std::vector<ir::Attribute>() : node.attributes;
      for (ir::Attribute attribute : attributes) {
        const bool names_type = called != nullptr ? Parameters(*called).contains(attribute.name)
                                                  : IsTypeAttribute(attribute.name);
        if (ChangeAttribute(attribute, names_type)) edit.SetAttribute(ref, std::move(attribute));
      }
    }
    if (is_main) RestoreOutputs(edit, old_outputs, types16, borders);
    RemoveIdleCasts(edit, kept, borders);
  }

  struct Borders {
    bool keep_outputs = false;  // the graph's outputs stay what they were
    std::set<ValueRef> bits16;  // values that are still 16-bit
    std::map<ValueRef, ValueRef>
        source_of;            // a Cast's float result -> the 16-bit value it came from
    std::set<NodeRef> casts;  // added here, or found where one is needed
  };

  static bool IsCast(const ir::Node& node, DType& to) {
    if (!IsMainDomain(node.domain) || node.op_type != "Cast" || node.inputs.size() != 1)
      return false;
    const ir::Attribute* const attribute = node.FindAttribute("to");
    const auto* const number =
        attribute != nullptr ? std::get_if<int64_t>(&attribute->value) : nullptr;
    if (number != nullptr) to = static_cast<DType>(*number);
    return number != nullptr;
  }

  // Casts of the source from float to what a node that keeps its 16 bits, or an output of the
  // model, wants.
  void FindNarrowing(const Graph& graph, const std::set<NodeRef>& kept, Borders& borders) const {
    for (const NodeRef ref : graph.nodes()) {
      const ir::Node& node = graph.node(ref);
      DType to = DType::kUndefined;
      if (!IsCast(node, to) || !Is16(to) || TypeOf(graph, node.inputs[0]).dtype != DType::kFloat)
        continue;
      const ir::Value& result = graph.value(node.outputs[0]);
      const bool wanted =
          std::all_of(result.uses.begin(), result.uses.end(),
                      [&](const ir::Use& use) { return !use.capture && kept.contains(use.node); });
      if (!wanted || (result.graph_output_uses > 0 && !borders.keep_outputs) || !result.used())
        continue;
      borders.casts.insert(ref);
      borders.bits16.insert(node.outputs[0]);
    }
  }

  void ChangeValue(ir::Editor& edit, ValueRef ref, const std::set<ValueRef>& tables,
                   const std::set<ValueRef>& signature) {
    const ir::Value& value = edit.graph().value(ref);
    if (tables.contains(ref)) return;
    if (value.is_input && signature.contains(ref))
      return;  // its default, if it has one, is of the input's type
    if (Is16(value.type) && !signature.contains(ref)) edit.SetType(ref, Upcast(value.type));
    if (value.initializer && Is16(value.initializer->tensor.dtype())) {
      edit.ReplaceInitializer(ref, Upcast(value.initializer->tensor));
      ++counts_.tensors;
    }
    if (value.sparse_initializer && Is16(value.sparse_initializer->values.dtype())) {
      ir::SparseTensor sparse = *value.sparse_initializer;
      sparse.values = Upcast(sparse.values);
      const std::string name = value.name;
      const Type type = value.type;
      const ValueRef changed =
          edit.SetSparseInitializer(edit.UniqueName(name + "_float"), std::move(sparse));
      edit.SetType(changed, type);
      edit.ReplaceAllUses(ref, changed);
      edit.RemoveValue(ref);
      edit.Rename(changed, name);
      ++counts_.tensors;
    }
  }

  bool ChangeAttribute(ir::Attribute& attribute, bool names_type) {
    if (auto* tensor = std::get_if<ir::NamedTensor>(&attribute.value)) {
      if (!Is16(tensor->tensor.dtype())) return false;
      tensor->tensor = Upcast(tensor->tensor);
      ++counts_.tensors;
      return true;
    }
    if (auto* tensors = std::get_if<std::vector<ir::NamedTensor>>(&attribute.value)) {
      bool changed = false;
      for (ir::NamedTensor& each : *tensors) {
        if (!Is16(each.tensor.dtype())) continue;
        each.tensor = Upcast(each.tensor);
        ++counts_.tensors;
        changed = true;
      }
      return changed;
    }
    if (auto* sparse = std::get_if<ir::SparseTensor>(&attribute.value)) {
      if (!Is16(sparse->values.dtype())) return false;
      sparse->values = Upcast(sparse->values);
      ++counts_.tensors;
      return true;
    }
    if (auto* type = std::get_if<Type>(&attribute.value)) {
      if (!Is16(*type)) return false;
      *type = Upcast(*type);
      return true;
    }
    auto* const number = std::get_if<int64_t>(&attribute.value);
    if (number == nullptr || !names_type || !Is16(static_cast<DType>(*number))) return false;
    *number = static_cast<int64_t>(DType::kFloat);
    return true;
  }

  ValueRef AddCast(ir::Editor& edit, ValueRef from, const std::string& name, DType to, Type type,
                   NodeRef before, Borders& borders) {
    ir::NodeSpec spec;
    spec.op_type = "Cast";
    spec.inputs = {from};
    spec.outputs = {name};
    spec.attributes = {MakeAttribute("to", static_cast<int64_t>(to))};
    const NodeRef cast = edit.AddNode(std::move(spec), before);
    type.dtype = to;
    edit.SetType(edit.output(cast), std::move(type));
    borders.casts.insert(cast);
    ++counts_.casts_added;
    return edit.output(cast);
  }

  // All that reads `from`, a 16-bit value, reads it through a Cast to float: the source's, where
  // nothing else reads it.
  void AddUpcast(ir::Editor& edit, ValueRef from, NodeRef before, const std::set<NodeRef>& kept,
                 Borders& borders) {
    const Graph& graph = edit.graph();
    const std::vector<ir::Use> uses = graph.value(from).uses;
    const bool done = std::all_of(uses.begin(), uses.end(), [&](const ir::Use& use) {
      DType to = DType::kUndefined;
      return !use.capture &&
             (kept.contains(use.node) || (IsCast(graph.node(use.node), to) && to == DType::kFloat));
    });
    if (done && (borders.keep_outputs || graph.value(from).graph_output_uses == 0)) {
      for (const ir::Use& use : uses) {
        if (kept.contains(use.node)) continue;
        borders.casts.insert(use.node);
        borders.source_of[graph.node(use.node).outputs[0]] = from;
      }
      return;
    }
    const ValueRef result = AddCast(edit, from, edit.UniqueName(graph.value(from).name + "_float"),
                                    DType::kFloat, graph.value(from).type, before, borders);
    const std::vector<ValueRef> outputs = graph.outputs();
    edit.ReplaceAllUses(from, result);
    edit.SetInput(graph.value(result).producer, 0, from);
    if (borders.keep_outputs) edit.SetOutputs(outputs);
    borders.source_of[result] = from;
  }

  // A node that keeps its 16 bits: they are made for it before and widened behind it.
  void Surround(ir::Editor& edit, NodeRef ref, const std::map<ValueRef, Type>& types16,
                const std::set<NodeRef>& kept, Borders& borders) {
    const Graph& graph = edit.graph();
    bool touches = false;
    for (size_t i = 0; i < graph.node(ref).inputs.size(); ++i) {
      const ValueRef value = graph.node(ref).inputs[i];
      if (!value) continue;
      if (const auto source = borders.source_of.find(value); source != borders.source_of.end()) {
        edit.SetInput(ref, i, source->second);
        touches = true;
        continue;
      }
      const auto type = types16.find(value);
      if (type == types16.end()) continue;
      touches = true;
      if (borders.bits16.contains(value) || !type->second.is_tensor()) continue;
      const std::string name =
          edit.UniqueName(graph.value(value).name + "_" + std::string(NameOf(type->second.dtype)));
      edit.SetInput(ref, i,
                    AddCast(edit, value, name, type->second.dtype, type->second, ref, borders));
    }
    for (const ValueRef value : std::vector<ValueRef>(graph.node(ref).outputs)) {
      const auto type = value ? types16.find(value) : types16.end();
      if (type == types16.end() || !type->second.is_tensor()) continue;
      touches = true;
      borders.bits16.insert(value);
      Type own = graph.value(value).type;
      if (own.is_tensor()) own.dtype = type->second.dtype;
      edit.SetType(value, own.is_tensor() ? own : type->second);
      if (!graph.value(value).uses.empty() || graph.value(value).graph_output_uses > 0) {
        AddUpcast(edit, value, graph.next_node(ref), kept, borders);
      }
    }
    if (touches) ++counts_.nodes_kept;
  }

  // Outputs of the main graph keep name and type: a Cast back, unless they still are what they
  // were.
  void RestoreOutputs(ir::Editor& edit, const std::vector<ValueRef>& outputs,
                      const std::map<ValueRef, Type>& types16, Borders& borders) {
    const Graph& graph = edit.graph();
    std::map<ValueRef, ValueRef> made;
    for (size_t i = 0; i < outputs.size(); ++i) {
      const ValueRef value = outputs[i];
      const auto type = types16.find(value);
      if (type == types16.end() || borders.bits16.contains(value) || !type->second.is_tensor())
        continue;
      if (const auto found = made.find(value); found != made.end()) {
        edit.SetOutput(i, found->second);
        continue;
      }
      const ir::Value before = graph.value(value);
      edit.Rename(value, edit.UniqueName(before.name + "_float"));
      const ValueRef result =
          AddCast(edit, value, before.name, type->second.dtype, type->second, {}, borders);
      edit.SetType(result, before.type);
      edit.SetValueDoc(result, before.doc, before.metadata, before.unknown_fields);
      edit.SetValueInfo(result, before.has_value_info);
      edit.SetType(value, Upcast(before.type));
      edit.SetValueDoc(value, "", {}, "");
      edit.SetValueInfo(value, false);
      edit.SetOutput(i, result);
      made[value] = result;
    }
  }

  // Casts of the source between float and 16-bit floats: both sides are float now.
  void RemoveIdleCasts(ir::Editor& edit, const std::set<NodeRef>& kept, const Borders& borders) {
    const Graph& graph = edit.graph();
    const auto is_float_now = [&](ValueRef value) {
      if (borders.source_of.contains(value)) return true;
      if (borders.bits16.contains(value)) return false;
      const Type& type = TypeOf(graph, value);
      return type.is_tensor() && (type.dtype == DType::kFloat || Is16(type.dtype));
    };
    for (const NodeRef ref : graph.nodes()) {
      const ir::Node& node = graph.node(ref);
      const bool is_cast =
          IsMainDomain(node.domain) && (node.op_type == "Cast" || node.op_type == "CastLike");
      if (!is_cast || kept.contains(ref) || borders.casts.contains(ref)) continue;
      if (model_.FindFunction(node.domain, node.op_type, node.overload) != nullptr) continue;
      const ValueRef from = node.inputs.empty() ? ValueRef() : node.inputs[0];
      const ValueRef result = node.outputs.empty() ? ValueRef() : node.outputs[0];
      if (!from || !result || !is_float_now(from) || !is_float_now(result)) continue;
      if (!edit.TakeOver(result, from)) continue;
      edit.RemoveNode(ref);
      ++counts_.casts_removed;
    }
  }

  ir::Model& model_;
  std::map<const Graph*, std::map<ValueRef, Type>> types_;
  std::map<std::tuple<std::string, std::string, std::string>, NameSet> type_parameters_;
  std::map<const Graph*, std::set<NodeRef>> kept_;
  std::map<const Graph*, std::set<ValueRef>> tables_;
  UpcastCounts counts_;
};

}  // namespace

StatusOr<UpcastCounts> UpcastFloat16(ir::Model& model) {
  if (!Mentions16(model)) return UpcastCounts{};
  return Rewriter(model).Run();
}

}  // namespace assize::analysis
