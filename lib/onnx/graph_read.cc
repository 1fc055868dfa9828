// Graphs, nodes, attributes and functions into the IR. Tests: tests/onnx/graph_test.cc,
// round_trip_test.cc.
#include <algorithm>
#include <unordered_set>

#include "lib/ir/editor.h"
#include "lib/onnx/graph_codec.h"
#include "lib/onnx/type_codec.h"
#include "lib/onnx/wire.h"

namespace assize::onnx {
namespace {

using google::protobuf::RepeatedPtrField;
using ir::Attribute;
using ir::Editor;
using ir::NodeRef;
using ir::ValueRef;

std::string Label(const ::onnx::NodeProto& node, int index) {
  return node.name().empty() ? fmt::format("node[{}] {}", index, node.op_type())
                             : fmt::format("{} \"{}\"", node.op_type(), node.name());
}

// The one value field that is set, by name; the declared type must agree with it.
struct Given {
  std::string_view field;
  int type = 0;
};

std::vector<Given> GivenFields(const ::onnx::AttributeProto& proto) {
  using A = ::onnx::AttributeProto;
  std::vector<Given> given;
  if (proto.has_f()) given.push_back({"f", A::FLOAT});
  if (proto.has_i()) given.push_back({"i", A::INT});
  if (proto.has_s()) given.push_back({"s", A::STRING});
  if (proto.has_t()) given.push_back({"t", A::TENSOR});
  if (proto.has_g()) given.push_back({"g", A::GRAPH});
  if (proto.has_tp()) given.push_back({"tp", A::TYPE_PROTO});
  if (proto.has_sparse_tensor()) given.push_back({"sparse_tensor", A::SPARSE_TENSOR});
  if (proto.floats_size() > 0) given.push_back({"floats", A::FLOATS});
  if (proto.ints_size() > 0) given.push_back({"ints", A::INTS});
  if (proto.strings_size() > 0) given.push_back({"strings", A::STRINGS});
  if (proto.tensors_size() > 0) given.push_back({"tensors", A::TENSORS});
  if (proto.graphs_size() > 0) given.push_back({"graphs", A::GRAPHS});
  if (proto.sparse_tensors_size() > 0) given.push_back({"sparse_tensors", A::SPARSE_TENSORS});
  if (proto.type_protos_size() > 0) given.push_back({"type_protos", A::TYPE_PROTOS});
  return given;
}

StatusOr<Attribute::Value> ReadValue(const ::onnx::AttributeProto& proto, int type,
                                     TensorSource& source) {
  using A = ::onnx::AttributeProto;
  const auto missing = [](std::string_view field) {
    return InvalidArgument("{} is missing, expected by the declared type", field);
  };
  switch (type) {
    case A::UNDEFINED:
      return Attribute::Value();
    case A::FLOAT:
      return Attribute::Value(proto.f());
    case A::INT:
      return Attribute::Value(static_cast<int64_t>(proto.i()));
    case A::STRING:
      return Attribute::Value(proto.s());
    case A::FLOATS:
      return Attribute::Value(std::vector<float>(proto.floats().begin(), proto.floats().end()));
    case A::INTS:
      return Attribute::Value(std::vector<int64_t>(proto.ints().begin(), proto.ints().end()));
    case A::STRINGS:
      return Attribute::Value(
          std::vector<std::string>(proto.strings().begin(), proto.strings().end()));
    case A::TENSOR: {
      if (!proto.has_t()) return missing("t");
      AZ_ASSIGN_OR_RETURN(ir::NamedTensor tensor, ReadTensor(proto.t(), source));
      return Attribute::Value(std::move(tensor));
    }
    case A::TENSORS: {
      std::vector<ir::NamedTensor> tensors;
      for (const auto& t : proto.tensors()) {
        AZ_ASSIGN_OR_RETURN(ir::NamedTensor tensor, ReadTensor(t, source));
        tensors.push_back(std::move(tensor));
      }
      return Attribute::Value(std::move(tensors));
    }
    case A::GRAPH: {
      if (!proto.has_g()) return missing("g");
      AZ_ASSIGN_OR_RETURN(ir::Graph graph, ReadGraph(proto.g(), source));
      return Attribute::Value(ir::GraphBox(std::move(graph)));
    }
    case A::GRAPHS: {
      std::vector<ir::GraphBox> graphs;
      for (const auto& g : proto.graphs()) {
        AZ_ASSIGN_OR_RETURN(ir::Graph graph, ReadGraph(g, source));
        graphs.emplace_back(std::move(graph));
      }
      return Attribute::Value(std::move(graphs));
    }
    case A::SPARSE_TENSOR: {
      if (!proto.has_sparse_tensor()) return missing("sparse_tensor");
      AZ_ASSIGN_OR_RETURN(ir::SparseTensor tensor, ReadSparseTensor(proto.sparse_tensor(), source));
      return Attribute::Value(std::move(tensor));
    }
    case A::SPARSE_TENSORS: {
      std::vector<ir::SparseTensor> tensors;
      for (const auto& t : proto.sparse_tensors()) {
        AZ_ASSIGN_OR_RETURN(ir::SparseTensor tensor, ReadSparseTensor(t, source));
        tensors.push_back(std::move(tensor));
      }
      return Attribute::Value(std::move(tensors));
    }
    case A::TYPE_PROTO: {
      if (!proto.has_tp()) return missing("tp");
      AZ_ASSIGN_OR_RETURN(ir::Type read, ReadType(proto.tp()));
      return Attribute::Value(std::move(read));
    }
    case A::TYPE_PROTOS: {
      std::vector<ir::Type> types;
      for (const auto& t : proto.type_protos()) {
        AZ_ASSIGN_OR_RETURN(ir::Type read, ReadType(t));
        types.push_back(std::move(read));
      }
      return Attribute::Value(std::move(types));
    }
    default:
      return InvalidArgument("type {} is not known, expected 0 to 14", type);
  }
}

StatusOr<Attribute> ReadAttributeOnly(const ::onnx::AttributeProto& proto, TensorSource& source) {
  Attribute out;
  out.name = proto.name();
  out.doc = proto.doc_string();
  out.unknown_fields = proto.unknown_fields();
  if (out.name.empty()) return InvalidArgument("an attribute without a name");
  const std::vector<Given> given = GivenFields(proto);
  if (given.size() > 1) {
    return InvalidArgument("both {} and {} are set, expected one value", given[0].field,
                           given[1].field);
  }
  const int declared = proto.type();
  if (!proto.ref_attr_name().empty()) {
    if (!given.empty()) {
      return InvalidArgument("both ref_attr_name and {} are set, expected one of them",
                             given[0].field);
    }
    out.ref_name = proto.ref_attr_name();
    out.ref_type = declared;
    return out;
  }
  if (declared != 0 && !given.empty() && given[0].type != declared) {
    return InvalidArgument("{} is set, but the declared type is {}", given[0].field, declared);
  }
  const int type = declared != 0 ? declared : given.empty() ? 0 : given[0].type;
  AZ_ASSIGN_OR_RETURN(out.value, ReadValue(proto, type, source));
  return out;
}

StatusOr<Attribute> ReadAttribute(const ::onnx::AttributeProto& proto, TensorSource& source) {
  auto attribute = ReadAttributeOnly(proto, source);
  if (!attribute.ok())
    return Annotate(attribute.status(), fmt::format("attribute \"{}\"", proto.name()));
  return attribute;
}

void CollectCaptures(const ir::Graph& graph, std::vector<std::string>& names) {
  for (const ValueRef ref : graph.values()) {
    if (graph.value(ref).is_capture) names.push_back(graph.value(ref).name);
  }
}

std::vector<std::string> CapturesOf(const Attribute& attribute) {
  std::vector<std::string> names;
  if (const auto* box = std::get_if<ir::GraphBox>(&attribute.value)) CollectCaptures(**box, names);
  if (const auto* boxes = std::get_if<std::vector<ir::GraphBox>>(&attribute.value)) {
    for (const ir::GraphBox& box : *boxes) CollectCaptures(*box, names);
  }
  return names;
}

// Builds one graph through the editor; names are resolved when all nodes are there, so their order
// does not matter.
class GraphReader {
 public:
  GraphReader(ir::Graph& graph, TensorSource& source)
      : graph_(graph), edit_(graph), source_(source) {}

