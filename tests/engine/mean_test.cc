// Mean, Sum, Max and Min of several operands and MeanVarianceNormalization against the reference;
// that they run natively, and that threads do not show.
#include "tests/engine/testing.h"

namespace assize::engine {
namespace {

void ExpectNativeMean(const Builder& b, const Feeds& feeds) {
  auto program = Compile(b.model);
  ASSERT_TRUE(program.ok()) << program.status();
  for (const StepInfo& step : Describe(**program))
    EXPECT_NE(step.kernel, "reference") << step.op_type;
  ExpectAgreesOnThreads(b, feeds);
}

TEST(Mean, OfSeveralOperands) {
  Philox random(95);
  for (const std::string op : {"Mean", "Sum", "Max", "Min"}) {
    SCOPED_TRACE(op);
    Builder b;
    const auto x = b.Input("x", {2, 1, 7}), y = b.Input("y", {5, 1}), z = b.Input("z", {2, 5, 7});
    const auto c = b.Const(RandomTensor(random, {7}));
    b.Output(b.Op(op, {x, y, z}));
    b.Output(b.Op(op, {z, c, x, y, z}));
    b.Output(b.Op(op, {x, y}));
    b.Output(b.Op("Exp", {b.Op(op, {x})}));
    ExpectNativeMean(b, {{"x", RandomTensor(random, {2, 1, 7})},
                         {"y", RandomTensor(random, {5, 1})},
                         {"z", RandomTensor(random, {2, 5, 7})}});
  }
}

TEST(Mean, VarianceNormalization) {
  Philox random(96);
  const ir::Shape dims{3, 5, 7, 9};
  Builder b;
  const auto x = b.Input("x", dims);
  const auto last = b.Op("MaxPool", {x}, {Ints("kernel_shape", {1, 1})});
  for (const auto& input : {x, last}) {
    b.Output(b.Op("MeanVarianceNormalization", {input}));
    for (const std::vector<int64_t>& axes :
         std::vector<std::vector<int64_t>>{{2, 3}, {1}, {0, -1}, {0, 1, 2, 3}, {-3, -2}})
      b.Output(b.Op("MeanVarianceNormalization", {input}, {Ints("axes", axes)}));
  }
  std::vector<float> values = RandomFloats(random, ir::ElementCount(dims).value());
  for (float& value : values) value += 30;
  ExpectNativeMean(b, {{"x", ir::Tensor::Of<float>(dims, values)}});
}

}  // namespace
}  // namespace assize::engine
