// The com.microsoft kernels on what no exporter writes: each case with an input left out, emptied,
// made a scalar or put in another's place, and with attributes of absurd values. They must answer
// with a result or an error; the sanitizers watch for the rest.
#include <gtest/gtest.h>

#include <limits>

#include "lib/ir/editor.h"
#include "lib/onnx/onnx.h"
#include "lib/support/files.h"
#include "tests/conformance/contrib.h"

namespace assize::conformance {
namespace {

using reference::RuntimeValue;

class Hostile {
 public:
  explicit Hostile(ir::Model& model) : model_(model) {
    limits_.max_tensor_bytes = 1 << 24;
    limits_.max_total_bytes = 1 << 26;
  }

  void Run(const std::vector<RuntimeValue>& inputs) {
    const auto result = reference::EvaluateNode(model_, model_.graph, model_.graph.first_node(),
                                                inputs, {}, limits_);
    ++(result.ok() ? ran : refused);
  }

  int ran = 0, refused = 0;

 private:
  ir::Model& model_;
  reference::Limits limits_;
};

void Torment(ir::Model& model, std::vector<RuntimeValue> inputs, Hostile& hostile) {
  hostile.Run(inputs);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const RuntimeValue kept = inputs[i];
    if (!kept.present()) continue;
    const ir::DType dtype = kept.tensor.dtype();
    std::vector<RuntimeValue> others = {RuntimeValue()};
    for (const ir::Shape& dims : {ir::Shape{}, ir::Shape{0}, ir::Shape{1}, ir::Shape{2, 0, 3},
                                  ir::Shape{3, 5, 7, 2}, ir::Shape{0, int64_t{1} << 62}}) {
      if (ir::ElementCount(dims))
        others.push_back(RuntimeValue::Of(ir::Tensor::Zeros(dtype, dims)));
    }
    for (const ir::DType other : {ir::DType::kInt64, ir::DType::kDouble})
      others.push_back(RuntimeValue::Of(ir::Tensor::Zeros(other, kept.tensor.dims())));
    for (const RuntimeValue& other : inputs) others.push_back(other);
    for (RuntimeValue& other : others) {
      inputs[i] = std::move(other);
      hostile.Run(inputs);
    }
    inputs[i] = kept;
  }
  const ir::NodeRef node = model.graph.first_node();
  const std::vector<ir::Attribute> attributes = model.graph.node(node).attributes;
  for (const ir::Attribute& attribute : attributes) {
    std::vector<ir::Attribute> changed;
    for (const int64_t value :
         {int64_t{-1}, int64_t{0}, int64_t{3}, int64_t{1} << 33,
          std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()}) {
      if (std::holds_alternative<int64_t>(attribute.value)) {
        changed.push_back(attribute);
        changed.back().value = value;
      } else if (const auto* list = std::get_if<std::vector<int64_t>>(&attribute.value)) {
        changed.push_back(attribute);
        changed.back().value = std::vector<int64_t>(list->size(), value);
        changed.push_back(attribute);
        changed.back().value = std::vector<int64_t>(list->size() + 1, value);
      }
    }
    for (const ir::Attribute& other : changed) {
      ir::Editor(model.graph).SetAttribute(node, other);
      hostile.Run(inputs);
    }
    ir::Editor(model.graph).SetAttribute(node, attribute);
  }
}

using HostileContrib = ContribCases;

TEST_F(HostileContrib, NothingCrashes) {
  int ran = 0, refused = 0;
  for (const Case& test_case : cases()) {
    SCOPED_TRACE(test_case.name);
    auto imported = onnx::ImportFile(test_case.model);
    ASSERT_TRUE(imported.ok()) << imported.status();
    ir::Model& model = imported->model;
    const ir::Graph& graph = model.graph;
    std::vector<RuntimeValue> inputs;
    int position = 0;
    for (const ir::ValueRef input : graph.node(graph.first_node()).inputs) {
      if (!input) {
        inputs.emplace_back();
      } else if (graph.value(input).initializer) {
        inputs.push_back(RuntimeValue::Of(graph.value(input).initializer->tensor));
      } else {
        const std::string path =
            fmt::format("{}/test_data_set_0/input_{}.pb", test_case.folder, position++);
        const auto bytes = ReadFile(path);
        ASSERT_TRUE(bytes.ok()) << bytes.status();
        const auto read = onnx::ImportTensor(*bytes, path);
        ASSERT_TRUE(read.ok()) << read.status();
        inputs.push_back(RuntimeValue::Of(read->tensor));
      }
    }
    Hostile hostile(model);
    Torment(model, inputs, hostile);
    ran += hostile.ran;
    refused += hostile.refused;
  }
  fmt::print("{} hostile nodes ran, {} were refused\n", ran, refused);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace assize::conformance
