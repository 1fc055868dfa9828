// Builds ONNX messages byte by byte, so that tests can also write what no library would.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "lib/onnx/wire.h"

namespace assize::onnx {

class Wire {
 public:
  Wire& Int(int number, int64_t value) {
    AppendTag(bytes_, number, WireType::kVarint);
    AppendVarint(bytes_, static_cast<uint64_t>(value));
    return *this;
  }
  Wire& Text(int number, std::string_view text) {
    AppendField(bytes_, number, text);
    return *this;
  }
  Wire& Sub(int number, const Wire& message) { return Text(number, message.bytes_); }
  Wire& Float(int number, float value) {
    AppendTag(bytes_, number, WireType::kFixed32);
    char raw[4];
    std::memcpy(raw, &value, 4);
    return Raw({raw, 4});
  }
  Wire& Raw(std::string_view bytes) {
    bytes_.append(bytes);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Field numbers, as onnx-ml.proto has them.
inline Wire TensorType(int dtype, const std::vector<int64_t>& dims) {
  Wire shape;
  for (const int64_t dim : dims) shape.Sub(1, Wire().Int(1, dim));
  return Wire().Sub(1, Wire().Int(1, dtype).Sub(2, shape));
}
inline Wire ValueInfo(std::string_view name, const Wire& type) {
  return Wire().Text(1, name).Sub(2, type);
}
inline Wire Node(std::string_view op, const std::vector<std::string>& inputs,
                 const std::vector<std::string>& outputs) {
  Wire node;
  for (const std::string& input : inputs) node.Text(1, input);
  for (const std::string& output : outputs) node.Text(2, output);
  return node.Text(4, op);
}
inline Wire Tensor(std::string_view name, int dtype, const std::vector<int64_t>& dims,
                   std::string_view raw) {
  Wire tensor;
  for (const int64_t dim : dims) tensor.Int(1, dim);
  return tensor.Int(2, dtype).Text(8, name).Text(9, raw);
}
inline Wire Opset(int64_t version, std::string_view domain = "") {
  return Wire().Text(1, domain).Int(2, version);
}
inline Wire Pair(std::string_view key, std::string_view value) {
  return Wire().Text(1, key).Text(2, value);
}
inline Wire ModelOf(const Wire& graph, int64_t ir_version = 8, int64_t opset = 17) {
  return Wire().Int(1, ir_version).Sub(8, Opset(opset)).Sub(7, graph);
}
// y = Relu(x) with what else the test adds; x is f32 [2].
inline Wire ReluGraph(const Wire& more = {}) {
  return Wire()
      .Sub(1, Node("Relu", {"x"}, {"y"}))
      .Text(2, "g")
      .Sub(11, ValueInfo("x", TensorType(1, {2})))
      .Sub(12, ValueInfo("y", TensorType(1, {2})))
      .Raw(more.bytes());
}

}  // namespace assize::onnx
