// Bodies of If, Loop and Scan run as programs: the same results as the reference, by fast kernels.
#include <functional>
#include <set>

#include "tests/engine/testing.h"

namespace assize::engine {
namespace {

ir::ValueRef NodeIn(ir::Editor& edit, const std::string& op, std::vector<ir::ValueRef> inputs,
                    const std::string& out, const std::vector<ir::Attribute>& attributes = {}) {
  ir::NodeSpec spec;
  spec.op_type = op;
  spec.inputs = std::move(inputs);
  spec.outputs = {out};
  spec.attributes = attributes;
  return edit.output(edit.AddNode(std::move(spec)));
}

ir::Attribute BodyNamed(const std::string& name, const std::function<void(ir::Editor&)>& build) {
  ir::Graph body;
  ir::Editor edit(body);
  edit.SetName(name);
  build(edit);
  ir::Attribute attribute;
  attribute.name = name;
  attribute.value = ir::GraphBox(std::move(body));
  return attribute;
}

ir::Type Scalar(ir::DType dtype) { return ir::Type::TensorOf(dtype, std::vector<int64_t>{}); }

// Runs twice, with profiling, and compares; the kernels that ran.
std::set<std::string> KernelsOf(const Builder& b, const Feeds& feeds, double tolerance = 1e-5) {
  const auto want = RunReference(b.model, feeds);
  auto program = Compile(b.model);
  EXPECT_TRUE(program.ok()) << program.status();
  std::set<std::string> kernels;
  if (!program.ok()) return kernels;
  Session session(*program);
  session.set_profiling(true);
  for (int run = 0; run < 2; ++run) {
    const auto got = session.Run(feeds);
    EXPECT_TRUE(got.ok()) << got.status();
    if (!got.ok()) return kernels;
    EXPECT_EQ(got->size(), want.size());
    for (size_t i = 0; i < want.size(); ++i) {
      EXPECT_LE(Distance(got->at(i), want[i]), tolerance)
          << got->at(i).TypeText() << " and " << want[i].TypeText();
    }
  }
  for (const StepProfile& step : session.Profile()) kernels.insert(step.info.kernel);
  return kernels;
}

// Whole networks stand in branches where a decoder with and without a cache is one file.
TEST(Bodies, BranchesOfIf) {
  for (const bool condition : {true, false}) {
    SCOPED_TRACE(condition);
    Philox random(70);
    Builder b(17);
    const auto x = b.Input("x", {2, 3, 8, 8});
    const auto on = b.Input("on", {}, ir::DType::kBool);
    const auto doubled = b.Op("Add", {x, x});
    const auto w = b.Const(RandomTensor(random, {4, 3, 3, 3}));
    b.edit.Rename(w, "w");
    const std::string inside = b.edit.graph().value(doubled).name;
    const auto branch = [&](const char* name, const char* activation) {
      return BodyNamed(name, [&](ir::Editor& edit) {
        const auto fed = edit.AddCapture(inside), weights = edit.AddCapture("w");
        const auto y = NodeIn(edit, "Conv", {fed, weights}, std::string(name) + "_conv",
                              {Ints("pads", {1, 1, 1, 1})});
        edit.AddOutput(NodeIn(edit, activation, {y}, std::string(name) + "_y"));
      });
    };
    b.Output(b.Op("If", {on}, {branch("then_branch", "Relu"), branch("else_branch", "Tanh")}));
    const auto kernels = KernelsOf(b, {{"x", RandomTensor(random, {2, 3, 8, 8})},
                                       {"on", ir::Tensor::Of<bool>({}, {condition})}});
    EXPECT_TRUE(kernels.contains("onednn:conv:f32")) << fmt::format("{}", fmt::join(kernels, " "));
  }
}

TEST(Bodies, LoopWithALayer) {
  for (const int64_t trips : {0, 1, 5}) {
    SCOPED_TRACE(trips);
    Philox random(71);
    Builder b(17);
    const auto x = b.Input("x", {2, 16});
    const auto w = b.Const(RandomTensor(random, {16, 16}, 0.3f));
    b.edit.Rename(w, "w");
    const auto body = BodyNamed("body", [&](ir::Editor& edit) {
      edit.AddInput("round", Scalar(ir::DType::kInt64));
      const auto go = edit.AddInput("go", Scalar(ir::DType::kBool));
      // The shape that the body declares is stale.
      const auto h = edit.AddInput("h", ir::Type::TensorOf(ir::DType::kFloat, {1, 16}));
      const auto next =
          NodeIn(edit, "Tanh", {NodeIn(edit, "MatMul", {h, edit.AddCapture("w")}, "m")}, "next");
      edit.AddOutput(NodeIn(edit, "Identity", {go}, "on"));
      edit.AddOutput(next);
      edit.AddOutput(NodeIn(edit, "Neg", {next}, "each"));
    });
    ir::NodeSpec spec;
    spec.op_type = "Loop";
    spec.inputs = {b.Const<int64_t>({}, {trips}), b.Const(ir::Tensor::Of<bool>({}, {true})), x};
    spec.outputs = {"last", "all"};
    spec.attributes = {body};
    const auto node = b.edit.AddNode(std::move(spec));
    b.Output(b.edit.output(node, 0));
    b.Output(b.edit.output(node, 1));
    const auto kernels = KernelsOf(b, {{"x", RandomTensor(random, {2, 16})}});
    EXPECT_EQ(trips > 0, kernels.contains("onednn:matmul:f32") || kernels.contains("own:dense:f32"))
        << fmt::format("{}", fmt::join(kernels, " "));
  }
}

// A scan with a layer, inside a branch, over weights of the outermost graph.
TEST(Bodies, ScanInABranch) {
  Philox random(72);
  Builder b(17);
  const auto xs = b.Input("xs", {6, 2, 16});
  const auto start = b.Input("start", {2, 16});
  const auto on = b.Input("on", {}, ir::DType::kBool);
  const auto w = b.Const(RandomTensor(random, {16, 16}, 0.3f));
  b.edit.Rename(w, "w");
  (void)xs, (void)start;
  const auto then_branch = BodyNamed("then_branch", [&](ir::Editor& edit) {
    const auto from = edit.AddCapture("start"), over = edit.AddCapture("xs");
    const auto body = BodyNamed("body", [&](ir::Editor& inner) {
      const auto h = inner.AddInput("h", ir::Type::TensorOf(ir::DType::kFloat));
      const auto x = inner.AddInput("x", ir::Type::TensorOf(ir::DType::kFloat));
      const auto m = NodeIn(inner, "MatMul", {h, inner.AddCapture("w")}, "m");
      const auto next = NodeIn(inner, "Tanh", {NodeIn(inner, "Add", {m, x}, "sum")}, "next");
      inner.AddOutput(next);
      inner.AddOutput(NodeIn(inner, "Identity", {next}, "each"));
    });
    ir::NodeSpec spec;
    spec.op_type = "Scan";
    spec.inputs = {from, over};
    spec.outputs = {"last", "all"};
    spec.attributes = {body, Int("num_scan_inputs", 1)};
    const auto node = edit.AddNode(std::move(spec));
    edit.AddOutput(edit.output(node, 1));
  });
  const auto else_branch = BodyNamed("else_branch", [&](ir::Editor& edit) {
    edit.AddOutput(NodeIn(edit, "Neg", {edit.AddCapture("xs")}, "negative"));
  });
  b.Output(b.Op("If", {on}, {then_branch, else_branch}));
  for (const bool condition : {true, false}) {
    SCOPED_TRACE(condition);
    KernelsOf(b, {{"xs", RandomTensor(random, {6, 2, 16})},
                  {"start", RandomTensor(random, {2, 16})},
                  {"on", ir::Tensor::Of<bool>({}, {condition})}});
  }
}

// What a body cannot pass through a session stays with the reference.
TEST(Bodies, SequencesStayWithTheReference) {
  Philox random(73);
  Builder b(17);
  const auto x = b.Input("x", {3, 4});
  const auto on = b.Input("on", {}, ir::DType::kBool);
  const auto branch = [&](const char* name, const char* op) {
    return BodyNamed(name, [&](ir::Editor& edit) {
      const auto y = NodeIn(edit, op, {edit.AddCapture("x")}, std::string(name) + "_y");
      edit.AddOutput(NodeIn(edit, "SequenceConstruct", {y, y}, std::string(name) + "_s"));
    });
  };
  (void)x;
  const auto sequence =
      b.Op("If", {on}, {branch("then_branch", "Neg"), branch("else_branch", "Abs")});
  b.Output(b.Op("ConcatFromSequence", {sequence}, {Int("axis", 0)}));
  const Feeds feeds = {{"x", RandomTensor(random, {3, 4})},
                       {"on", ir::Tensor::Of<bool>({}, {true})}};
  ExpectAgrees(b, feeds, 0);
  KernelsOf(b, feeds, 0);  // and in a session's second run
}

}  // namespace
}  // namespace assize::engine
