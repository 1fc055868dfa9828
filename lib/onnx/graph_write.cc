// Graphs, nodes, attributes and functions out of the IR. Tests: tests/onnx/round_trip_test.cc.
#include "lib/onnx/graph_codec.h"
#include "lib/onnx/type_codec.h"

namespace assize::onnx {
namespace {

using ir::Attribute;
using ir::ValueRef;

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

void WriteAttribute(const Attribute& attribute, const TensorTarget& target,
                    ::onnx::AttributeProto& proto) {
  proto.set_name(attribute.name);
  if (!attribute.doc.empty()) proto.set_doc_string(attribute.doc);
  *proto.mutable_unknown_fields() = attribute.unknown_fields;
  if (!attribute.ref_name.empty()) proto.set_ref_attr_name(attribute.ref_name);
  if (attribute.number() != 0) {
    proto.set_type(static_cast<::onnx::AttributeProto_AttributeType>(attribute.number()));
  }
  std::visit(
      Overloaded{
          [](const std::monostate&) {},
          [&](float value) { proto.set_f(value); },
          [&](int64_t value) { proto.set_i(value); },
          [&](const std::string& value) { proto.set_s(value); },
          [&](const ir::NamedTensor& value) { WriteTensor(value, target, *proto.mutable_t()); },
          [&](const ir::GraphBox& value) { WriteGraph(*value, target, *proto.mutable_g()); },
          [&](const std::vector<float>& values) {
            proto.mutable_floats()->Assign(values.begin(), values.end());
          },
          [&](const std::vector<int64_t>& values) {
            proto.mutable_ints()->Assign(values.begin(), values.end());
          },
          [&](const std::vector<std::string>& values) {
            for (const std::string& value : values) proto.add_strings(value);
          },
          [&](const std::vector<ir::NamedTensor>& values) {
            for (const auto& value : values) WriteTensor(value, target, *proto.add_tensors());
          },
          [&](const std::vector<ir::GraphBox>& values) {
            for (const auto& value : values) WriteGraph(*value, target, *proto.add_graphs());
          },
          [&](const ir::SparseTensor& value) {
            WriteSparseTensor(value, *proto.mutable_sparse_tensor());
          },
          [&](const std::vector<ir::SparseTensor>& values) {
            for (const auto& value : values) WriteSparseTensor(value, *proto.add_sparse_tensors());
          },
          [&](const ir::Type& value) { WriteType(value, *proto.mutable_tp()); },
          [&](const std::vector<ir::Type>& values) {
            for (const auto& value : values) WriteType(value, *proto.add_type_protos());
          },
      },
      attribute.value);
}

void WriteNode(const ir::Graph& graph, const ir::Node& node, const TensorTarget& target,
               ::onnx::NodeProto& proto) {
  const auto name_of = [&](ValueRef ref) { return ref ? graph.value(ref).name : std::string(); };
  for (const ValueRef input : node.inputs) proto.add_input(name_of(input));
  for (const ValueRef output : node.outputs) proto.add_output(name_of(output));
  if (!node.name.empty()) proto.set_name(node.name);
  proto.set_op_type(node.op_type);
  if (!node.domain.empty()) proto.set_domain(node.domain);
  if (!node.overload.empty()) proto.set_overload(node.overload);
  if (!node.doc.empty()) proto.set_doc_string(node.doc);
  WritePairs(node.metadata, *proto.mutable_metadata_props());
  *proto.mutable_unknown_fields() = node.unknown_fields;
  for (const Attribute& attribute : node.attributes)
    WriteAttribute(attribute, target, *proto.add_attribute());
}

void WriteValue(const ir::Value& value, bool with_doc, ::onnx::ValueInfoProto& proto) {
  proto.set_name(value.name);
  if (value.type.kind != ir::Type::Kind::kUnset || !value.type.denotation.empty() ||
      !value.type.unknown_fields.empty()) {
    WriteType(value.type, *proto.mutable_type());
  }
  if (!with_doc) return;
  if (!value.doc.empty()) proto.set_doc_string(value.doc);
  WritePairs(value.metadata, *proto.mutable_metadata_props());
  *proto.mutable_unknown_fields() = value.unknown_fields;
}

// Values that the file lists, in an order that the graph alone decides: inputs, initializers, then
// results of nodes in execution order, then captures by name.
std::vector<ValueRef> ListedValues(const ir::Graph& graph) {
  std::vector<ValueRef> listed;
  const auto add = [&](ValueRef ref) {
    if (ref && graph.value(ref).has_value_info) listed.push_back(ref);
  };
  for (const ValueRef ref : graph.inputs()) add(ref);
  for (const ValueRef ref : graph.initializers()) {
    if (!graph.value(ref).is_input) add(ref);
  }
  for (ir::NodeRef node = graph.first_node(); node; node = graph.next_node(node)) {
    for (const ValueRef ref : graph.node(node).outputs) add(ref);
  }
  std::vector<ValueRef> captures;
  for (const ValueRef ref : graph.values()) {
    if (graph.value(ref).is_capture && graph.value(ref).has_value_info) captures.push_back(ref);
  }
  std::sort(captures.begin(), captures.end(),
            [&](ValueRef a, ValueRef b) { return graph.value(a).name < graph.value(b).name; });
  listed.insert(listed.end(), captures.begin(), captures.end());
  return listed;
}

}  // namespace

void WriteGraph(const ir::Graph& graph, const TensorTarget& target, ::onnx::GraphProto& proto) {
  proto.set_name(graph.name());
  if (!graph.doc().empty()) proto.set_doc_string(graph.doc());
  WritePairs(graph.metadata(), *proto.mutable_metadata_props());
  *proto.mutable_unknown_fields() = graph.unknown_fields();
  for (ir::NodeRef node = graph.first_node(); node; node = graph.next_node(node)) {
    WriteNode(graph, graph.node(node), target, *proto.add_node());
  }
  for (const ValueRef ref : graph.inputs()) WriteValue(graph.value(ref), true, *proto.add_input());
  for (const ValueRef ref : graph.outputs())
    WriteValue(graph.value(ref), true, *proto.add_output());
  for (const ValueRef ref : ListedValues(graph)) {
    const ir::Value& value = graph.value(ref);
    // Inputs and outputs carry their doc string where they are declared.
    WriteValue(value, !value.is_input && value.graph_output_uses == 0, *proto.add_value_info());
  }
  for (const ValueRef ref : graph.initializers()) {
    const ir::Value& value = graph.value(ref);
    if (value.sparse_initializer) {
      ir::SparseTensor tensor = *value.sparse_initializer;
      tensor.name = value.name;
      WriteSparseTensor(tensor, *proto.add_sparse_initializer());
    } else {
      ir::NamedTensor tensor = *value.initializer;
      tensor.name = value.name;
      WriteTensor(tensor, target, *proto.add_initializer());
    }
  }
}

void WriteFunction(const ir::Function& function, const TensorTarget& target,
                   ::onnx::FunctionProto& proto) {
  const ir::Graph& body = function.body;
  proto.set_name(function.name);
  if (!function.domain.empty()) proto.set_domain(function.domain);
  if (!function.overload.empty()) proto.set_overload(function.overload);
  if (!function.doc.empty()) proto.set_doc_string(function.doc);
  for (const std::string& name : function.attributes) proto.add_attribute(name);
  for (const Attribute& attribute : function.attribute_defaults) {
    WriteAttribute(attribute, target, *proto.add_attribute_proto());
  }
  WriteOpsets(function.opset_imports, *proto.mutable_opset_import());
  WritePairs(function.metadata, *proto.mutable_metadata_props());
  *proto.mutable_unknown_fields() = function.unknown_fields;
  for (const ValueRef ref : body.inputs()) proto.add_input(body.value(ref).name);
  for (const ValueRef ref : body.outputs()) proto.add_output(body.value(ref).name);
  for (ir::NodeRef node = body.first_node(); node; node = body.next_node(node)) {
    WriteNode(body, body.node(node), target, *proto.add_node());
  }
  for (const ValueRef ref : ListedValues(body))
    WriteValue(body.value(ref), true, *proto.add_value_info());
}

void WriteOpsets(const std::vector<ir::OpsetImport>& opsets,
                 google::protobuf::RepeatedPtrField<::onnx::OperatorSetIdProto>& out) {
  for (const ir::OpsetImport& opset : opsets) {
    ::onnx::OperatorSetIdProto& proto = *out.Add();
    proto.set_domain(opset.domain);
    proto.set_version(opset.version);
    *proto.mutable_unknown_fields() = opset.unknown_fields;
  }
}

}  // namespace assize::onnx