  Status AddInput(const ::onnx::ValueInfoProto& info) {
    if (info.name().empty()) return InvalidArgument("a graph input without a name");
    if (graph_.FindValue(info.name()))
      return InvalidArgument("input \"{}\" is given twice", info.name());
    ir::Type type;
    if (info.has_type()) {
      auto read = ReadType(info.type());
      if (!read.ok()) return Annotate(read.status(), fmt::format("input \"{}\"", info.name()));
      type = *std::move(read);
    }
    const ValueRef value = edit_.AddInput(info.name(), std::move(type));
    SetDoc(value, info);
    return OkStatus();
  }

  Status AddInitializers(const ::onnx::GraphProto& proto) {
    for (int i = 0; i < proto.initializer_size(); ++i) {
      const auto& tensor = proto.initializer(i);
      const std::string label = fmt::format("initializer[{}] \"{}\"", i, tensor.name());
      auto read = ReadTensor(tensor, source_);
      if (!read.ok()) return Annotate(read.status(), label);
      AZ_RETURN_IF_ERROR(CheckInitializerName(tensor.name(), label));
      edit_.SetInitializer(tensor.name(), *std::move(read));
    }
    for (int i = 0; i < proto.sparse_initializer_size(); ++i) {
      const auto& tensor = proto.sparse_initializer(i);
      const std::string label =
          fmt::format("sparse_initializer[{}] \"{}\"", i, tensor.values().name());
      auto read = ReadSparseTensor(tensor, source_);
      if (!read.ok()) return Annotate(read.status(), label);
      AZ_RETURN_IF_ERROR(CheckInitializerName(read->name, label));
      const std::string name = read->name;
      edit_.SetSparseInitializer(name, *std::move(read));
    }
    return OkStatus();
  }

