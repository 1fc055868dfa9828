// The verifier, one broken model per rule: the rule's id must be among the findings, with its
// severity.
#include "lib/verify/verify.h"

#include <gtest/gtest.h>

#include "tests/passes/testing_models.h"

namespace assize::verify {
namespace {

using assize::testing::Attr;
using assize::testing::Floats;
using assize::testing::GraphBuilder;
using assize::testing::Int;
using assize::testing::Ints;
using assize::testing::MakeModel;
using assize::testing::Normal;

std::string Findings(const ir::Model& model) {
  std::string text;
  for (const Diagnostic& d : Verify(model)) {
    text += fmt::format("{} {} {}: {}\n", SeverityName(d.severity), d.rule, d.place, d.message);
  }
  return text;
}

#define EXPECT_FINDING(model, what) EXPECT_THAT(Findings(model), ::testing::HasSubstr(what))

class VerifyTest : public ::testing::Test {
 protected:
  ir::Model model_ = MakeModel();
  GraphBuilder b_{model_.graph};
};

TEST_F(VerifyTest, ASoundModelHasNoFindings) {
  b_.Input("x", {"N", "3"})
      .Init("W", Normal({3, 2}, 1))
      .Node("Gemm", {"x", "W"}, {"g"})
      .Node("Relu", {"g"}, {"y"})
      .Output("y");
  EXPECT_EQ(Findings(model_), "");
  EXPECT_TRUE(CheckModel(model_).ok());
}

TEST_F(VerifyTest, FindsCyclesAndNodesOutOfOrder) {
  b_.Input("x", {"3"}).Node("Relu", {"x"}, {"a"}).Node("Add", {"a", "x"}, {"b"}).Output("b");
  b_.edit().SetInput(model_.graph.first_node(), 0, b_.Get("b"));
  EXPECT_FINDING(model_,
                 "error AZ-VER-0013 graph \"test\": Relu -> \"a\": input 0 \"b\" is used before it "
                 "is defined");
  EXPECT_EQ(CheckModel(model_).code(), StatusCode::kInvalidArgument);
  b_.edit().SetInput(model_.graph.first_node(), 0, b_.Get("x"));
  b_.edit().MoveBefore(model_.graph.nodes()[1], model_.graph.nodes()[0]);
  EXPECT_FINDING(model_, "AZ-VER-0013");
}

TEST_F(VerifyTest, FindsACaptureThatNoOuterGraphDefines) {
  b_.Input("c", {}, ir::DType::kBool);
  const auto branch = [](const std::string& name) {
    ir::Graph graph;
    GraphBuilder inner(graph);
    inner.edit().SetName(name);
    inner.edit().AddInput(name + "_in", ir::Type::TensorOf(ir::DType::kFloat));
    inner.Node("Relu", {name + "_in"}, {name + "_y"}).Output(name + "_y");
    return graph;
  };
  ir::Graph then_graph = branch("t");
  ir::Editor(then_graph)
      .SetInput(then_graph.first_node(), 0, ir::Editor(then_graph).AddCapture("c"));
  b_.Node("If", {"c"}, {"y"},
          {Attr("then_branch", ir::GraphBox(then_graph)),
           Attr("else_branch", ir::GraphBox(branch("e")))})
      .Output("y");
  EXPECT_EQ(CheckModel(model_).code(), StatusCode::kOk) << Findings(model_);
  // The whole subgraph as a model of its own: nothing is around it.
  model_.graph = then_graph;
  EXPECT_FINDING(model_, "error AZ-VER-0012");
}

TEST_F(VerifyTest, ASubgraphMayNotUseWhatItsGraphDefinesLater) {
  b_.Input("c", {}, ir::DType::kBool).Input("x", {"2"}).Node("Exp", {"x"}, {"late"});
  ir::Graph graph;
  GraphBuilder inner(graph);
  inner.edit().SetName("t");
  inner.edit().AddCapture("late");
  inner.Node("Relu", {"late"}, {"ty"}).Output("ty");
  ir::Graph other = graph;
  ir::Editor(other).Rename(other.FindValue("ty"), "ey");
  b_.Node("If", {"c"}, {"y"},
          {Attr("then_branch", ir::GraphBox(graph)), Attr("else_branch", ir::GraphBox(other))})
      .Output("y");
  EXPECT_TRUE(CheckModel(model_).ok()) << Findings(model_);
  b_.edit().MoveBefore(model_.graph.nodes()[1], model_.graph.nodes()[0]);
  EXPECT_FINDING(model_, "AZ-VER-0012");
}

TEST_F(VerifyTest, OpsetsAndOps) {
  b_.Input("x", {"3"}).Node("Relu", {"x"}, {"y"}, {}, "com.example").Output("y");
  EXPECT_FINDING(model_, "error AZ-VER-0022");
  model_.set_opset("com.example", 1);
  EXPECT_FINDING(model_, "note AZ-VER-0023");
  EXPECT_TRUE(CheckModel(model_).ok());
  b_.edit().SetOp(model_.graph.first_node(), "Gelu", "");
  EXPECT_FINDING(model_, "op Gelu is not known in opset 13 of ai.onnx; it exists since opset 20");
  model_.opset_imports.push_back({"ai.onnx", 12, ""});
  EXPECT_FINDING(model_, "error AZ-VER-0020");
}

TEST_F(VerifyTest, ArityAndAttributes) {
  b_.Input("x", {"2", "2"})
      .Node("Relu", {"x", "x"}, {"a"})
      .Node("Concat", {"x"}, {"b"})
      .Node("Gemm", {"x", ""}, {"c"});
  b_.Node("Softmax", {"x"}, {"d"}, {Attr("axis", 1.0f)})
      .Node("Flatten", {"x"}, {"e"}, {Int("axes", 1)});
  b_.Node("Flatten", {"x"}, {"f"}, {Int("axis", 1), Int("axis", 1)}).Output("a");
  EXPECT_FINDING(model_,
                 "error AZ-VER-0026 graph \"test\": Relu -> \"a\": has 2 inputs, expected 1");
  EXPECT_FINDING(
      model_, "error AZ-VER-0031 graph \"test\": Concat -> \"b\": attribute \"axis\" is missing");
  EXPECT_FINDING(model_, "error AZ-VER-0028 graph \"test\": Gemm -> \"c\": input 1 (B) is omitted");
  EXPECT_FINDING(model_,
                 "error AZ-VER-0030 graph \"test\": Softmax -> \"d\": attribute \"axis\" has type "
                 "float, expected int");
  EXPECT_FINDING(model_, "warning AZ-VER-0029");
  EXPECT_FINDING(model_, "error AZ-VER-0025");
}

TEST_F(VerifyTest, AttributeReferencesBelongInFunctions) {
  ir::Attribute axis;
  axis.name = "axis";
  axis.ref_name = "a";
  axis.ref_type = 2;
  b_.Input("x", {"2", "2"}).Node("Flatten", {"x"}, {"y"}, {axis}).Output("y");
  EXPECT_FINDING(model_, "error AZ-VER-0018");
}

TEST_F(VerifyTest, RecursionOfFunctions) {
  b_.Input("x", {"2"}).Node("A", {"x"}, {"y"}, {}, "local").Output("y");
  model_.set_opset("local", 1);
  for (const auto& [name, callee] : {std::pair("A", "B"), std::pair("B", "A")}) {
    ir::Function f;
    f.name = name;
    f.domain = "local";
    f.opset_imports = {{"local", 1, ""}};
    GraphBuilder body(f.body);
    body.edit().AddInput("p", ir::Type());
    body.Node(callee, {"p"}, {"q"}, {}, "local").Output("q");
    model_.functions.push_back(f);
  }
  EXPECT_FINDING(model_, "error AZ-VER-0015");
}

TEST_F(VerifyTest, StaleShapesAndForeignTypesAreWarnings) {
  b_.Input("x", {"2", "3"})
      .Input("h", {"2"}, ir::DType::kString)
      .Node("Relu", {"x"}, {"y"})
      .Node("Relu", {"h"}, {"z"})
      .Output("y")
      .Output("z");
  b_.edit().SetType(b_.Get("y"), ir::Type::TensorOf(ir::DType::kFloat, std::vector<int64_t>{7}));
  EXPECT_FINDING(model_,
                 "warning AZ-VER-0041 graph \"test\": value \"y\": is declared f32 [7] and comes "
                 "out as f32 [2,3]");
  EXPECT_FINDING(model_, "warning AZ-VER-0042");
  EXPECT_TRUE(CheckModel(model_).ok());
}

TEST_F(VerifyTest, ReportsAllErrorsInOneStatus) {
  b_.Input("x", {"2", "2"})
      .Node("Concat", {"x"}, {"a"})
      .Node("Concat", {"x"}, {"b"})
      .Output("a")
      .Output("b");
  const std::string message = Message(CheckModel(model_));
  EXPECT_THAT(message, ::testing::HasSubstr("Concat -> \"a\""));
  EXPECT_THAT(message, ::testing::HasSubstr("\nAZ-VER-0031 graph \"test\": Concat -> \"b\""));
}

}  // namespace
}  // namespace assize::verify
