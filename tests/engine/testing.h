// Shared by the engine's tests: small graphs, seeded data, and comparison with the reference.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "lib/engine/engine.h"
#include "lib/ir/editor.h"
#include "lib/ir/model.h"
#include "lib/reference/reference.h"
#include "lib/support/parallel.h"
#include "lib/support/random.h"

namespace assize::engine {

class Builder {
 public:
  explicit Builder(int64_t opset = 13) : edit(model.graph) {
    model.ir_version = 8;
    model.set_opset("", opset);
    edit.SetName("g");
  }
  Builder(const Builder&) = delete;

  ir::ValueRef Input(const std::string& name, const std::vector<int64_t>& dims,
                     ir::DType dtype = ir::DType::kFloat) {
    return edit.AddInput(name, ir::Type::TensorOf(dtype, dims));
  }
  // Dim 0 free, named N.
  ir::ValueRef Batch(const std::string& name, const std::vector<int64_t>& rest,
                     ir::DType dtype = ir::DType::kFloat) {
    std::vector<ir::Dim> dims(1);
    dims[0].param = "N";
    for (const int64_t dim : rest) {
      dims.emplace_back();
      dims.back().value = dim;
    }
    return edit.AddInput(name, ir::Type::TensorOf(dtype, dims));
  }
  ir::ValueRef Const(ir::Tensor tensor) {
    return edit.AddInitializer("c" + std::to_string(next++), std::move(tensor));
  }
  template <typename T>
  ir::ValueRef Const(ir::Shape dims, const std::vector<T>& values) {
    return Const(ir::Tensor::Of<T>(std::move(dims), values));
  }
  ir::ValueRef Op(const std::string& op, const std::vector<ir::ValueRef>& inputs,
                  const std::vector<ir::Attribute>& attributes = {}) {
    ir::NodeSpec spec;
    spec.op_type = op;
    spec.inputs = inputs;
    spec.outputs = {"v" + std::to_string(next++)};
    spec.attributes = attributes;
    return edit.output(edit.AddNode(std::move(spec)));
  }
  void Output(ir::ValueRef value) { edit.AddOutput(value); }

  // Q/DQ around a value.
  ir::ValueRef Quantize(ir::ValueRef x, float scale, int zero, bool is_signed = false) {
    return Op("QuantizeLinear", {x, Const<float>({}, {scale}), Zero(zero, is_signed)});
  }
  ir::ValueRef Dequantize(ir::ValueRef q, float scale, int zero, bool is_signed = false) {
    return Op("DequantizeLinear", {q, Const<float>({}, {scale}), Zero(zero, is_signed)});
  }
  ir::ValueRef Zero(int zero, bool is_signed) {
    return is_signed ? Const<int8_t>({}, {static_cast<int8_t>(zero)})
                     : Const<uint8_t>({}, {static_cast<uint8_t>(zero)});
  }

  ir::Model model;
  ir::Editor edit;
  int next = 0;
};

inline ir::Attribute Ints(const std::string& name, std::vector<int64_t> values) {
  ir::Attribute attribute;
  attribute.name = name;
  attribute.value = std::move(values);
  return attribute;
}
inline ir::Attribute Int(const std::string& name, int64_t value) {
  ir::Attribute attribute;
  attribute.name = name;
  attribute.value = value;
  return attribute;
}
inline ir::Attribute Float(const std::string& name, float value) {
  ir::Attribute attribute;
  attribute.name = name;
  attribute.value = value;
  return attribute;
}
inline ir::Attribute Text(const std::string& name, std::string value) {
  ir::Attribute attribute;
  attribute.name = name;
  attribute.value = std::move(value);
  return attribute;
}

inline std::vector<float> RandomFloats(Philox& random, int64_t count, float spread = 1) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = spread * static_cast<float>(random.NextNormal());
  return values;
}
inline ir::Tensor RandomTensor(Philox& random, const ir::Shape& dims, float spread = 1) {
  return ir::Tensor::Of<float>(dims, RandomFloats(random, ir::ElementCount(dims).value(), spread));
}

using Feeds = std::map<std::string, ir::Tensor>;