  Status AddNodes(const RepeatedPtrField<::onnx::NodeProto>& nodes) {
    std::vector<NodeRef> refs;
    refs.reserve(static_cast<size_t>(nodes.size()));
    for (int i = 0; i < nodes.size(); ++i) {
      auto added = AddNode(nodes.Get(i));
      if (!added.ok()) return Annotate(added.status(), Label(nodes.Get(i), i));
      refs.push_back(*added);
    }
    for (int i = 0; i < nodes.size(); ++i) {
      const Status status = Connect(nodes.Get(i), refs[static_cast<size_t>(i)]);
      if (!status.ok()) return Annotate(status, Label(nodes.Get(i), i));
    }
    return OkStatus();
  }

  Status AddOutput(const ::onnx::ValueInfoProto& info) {
    if (info.name().empty()) return InvalidArgument("a graph output without a name");
    const ValueRef value = Find(info.name());
    if (info.has_type()) {
      auto read = ReadType(info.type());
      if (!read.ok()) return Annotate(read.status(), fmt::format("output \"{}\"", info.name()));
      const ir::Type& present = graph_.value(value).type;
      if (present.kind == ir::Type::Kind::kUnset) {
        edit_.SetType(value, *std::move(read));
      } else if (!(present == *read)) {
        return InvalidArgument("\"{}\" is declared as {} and as output {}", info.name(),
                               ir::TypeText(present), ir::TypeText(*read));
      }
    }
    SetDoc(value, info);
    edit_.AddOutput(value);
    return OkStatus();
  }

  // Types of intermediate values. Entries that name no value, or say something else than what is
  // known of an input or output, have no place in the IR: their bytes are returned, to be kept.
  StatusOr<std::string> AddValueInfo(const RepeatedPtrField<::onnx::ValueInfoProto>& infos,
                                     int field) {
    std::string kept;
    for (const auto& info : infos) {
      const ValueRef value = info.name().empty() ? ValueRef() : graph_.FindValue(info.name());
      ir::Type type;
      if (info.has_type()) {
        auto read = ReadType(info.type());
        if (!read.ok())
          return Annotate(read.status(), fmt::format("value_info \"{}\"", info.name()));
        type = *std::move(read);
      }
      bool fits = static_cast<bool>(value) && !graph_.value(value).has_value_info;
      if (fits) {
        const ir::Value& present = graph_.value(value);
        const bool declared = present.is_input || present.graph_output_uses > 0;
        const bool has_doc =
            !present.doc.empty() || !present.metadata.empty() || !present.unknown_fields.empty();
        fits = !declared || (present.type == type && !has_doc && info.doc_string().empty() &&
                             info.metadata_props().empty() && info.unknown_fields().empty());
      }
      if (!fits) {
        AppendField(kept, field, info.SerializeAsString());
        continue;
      }
      edit_.SetType(value, std::move(type));
      edit_.SetValueInfo(value, true);
      SetDoc(value, info);
    }
    return kept;
  }

  Editor& edit() { return edit_; }
  // The value of that name, made a capture when nothing defines it.
  ValueRef Find(const std::string& name) {
    const ValueRef value = graph_.FindValue(name);
    return value ? value : edit_.AddCapture(name);
  }

