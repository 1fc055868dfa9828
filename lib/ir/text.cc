// Printing. Names are quoted only where they hold more than letters, digits and ./_-:.
// Tests: tests/ir/text_test.cc.
#include "lib/ir/text.h"

#include <algorithm>
#include <cctype>

namespace assize::ir {
namespace {

std::string Quoted(std::string_view text) {
  // JSON's escapes keep control bytes of untrusted names off the terminal.
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string NameText(std::string_view name) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '/' || c == '_' || c == '-' || c == ':';
  };
  if (!name.empty() && std::all_of(name.begin(), name.end(), plain)) return std::string(name);
  return Quoted(name);
}

std::string RefText(const Graph& graph, ValueRef ref) {
  return ref ? NameText(graph.value(ref).name) : "_";
}

std::string RefsText(const Graph& graph, const std::vector<ValueRef>& refs) {
  std::string text;
  for (const ValueRef ref : refs) {
    if (!text.empty()) text += ", ";
    text += RefText(graph, ref);
  }
  return text;
}

std::string TensorText(const Tensor& tensor, int64_t max_elements) {
  std::string text = tensor.TypeText();
  const int64_t count = tensor.element_count();
  if (count == 0) return text;
  if (count > max_elements || tensor.dtype() == DType::kComplex64 ||
      tensor.dtype() == DType::kComplex128) {
    return text + " sha256:" +
           Hex(tensor.digest()).substr(0, 16);  // so that two texts differ when elements do
  }
  text += " {";
  if (tensor.dtype() == DType::kString) {
    for (const std::string& value : tensor.strings()) text += Quoted(value) + " ";
  } else if (IsFloating(tensor.dtype())) {
    for (const double value : tensor.ToDoubles()) text += fmt::format("{} ", value);
  } else {
    for (const int64_t value : tensor.ToInts()) text += fmt::format("{} ", value);
  }
  text.back() = '}';
  return text;
}

std::string Indented(const std::string& text) {
  std::string out;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    out += "  " + text.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  return out;
}

struct ValueText {
  const TextOptions& options;
  std::string operator()(std::monostate) const { return "?"; }
  std::string operator()(float value) const { return fmt::format("{}", value); }
  std::string operator()(int64_t value) const { return fmt::format("{}", value); }
  std::string operator()(const std::string& value) const { return Quoted(value); }
  std::string operator()(const NamedTensor& value) const {
    return TensorText(value.tensor, options.max_elements);
  }
  std::string operator()(const SparseTensor& value) const {
    return fmt::format("sparse {} of {}", ShapeText(value.dims), value.values.TypeText());
  }
  std::string operator()(const Type& value) const { return TypeText(value); }
  std::string operator()(const GraphBox& value) const {
    return "{\n" + Indented(Print(*value, options)) + "}";
  }
  template <typename T>
  std::string operator()(const std::vector<T>& values) const {
    std::string text = "[";
    for (const T& value : values) {
      if (text.size() > 1) text += ",";
      text += (*this)(value);
    }
    return text + "]";
  }
};

std::string NodeText(const Graph& graph, NodeRef ref, const TextOptions& options) {
  const Node& node = graph.node(ref);
  std::string text = fmt::format("{} = {}{}({})", RefsText(graph, node.outputs),
                                 node.domain.empty() ? "" : NameText(node.domain) + ".",
                                 NameText(node.op_type), RefsText(graph, node.inputs));
  std::string attributes;
  for (const Attribute& attribute : node.attributes) {
    if (!attributes.empty()) attributes += ", ";
    attributes += NameText(attribute.name) + "=";
    attributes += attribute.ref_name.empty() ? std::visit(ValueText{options}, attribute.value)
                                             : "@" + NameText(attribute.ref_name);
  }
  if (!attributes.empty()) text += " {" + attributes + "}";
  return text;
}

}  // namespace

std::string PrintNode(const Graph& graph, NodeRef node) { return NodeText(graph, node, {}); }

std::string NodeLabel(const Graph& graph, NodeRef ref) {
  const Node& node = graph.node(ref);
  if (!node.name.empty()) return fmt::format("{} {}", NameText(node.op_type), Quoted(node.name));
  for (const ValueRef output : node.outputs) {
    if (output)
      return fmt::format("{} -> {}", NameText(node.op_type), Quoted(graph.value(output).name));
  }
  return NameText(node.op_type);
}

std::string Print(const Graph& graph, const TextOptions& options) {
  std::string text = fmt::format("graph {}\n", NameText(graph.name()));
  for (const ValueRef ref : graph.inputs()) {
    text += fmt::format("input {}: {}\n", RefText(graph, ref), TypeText(graph.value(ref).type));
  }
  for (const ValueRef ref : graph.initializers()) {
    const Value& value = graph.value(ref);
    if (value.initializer) {
      text += fmt::format("init {} = {}\n", NameText(value.name),
                          TensorText(value.initializer->tensor, options.max_elements));
    } else {
      text += fmt::format("init {} = {}\n", NameText(value.name),
                          ValueText{options}(*value.sparse_initializer));
    }
  }
  for (NodeRef at = graph.first_node(); at; at = graph.next_node(at)) {
    text += NodeText(graph, at, options) + "\n";
  }
  for (const ValueRef ref : graph.outputs()) {
    text += fmt::format("output {}: {}\n", RefText(graph, ref), TypeText(graph.value(ref).type));
  }
  return text;
}

std::string Print(const Model& model, const TextOptions& options) {
  std::string text = fmt::format("model ir {}", model.ir_version);
  for (const OpsetImport& import : model.opset_imports) {
    text += fmt::format(" {}:{}", import.domain.empty() ? "ai.onnx" : NameText(import.domain),
                        import.version);
  }
  text += "\n" + Print(model.graph, options);
  for (const Function& function : model.functions) {
    text += fmt::format("function {}.{}({}) -> ({})\n", NameText(function.domain),
                        NameText(function.name), RefsText(function.body, function.body.inputs()),
                        RefsText(function.body, function.body.outputs()));
    text += Indented(Print(function.body, options));
  }
  return text;
}

}  // namespace assize::ir