inline std::vector<ir::Tensor> RunEngine(const ir::Model& model, const Feeds& feeds,
                                         CompileOptions options = {}) {
  auto program = Compile(model, options);
  EXPECT_TRUE(program.ok()) << program.status();
  if (!program.ok()) return {};
  Session session(*program);
  auto results = session.Run(feeds);
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? *results : std::vector<ir::Tensor>{};
}

inline std::vector<ir::Tensor> RunReference(const ir::Model& model, const Feeds& feeds) {
  std::map<std::string, reference::RuntimeValue> values;
  for (const auto& [name, tensor] : feeds) values[name] = reference::RuntimeValue::Of(tensor);
  auto results = reference::Run(model, values);
  EXPECT_TRUE(results.ok()) << results.status();
  std::vector<ir::Tensor> tensors;
  if (results.ok()) {
    for (auto& value : *results) tensors.push_back(value.tensor);
  }
  return tensors;
}

// The largest difference of floats as a part of the largest magnitude expected; infinity on any
// other mismatch.
inline double Distance(const ir::Tensor& got, const ir::Tensor& want) {
  if (got.dtype() != want.dtype() || got.dims() != want.dims()) return INFINITY;
  if (got.dtype() != ir::DType::kFloat) return got == want ? 0 : INFINITY;
  double difference = 0, magnitude = 1e-30;
  const auto a = got.data<float>(), b = want.data<float>();
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) != std::isnan(b[i])) return INFINITY;
    if (a[i] == b[i] || std::isnan(a[i])) continue;
    difference = std::max(difference, std::fabs(static_cast<double>(a[i]) - b[i]));
    magnitude = std::max(magnitude, std::fabs(static_cast<double>(b[i])));
  }
  return difference / std::max(magnitude, 1e-30);
}

// Engine and reference agree; a comparison of constants would prove nothing, so the result must
// vary.
inline void ExpectAgrees(const Builder& b, const Feeds& feeds, double tolerance = 1e-5,
                         CompileOptions options = {}) {
  const auto got = RunEngine(b.model, feeds, options), want = RunReference(b.model, feeds);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_LE(Distance(got[i], want[i]), tolerance)
        << got[i].TypeText() << " and " << want[i].TypeText();
    const auto bytes = want[i].bytes();
    const bool varies =
        want[i].element_count() < 2 ||
        std::any_of(bytes.begin(), bytes.end(), [&](std::byte x) { return x != bytes[0]; });
    EXPECT_TRUE(varies) << "MISTRUSTED: the reference's result is constant";
  }
}

// The same, and the bits are the same on one thread and on five.
inline void ExpectAgreesOnThreads(const Builder& b, const Feeds& feeds, double tolerance = 1e-5) {
  const int before = ThreadCount();
  SetThreadCount(1);
  ExpectAgrees(b, feeds, tolerance);
  const auto alone = RunEngine(b.model, feeds);
  SetThreadCount(5);
  const auto together = RunEngine(b.model, feeds);
  SetThreadCount(before);
  EXPECT_EQ(together, alone) << "threads show";
}

// The largest number of quantization steps between two 8-bit tensors, and how many elements differ
// at all.
struct Steps {
  int largest = 0;
  double share = 0;
};
inline Steps StepsApart(const ir::Tensor& got, const ir::Tensor& want) {
  Steps steps;
  if (got.dims() != want.dims() || got.dtype() != want.dtype()) return {1000, 1};
  const auto a = got.ToInts(), b = want.ToInts();
  int64_t different = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    steps.largest = std::max(steps.largest, static_cast<int>(std::abs(a[i] - b[i])));
    different += a[i] != b[i];
  }
  steps.share = a.empty() ? 0 : static_cast<double>(different) / static_cast<double>(a.size());
  return steps;
}

// One step of the grid at most, and only near ties: a share of the elements that a wrong kernel
// would exceed at once.
inline void ExpectWithinAStep(const Builder& b, const Feeds& feeds, double share = 0.01) {
  const auto got = RunEngine(b.model, feeds), want = RunReference(b.model, feeds);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    const Steps steps = StepsApart(got[i], want[i]);
    EXPECT_LE(steps.largest, 1) << "output " << i;
    EXPECT_LE(steps.share, share) << "output " << i;
    const auto values = want[i].ToInts();
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    EXPECT_GT(*high - *low, 20) << "MISTRUSTED: hardly varies";
  }
}

}  // namespace assize::engine