 private:
  Status CheckInitializerName(const std::string& name, const std::string& label) {
    if (name.empty()) return InvalidArgument("{}: an initializer without a name", label);
    const ValueRef present = graph_.FindValue(name);
    if (present && graph_.value(present).is_initializer()) {
      return InvalidArgument("{}: the name is given to two initializers", label);
    }
    return OkStatus();
  }

  StatusOr<NodeRef> AddNode(const ::onnx::NodeProto& proto) {
    if (proto.op_type().empty()) return InvalidArgument("a node without op_type");
    ir::NodeSpec spec;
    spec.op_type = proto.op_type();
    spec.domain = proto.domain();
    spec.name = proto.name();
    spec.overload = proto.overload();
    spec.doc = proto.doc_string();
    spec.metadata = ReadPairs(proto.metadata_props());
    spec.unknown_fields = proto.unknown_fields();
    for (const auto& configuration : proto.device_configurations()) {
      AppendField(spec.unknown_fields, ::onnx::NodeProto::kDeviceConfigurationsFieldNumber,
                  configuration.SerializeAsString());
    }
    std::unordered_set<std::string_view> names;
    for (const std::string& name : proto.output()) {
      if (!name.empty() && (graph_.FindValue(name) || !names.insert(name).second)) {
        return InvalidArgument(
            "output \"{}\" is defined already, expected one definition of each name", name);
      }
      spec.outputs.push_back(name);
    }
    return edit_.AddNode(std::move(spec));
  }

  Status Connect(const ::onnx::NodeProto& proto, NodeRef node) {
    std::vector<ValueRef> inputs;
    inputs.reserve(static_cast<size_t>(proto.input_size()));
    for (const std::string& name : proto.input())
      inputs.push_back(name.empty() ? ValueRef() : Find(name));
    edit_.SetNodeInputs(node, std::move(inputs));
    if (proto.attribute_size() > source_.limits.max_attributes) {
      return ResourceExhausted("{} attributes, the limit max_attributes is {}",
                               proto.attribute_size(), source_.limits.max_attributes);
    }
    std::unordered_set<std::string_view> names;
    for (const auto& attribute_proto : proto.attribute()) {
      if (!names.insert(attribute_proto.name()).second) {
        return InvalidArgument("attribute \"{}\" is given twice", attribute_proto.name());
      }
      AZ_ASSIGN_OR_RETURN(Attribute attribute, ReadAttribute(attribute_proto, source_));
      for (const std::string& name : CapturesOf(attribute)) Find(name);
      edit_.SetAttribute(node, std::move(attribute));
    }
    return OkStatus();
  }

  void SetDoc(ValueRef value, const ::onnx::ValueInfoProto& info) {
    if (info.doc_string().empty() && info.metadata_props().empty() && info.unknown_fields().empty())
      return;
    edit_.SetValueDoc(value, info.doc_string(), ReadPairs(info.metadata_props()),
                      info.unknown_fields());
  }

