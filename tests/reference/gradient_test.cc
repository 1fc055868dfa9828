// Gradient against central differences of the graph it differentiates, one op after another, with
// operands that broadcast. Catches a rule with the wrong sign, factor or operand.
#include <gtest/gtest.h>

#include <functional>

#include "lib/ir/editor.h"
#include "lib/reference/convert.h"
#include "lib/reference/reference.h"

namespace assize::reference {
namespace {

// y = op(x0, x1) and dx0, dx1 by Gradient; doubles, so that differences are sharp.
struct Differentiated {
  explicit Differentiated(const std::string& op, const std::vector<ir::Tensor>& given)
      : inputs(given) {
    model.ir_version = 8;
    model.set_opset("", 13);
    model.set_opset("ai.onnx.preview.training", 1);
    ir::Editor edit(model.graph);
    std::vector<std::string> names;
    ir::NodeSpec node, gradient, square;
    node.op_type = op;
    gradient.op_type = "Gradient";
    gradient.domain = "ai.onnx.preview.training";
    for (size_t i = 0; i < inputs.size(); ++i) {
      names.push_back("x" + std::to_string(i));
      node.inputs.push_back(edit.AddInput(names[i], ir::Type::TensorOf(ir::DType::kDouble)));
      gradient.outputs.push_back("d" + names[i]);
    }
    gradient.inputs = node.inputs;
    node.outputs = {"t"};
    // Its square keeps the derivative from being constant.
    const ir::ValueRef t = edit.output(edit.AddNode(std::move(node)));
    square.op_type = "Mul";
    square.inputs = {t, t};
    square.outputs = {"y"};
    edit.AddOutput(edit.output(edit.AddNode(std::move(square))));
    ir::Attribute xs, y;
    xs.name = "xs";
    xs.value = names;
    y.name = "y";
    y.value = std::string("y");
    gradient.attributes = {xs, y};
    const ir::NodeRef last = edit.AddNode(std::move(gradient));
    for (size_t i = 0; i < inputs.size(); ++i) edit.AddOutput(edit.output(last, i));
  }

  std::vector<RuntimeValue> Run(const std::vector<ir::Tensor>& with) const {
    std::map<std::string, RuntimeValue> feeds;
    for (size_t i = 0; i < with.size(); ++i)
      feeds["x" + std::to_string(i)] = RuntimeValue::Of(with[i]);
    auto results = reference::Run(model, feeds);
    EXPECT_TRUE(results.ok()) << results.status();
    return results.ok() ? *results : std::vector<RuntimeValue>{};
  }
  double Sum(const std::vector<ir::Tensor>& with) const {
    double sum = 0;
    for (const double value : Reals(Run(with).at(0).tensor)) sum += value;
    return sum;
  }

  ir::Model model;
  std::vector<ir::Tensor> inputs;
};

ir::Tensor Doubles(const ir::Shape& dims, double first, double step) {
  std::vector<double> values(static_cast<size_t>(ir::ElementCount(dims).value()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = first + step * static_cast<double>(i);
  return ir::Tensor::Of<double>(dims, values);
}

void ExpectDifferences(const std::string& op, const std::vector<ir::Tensor>& inputs) {
  SCOPED_TRACE(op);
  const Differentiated d(op, inputs);
  const std::vector<RuntimeValue> results = d.Run(inputs);
  ASSERT_EQ(results.size(), inputs.size() + 1);
  for (size_t i = 0; i < inputs.size(); ++i) {
    ASSERT_EQ(results[i + 1].tensor.dims(), inputs[i].dims());
    const std::vector<double> got = Reals(results[i + 1].tensor), at = Reals(inputs[i]);
    for (size_t k = 0; k < at.size(); ++k) {
      const double h = 1e-5;
      std::vector<double> moved = at;
      std::vector<ir::Tensor> up = inputs, down = inputs;
      moved[k] = at[k] + h;
      up[i] = ir::Tensor::Of<double>(inputs[i].dims(), moved);
      moved[k] = at[k] - h;
      down[i] = ir::Tensor::Of<double>(inputs[i].dims(), moved);
      const double want = (d.Sum(up) - d.Sum(down)) / (2 * h);
      EXPECT_NEAR(got[k], want, 1e-6 * (1 + std::fabs(want))) << "input " << i << " element " << k;
    }
  }
}

TEST(Gradient, EqualsCentralDifferences) {
  for (const char* op : {"Neg", "Abs", "Exp", "Log", "Sqrt", "Reciprocal", "Tanh", "Sigmoid",
                         "Relu", "Softplus", "Sin", "Cos", "Erf", "Identity"}) {
    ExpectDifferences(op, {Doubles({2, 3}, 0.3, 0.4)});
  }
  for (const char* op : {"Add", "Sub", "Mul", "Div", "Pow"}) {
    ExpectDifferences(op, {Doubles({2, 1, 3}, 0.5, 0.3), Doubles({2, 1}, 1.1, 0.6)});
  }
  ExpectDifferences("MatMul", {Doubles({2, 3}, -0.5, 0.3), Doubles({3, 4}, -1, 0.2)});
  ExpectDifferences("Gemm",
                    {Doubles({2, 3}, -0.5, 0.3), Doubles({3, 4}, -1, 0.2), Doubles({4}, 0.1, 0.7)});
}

TEST(Gradient, NamesTheOpThatHasNoRule) {
  const Differentiated d("Floor", {Doubles({2}, 0.5, 1)});
  const auto result = reference::Run(d.model, {{"x0", RuntimeValue::Of(d.inputs[0])}});
  ASSERT_FALSE(result.ok());
  EXPECT_NE(Message(result.status()).find("no derivative of Floor is known"), std::string::npos)
      << result.status();
}

}  // namespace
}  // namespace assize::reference
