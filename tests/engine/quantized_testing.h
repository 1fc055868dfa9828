// Shared by the tests of models that other tools quantized: random bytes, grids, and what a plan
// runs.
#pragma once

#include <string>
#include <vector>

#include "tests/engine/testing.h"

namespace assize::engine {

inline std::string Kernels(const ir::Model& model) {
  const auto program = Compile(model);
  EXPECT_TRUE(program.ok()) << program.status();
  std::string all;
  if (!program.ok()) return all;
  for (const StepInfo& step : Describe(**program)) all += step.kernel + " ";
  return all;
}

inline void ExpectNative(const ir::Model& model, const std::string& part = "") {
  const std::string all = Kernels(model);
  EXPECT_NE(all.find(part), std::string::npos) << all;
  EXPECT_EQ(all.find("reference"), std::string::npos) << all;
}

inline void ExpectSame(const Builder& b, const Feeds& feeds) { ExpectAgrees(b, feeds, 0); }

// A graph with ops of com.microsoft too.
class Quantized : public Builder {
 public:
  explicit Quantized(int64_t opset = 13) : Builder(opset) { model.set_opset("com.microsoft", 1); }

  ir::ValueRef Contrib(const std::string& op, const std::vector<ir::ValueRef>& inputs,
                       const std::vector<ir::Attribute>& attributes = {}) {
    ir::NodeSpec spec;
    spec.op_type = op;
    spec.domain = "com.microsoft";
    spec.name = "layer" + std::to_string(next);
    spec.inputs = inputs;
    spec.outputs = {"v" + std::to_string(next++)};
    spec.attributes = attributes;
    return edit.output(edit.AddNode(std::move(spec)));
  }
  ir::ValueRef Scale(float value) { return Const<float>({}, {value}); }
};

inline ir::Tensor RandomBytes(Philox& random, const ir::Shape& dims, ir::DType dtype, int low = 0,
                              int high = 255) {
  std::vector<std::byte> bytes(static_cast<size_t>(ir::ElementCount(dims).value()));
  const int shift = dtype == ir::DType::kInt8 ? 128 : 0;
  for (std::byte& byte : bytes) {
    const int value =
        low + static_cast<int>(random.NextBelow(static_cast<uint64_t>(high - low + 1)));
    byte = static_cast<std::byte>(static_cast<uint8_t>(value - shift));
  }
  return ir::Tensor::FromBytes(dtype, dims, std::move(bytes));
}

inline ir::Tensor Zeros(const ir::Shape& dims, ir::DType dtype, const std::vector<int>& values) {
  std::vector<std::byte> bytes;
  for (const int value : values)
    bytes.push_back(static_cast<std::byte>(static_cast<uint8_t>(value)));
  return ir::Tensor::FromBytes(dtype, dims, std::move(bytes));
}

inline std::vector<float> Scales(Philox& random, int64_t count) {
  std::vector<float> scales(static_cast<size_t>(count));
  for (float& s : scales) s = 0.002f + 0.02f * static_cast<float>(random.NextDouble());
  return scales;
}

}  // namespace assize::engine