  ir::Graph& graph_;
  Editor edit_;
  TensorSource& source_;
};

// Room for what the graph will hold, or a vector that doubles holds it twice. Above the limit
// it grows as the graph is read: counts are claims.
void Reserve(Editor& edit, const ::onnx::GraphProto& proto) {
  constexpr int64_t kMost = 1 << 16;
  int64_t values = proto.input_size() + proto.initializer_size() + proto.sparse_initializer_size();
  for (const auto& node : proto.node()) values += node.output_size();
  edit.Reserve(static_cast<size_t>(std::min<int64_t>(proto.node_size(), kMost)),
               static_cast<size_t>(std::min(values, kMost)));
}

}  // namespace

StatusOr<ir::Graph> ReadGraph(const ::onnx::GraphProto& proto, TensorSource& source) {
  ir::Graph graph;
  GraphReader reader(graph, source);
  Editor& edit = reader.edit();
  const auto read = [&]() -> Status {
    edit.SetName(proto.name());
    edit.SetDoc(proto.doc_string());
    edit.SetMetadata(ReadPairs(proto.metadata_props()));
    Reserve(edit, proto);
    for (const auto& input : proto.input()) AZ_RETURN_IF_ERROR(reader.AddInput(input));
    AZ_RETURN_IF_ERROR(reader.AddInitializers(proto));
    AZ_RETURN_IF_ERROR(reader.AddNodes(proto.node()));
    for (const auto& output : proto.output()) AZ_RETURN_IF_ERROR(reader.AddOutput(output));
    std::string unknown = proto.unknown_fields();
    AZ_ASSIGN_OR_RETURN(
        const std::string kept,
        reader.AddValueInfo(proto.value_info(), ::onnx::GraphProto::kValueInfoFieldNumber));
    unknown += kept;
    for (const auto& annotation : proto.quantization_annotation()) {
      AppendField(unknown, ::onnx::GraphProto::kQuantizationAnnotationFieldNumber,
                  annotation.SerializeAsString());
    }
    edit.SetUnknownFields(std::move(unknown));
    return OkStatus();
  };
  const Status status = read();
  if (!status.ok()) return Annotate(status, fmt::format("graph \"{}\"", proto.name()));
  return graph;
}

StatusOr<ir::Function> ReadFunction(const ::onnx::FunctionProto& proto, TensorSource& source) {
  ir::Function function;
  function.name = proto.name();
  function.domain = proto.domain();
  function.overload = proto.overload();
  function.doc = proto.doc_string();
  function.attributes.assign(proto.attribute().begin(), proto.attribute().end());
  function.metadata = ReadPairs(proto.metadata_props());
  function.unknown_fields = proto.unknown_fields();
  GraphReader reader(function.body, source);
  const auto read = [&]() -> Status {
    if (function.name.empty()) return InvalidArgument("a function without a name");
    AZ_ASSIGN_OR_RETURN(function.opset_imports,
                        ReadOpsets(proto.opset_import(), source.limits.max_opset));
    for (const auto& attribute_proto : proto.attribute_proto()) {
      AZ_ASSIGN_OR_RETURN(Attribute attribute, ReadAttribute(attribute_proto, source));
      function.attribute_defaults.push_back(std::move(attribute));
    }
    ::onnx::ValueInfoProto info;
    for (const std::string& name : proto.input()) {
      info.set_name(name);
      AZ_RETURN_IF_ERROR(reader.AddInput(info));
    }
    AZ_RETURN_IF_ERROR(reader.AddNodes(proto.node()));
    // Types before outputs: a value_info for an input or output of a function is its only
    // declaration.
    for (const auto& value : proto.value_info()) {
      const ValueRef ref = function.body.FindValue(value.name());
      if (!ref || function.body.value(ref).has_value_info || value.name().empty()) {
        AppendField(function.unknown_fields, ::onnx::FunctionProto::kValueInfoFieldNumber,
                    value.SerializeAsString());
        continue;
      }
      auto type = ReadType(value.type());
      if (!type.ok())
        return Annotate(type.status(), fmt::format("value_info \"{}\"", value.name()));
      if (value.has_type()) reader.edit().SetType(ref, *std::move(type));
      reader.edit().SetValueInfo(ref, true);
      reader.edit().SetValueDoc(ref, value.doc_string(), ReadPairs(value.metadata_props()),
                                value.unknown_fields());
    }
    for (const std::string& name : proto.output()) {
      info.set_name(name);
      AZ_RETURN_IF_ERROR(reader.AddOutput(info));
    }
    return OkStatus();
  };
  const Status status = read();
  if (!status.ok())
    return Annotate(status, fmt::format("function \"{}:{}\"", proto.domain(), proto.name()));
  return function;
}

StatusOr<std::vector<ir::OpsetImport>> ReadOpsets(
    const RepeatedPtrField<::onnx::OperatorSetIdProto>& protos, int64_t max_opset) {
  constexpr int64_t kMaxOtherOpset = INT32_MAX;
  std::vector<ir::OpsetImport> opsets;
  std::unordered_set<std::string_view> domains;
  for (const auto& proto : protos) {
    const bool main = proto.domain().empty() || proto.domain() == "ai.onnx";
    if (!domains.insert(main ? std::string_view() : std::string_view(proto.domain())).second) {
      return InvalidArgument("opset_import gives the domain \"{}\" twice", proto.domain());
    }
    const int64_t limit = main ? max_opset : kMaxOtherOpset;
    const int64_t least = main ? 1 : 0;
    if (proto.version() < least || proto.version() > limit) {
      return Unimplemented("opset {} of domain \"{}\" is not supported, expected {} to {}",
                           proto.version(), proto.domain(), least, limit);
    }
    opsets.push_back({proto.domain(), proto.version(), proto.unknown_fields()});
  }
  return opsets;
}

}  // namespace assize::onnx
