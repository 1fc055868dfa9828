// Graphs, functions and headers: what is kept, what is refused and how the message names the place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/ir/hash.h"
#include "lib/onnx/onnx.h"
#include "lib/support/exit_code.h"
#include "tests/onnx/wire_builder.h"

namespace assize::onnx {
namespace {

using ::testing::HasSubstr;

// A model that uses every field of the format that the other corpora leave out.
Wire FullModel() {
  const Wire type = TensorType(1, {2});
  const Wire device = Wire().Text(1, "cfg").Int(3, 2).Sub(2, Wire().Text(1, "x").Int(2, 0));
  const Wire named_type =
      Wire()
          .Text(6, "IMAGE")
          .Sub(1, Wire().Int(1, 1).Sub(2, Wire()
                                              .Sub(1, Wire().Text(2, "N").Text(3, "BATCH"))
                                              .Sub(1, Wire())
                                              .Sub(1, Wire().Int(1, 0))));
  const Wire subgraph = Wire()
                            .Text(2, "then")
                            .Sub(1, Node("Add", {"outer", "x"}, {"inner"}))
                            .Sub(12, Wire().Text(1, "inner"));
  const Wire nested =
      Wire()
          .Text(2, "wrap")
          .Sub(1, Node("If", {"cond"}, {"r"})
                      .Sub(5, Wire().Text(1, "then_branch").Int(20, 5).Sub(6, subgraph)))
          .Sub(12, Wire().Text(1, "r"));
  const Wire graph =
      Wire()
          .Text(2, "main")
          .Text(10, "graph doc")
          .Sub(16, Pair("gk", "gv"))
          .Sub(14, Wire().Text(1, "y").Sub(2, Pair("SCALE_TENSOR", "s")))
          .Sub(11, Wire(ValueInfo("x", type)).Text(3, "input doc").Sub(4, Pair("ik", "iv")))
          .Sub(11, ValueInfo("cond", TensorType(9, {})))
          .Sub(11, ValueInfo("w", type))
          .Sub(11, ValueInfo("img", named_type))
          .Sub(11,
               ValueInfo(
                   "seq",
                   Wire().Sub(
                       4, Wire().Sub(
                              1, Wire().Sub(9, Wire().Sub(1, Wire().Sub(1, Wire().Int(1, 1))))))))
          .Sub(11, ValueInfo("map", Wire().Sub(5, Wire().Int(1, 8).Sub(
                                                      2, Wire().Sub(8, Wire().Int(1, 11))))))
          .Sub(11, ValueInfo("opaque", Wire().Sub(7, Wire().Text(1, "d").Text(2, "n"))))
          .Sub(5, Tensor("w", 1, {2}, std::string_view("\x00\x00\x80\x3f\x00\x00\x00\x40", 8))
                      .Text(12, "tensor doc"))
          .Sub(1, Node("Relu", {"x"}, {"outer"})
                      .Text(3, "relu")
                      .Text(6, "node doc")
                      .Sub(9, Pair("nk", "nv"))
                      .Sub(10, device)
                      .Int(77, 3))
          .Sub(1, Node("Clip", {"outer", "", "w"}, {"y", "", ""}))
          .Sub(1, Node("If", {"cond"}, {"z"})
                      .Sub(5, Wire().Text(1, "then_branch").Int(20, 5).Sub(6, nested)))
          .Sub(1, Node("F", {"x"}, {"f"})
                      .Text(7, "local")
                      .Text(8, "ov")
                      .Sub(5, Wire().Text(1, "empty").Int(20, 7)))
          .Sub(13, Wire(ValueInfo("outer", type)).Text(3, "value doc"))
          .Sub(13, ValueInfo("stale", type))
          .Sub(12, ValueInfo("y", type))
          .Sub(12, ValueInfo("z", type))
          .Int(500, 1);
  const Wire function =
      Wire()
          .Text(1, "F")
          .Text(10, "local")
          .Text(13, "ov")
          .Text(4, "a")
          .Text(5, "b")
          .Text(6, "alpha")
          .Sub(11, Wire().Text(1, "beta").Int(20, 1).Float(2, 0.5f))
          .Sub(7, Node("Elu", {"a"}, {"b"})
                      .Sub(5, Wire().Text(1, "alpha").Int(20, 1).Text(21, "alpha")))
          .Sub(9, Opset(17))
          .Sub(12, ValueInfo("a", type))
          .Sub(14, Pair("fk", "fv"))
          .Text(8, "function doc");
  return ModelOf(graph, 10, 22)
      .Sub(8, Opset(1, "local"))
      .Sub(8, Opset(3, "ai.onnx.ml"))
      .Text(2, "producer")
      .Text(3, "1.0")
      .Text(4, "org.example")
      .Int(5, 0)
      .Text(6, "model doc")
      .Sub(14, Pair("mk", "mv"))
      .Sub(14, Pair("mk", "again"))
      .Sub(20, Wire()
                   .Sub(2, ReluGraph(Wire().Sub(5, Tensor("t", 2, {3}, "abc"))))
                   .Sub(4, Pair("w", "y")))
      .Sub(25, function)
      .Sub(26, Wire().Text(1, "cfg").Int(2, 2).Text(3, "a").Text(3, "b"))
      .Text(300, "unknown");
}

TEST(Graph, KeepsEveryField) {
  const auto model = ImportBytes(FullModel().bytes(), "full");
  ASSERT_TRUE(model.ok()) << Message(model.status());
  const auto exported = ExportBytes(*model);
  ASSERT_TRUE(exported.ok());
  // Every text that the source holds is in what we write.
  for (const std::string text :
       {"graph doc", "gk",      "gv",           "SCALE_TENSOR", "input doc",   "ik",        "iv",
        "IMAGE",     "BATCH",   "tensor doc",   "node doc",     "nk",          "nv",        "cfg",
        "value doc", "stale",   "inner",        "then",         "wrap",        "ov",        "alpha",
        "beta",      "fk",      "function doc", "producer",     "org.example", "model doc", "mk",
        "again",     "unknown", "abc",          "opaque"}) {
    EXPECT_THAT(exported->model, HasSubstr(text));
  }
  const auto again = ImportBytes(exported->model, "full");
  ASSERT_TRUE(again.ok()) << Message(again.status());
  EXPECT_EQ(ir::StructuralHash(*again), ir::StructuralHash(*model));
  EXPECT_EQ(ExportBytes(*again)->model, exported->model);

  EXPECT_EQ(again->model_version, std::optional<int64_t>(0));
  const ir::Graph& graph = again->graph;
  const ir::Value& weight = graph.value(graph.FindValue("w"));
  EXPECT_TRUE(weight.is_input);
  ASSERT_TRUE(weight.initializer.has_value());
  EXPECT_FALSE(weight.is_constant());
  const auto nodes = graph.nodes();
  ASSERT_EQ(nodes.size(), 4u);
  const ir::Node& clip = graph.node(nodes[1]);
  ASSERT_EQ(clip.inputs.size(), 3u);
  EXPECT_FALSE(clip.inputs[1]);
  EXPECT_EQ(clip.outputs.size(), 3u);
  // "outer" and "x" are used two graphs below: captures of the outer node.
  EXPECT_EQ(graph.node(nodes[2]).captures.size(), 3u);
  const ir::Type& image = graph.value(graph.FindValue("img")).type;
  ASSERT_TRUE(image.shape.has_value());
  EXPECT_EQ(image.shape->at(0).param, "N");
  EXPECT_EQ(image.shape->at(0).denotation, "BATCH");
  EXPECT_FALSE(image.shape->at(1).known());
  EXPECT_EQ(image.shape->at(2).value, std::optional<int64_t>(0));
  const ir::Attribute* empty = graph.node(nodes[3]).FindAttribute("empty");
  ASSERT_NE(empty, nullptr);
  EXPECT_EQ(empty->number(), 7);
  ASSERT_EQ(again->functions.size(), 1u);
  EXPECT_EQ(again->functions[0].attributes, std::vector<std::string>{"alpha"});
  ASSERT_EQ(again->functions[0].attribute_defaults.size(), 1u);
}

TEST(Graph, ShapeOfRankZeroIsNotNoShape) {
  const Wire graph = ReluGraph(Wire()
                                   .Sub(11, ValueInfo("scalar", TensorType(1, {})))
                                   .Sub(11, ValueInfo("any", Wire().Sub(1, Wire().Int(1, 1)))));
  const auto first = ImportBytes(ModelOf(graph).bytes(), "m");
  ASSERT_TRUE(first.ok());
  const auto again = ImportBytes(ExportBytes(*first)->model, "m");
  ASSERT_TRUE(again.ok());
  const auto& type = [&](const char* name) -> const ir::Type& {
    return again->graph.value(again->graph.FindValue(name)).type;
  };
  ASSERT_TRUE(type("scalar").shape.has_value());
  EXPECT_TRUE(type("scalar").shape->empty());
  EXPECT_FALSE(type("any").shape.has_value());
}

struct Bad {
  std::string name;
  Wire model;
  std::string message;
};

TEST(Graph, RefusesWhatCannotBeBuilt) {
  const Wire relu = Node("Relu", {"x"}, {"z"});
  const auto with = [&](const Wire& more) { return ModelOf(ReluGraph(more)); };
  const auto function = [](const std::string& name, const std::string& calls) {
    return Wire()
        .Text(1, name)
        .Text(10, "d")
        .Sub(9, Opset(1, "d"))
        .Sub(7, Node(calls, {}, {"o"}).Text(7, "d"));
  };
  const Wire hidden_call =
      Wire()
          .Text(1, "H")
          .Text(10, "d")
          .Sub(9, Opset(1, "d"))
          .Sub(7, Node("If", {"c"}, {"o"})
                      .Sub(5, Wire().Text(1, "b").Int(20, 5).Sub(
                                  6, Wire().Sub(1, Node("H", {}, {"q"}).Text(7, "d")))));
  const std::vector<Bad> cases = {
      {"output twice", with(Wire().Sub(1, relu).Sub(1, relu)), "output \"z\" is defined already"},
      {"output twice in one node", with(Wire().Sub(1, Node("Split", {"x"}, {"a", "a"}))),
       "output \"a\""},
      {"output named as an input", with(Wire().Sub(1, Node("Relu", {"y"}, {"x"}))),
       "output \"x\" is defined already"},
      {"initializer twice",
       with(Wire().Sub(5, Tensor("w", 2, {1}, "a")).Sub(5, Tensor("w", 2, {1}, "a"))),
       "initializer[1] \"w\": the name is given to two"},
      {"initializer without a name", with(Wire().Sub(5, Tensor("", 2, {1}, "a"))),
       "without a name"},
      {"input twice", with(Wire().Sub(11, ValueInfo("x", TensorType(1, {2})))),
       "input \"x\" is given twice"},
      {"no op type", with(Wire().Sub(1, Wire().Text(1, "x").Text(2, "q"))), "without op_type"},
      {"attribute twice",
       with(Wire().Sub(
           1,
           Wire(relu).Sub(5, Wire().Text(1, "a").Int(3, 1)).Sub(5, Wire().Text(1, "a").Int(3, 1)))),
       "node[1] Relu: attribute \"a\" is given twice"},
      {"two values",
       with(Wire().Sub(1, Wire(relu).Sub(5, Wire().Text(1, "a").Int(3, 1).Float(2, 1)))),
       "both f and i are set"},
      {"type and value disagree",
       with(Wire().Sub(1, Wire(relu).Sub(5, Wire().Text(1, "a").Int(3, 1).Int(20, 1)))),
       "i is set, but the declared type is 1"},
      {"graphs where a graph is declared",
       with(Wire().Sub(1, Wire(relu).Sub(5, Wire().Text(1, "a").Int(20, 5).Sub(11, Wire())))),
       "graphs is set"},
      {"tensor missing", with(Wire().Sub(1, Wire(relu).Sub(5, Wire().Text(1, "a").Int(20, 4)))),
       "t is missing"},
      {"element type", with(Wire().Sub(11, ValueInfo("q", TensorType(99, {})))), "elem_type is 99"},
      {"negative dim", with(Wire().Sub(11, ValueInfo("q", TensorType(1, {INT64_MIN})))),
       "dim[0] is -92"},
      {"IR version 0", ModelOf(ReluGraph(), 0), "IR version 0 is not supported, expected 3 to 14"},
      {"IR version 999", ModelOf(ReluGraph(), 999), "IR version 999"},
      {"opset 99", ModelOf(ReluGraph(), 8, 99),
       "opset 99 of domain \"\" is not supported, expected 1 to 28"},
      {"opset INT64_MAX", ModelOf(ReluGraph(), 8, INT64_MAX), "opset 9223372036854775807"},
      {"domain twice", ModelOf(ReluGraph()).Sub(8, Opset(13, "ai.onnx")), "twice"},
      {"no opset", Wire().Int(1, 8).Sub(7, ReluGraph()), "no opset_import"},
      {"no graph", Wire().Int(1, 8).Sub(8, Opset(17)), "no graph"},
      {"function calls itself", ModelOf(ReluGraph()).Sub(25, function("A", "A")),
       "function \"A\" calls itself"},
      {"two call each other",
       ModelOf(ReluGraph()).Sub(25, function("A", "B")).Sub(25, function("B", "A")),
       "calls itself"},
      {"call in an If", ModelOf(ReluGraph()).Sub(25, hidden_call), "function \"H\" calls itself"},
      {"function twice",
       ModelOf(ReluGraph()).Sub(25, function("A", "R")).Sub(25, function("A", "R")),
       "is defined twice"},
  };
  for (const Bad& bad : cases) {
    const auto model = ImportBytes(bad.model.bytes(), "dir/m.onnx");
    ASSERT_FALSE(model.ok()) << bad.name;
    EXPECT_THAT(Message(model.status()), HasSubstr(bad.message)) << bad.name;
    EXPECT_THAT(Message(model.status()), ::testing::StartsWith("dir/m.onnx: ")) << bad.name;
    EXPECT_EQ(ExitCodeOf(model.status()), ExitCode::kBadInput) << bad.name;
  }
}

TEST(Graph, CallChainsHaveALimit) {
  const auto chain = [](int length) {
    Wire model = ModelOf(ReluGraph());
    for (int i = 0; i < length; ++i) {
      const std::string callee = i + 1 < length ? "F" + std::to_string(i + 1) : "Relu";
      model.Sub(25, Wire()
                        .Text(1, "F" + std::to_string(i))
                        .Text(10, "d")
                        .Sub(9, Opset(1, "d"))
                        .Sub(7, Node(callee, {}, {"o"}).Text(7, "d")));
    }
    return ImportBytes(model.bytes(), "m").status();
  };
  EXPECT_TRUE(chain(100).ok());
  EXPECT_THAT(Message(chain(101)), HasSubstr("limit max_call_depth is 100"));
}

// Left to the verifier, so the importer must build them and export them again: a cycle, a use
// before its definition, an undefined name.
TEST(Graph, BuildsWhatTheVerifierWillJudge) {
  const std::vector<Wire> nodes = {
      Wire().Sub(1, Node("Relu", {"b"}, {"a"})).Sub(1, Node("Relu", {"a"}, {"b"})),
      Wire().Sub(1, Node("Relu", {"later"}, {"q"})).Sub(1, Node("Relu", {"x"}, {"later"})),
      Wire().Sub(1, Node("Relu", {"nowhere"}, {"q"})),
      Wire().Sub(1, Node("Relu", {"q"}, {"q"})),
      Wire().Sub(12, Wire().Text(1, "never")),
  };
  for (const Wire& more : nodes) {
    const auto model = ImportBytes(ModelOf(ReluGraph(more)).bytes(), "m");
    ASSERT_TRUE(model.ok()) << Message(model.status());
    const auto exported = ExportBytes(*model);
    ASSERT_TRUE(exported.ok());
    const auto again = ImportBytes(exported->model, "m");
    ASSERT_TRUE(again.ok()) << Message(again.status());
    EXPECT_EQ(ir::StructuralHash(*again), ir::StructuralHash(*model));
  }
}

TEST(Graph, ReadsLargeFlatGraphsInLinearTime) {
  Wire nodes;
  std::string previous = "x";
  for (int i = 0; i < 100'000; ++i) {
    const std::string next = "v" + std::to_string(i);
    nodes.Sub(1, Node("Identity", {previous}, {next}));
    previous = next;
  }
  Wire wide;
  for (int i = 0; i < 100'000; ++i) wide.Text(1, "x");
  nodes.Sub(1, wide.Text(2, "sum").Text(4, "Sum"));
  const auto model = ImportBytes(ModelOf(ReluGraph(nodes)).bytes(), "m");
  ASSERT_TRUE(model.ok()) << Message(model.status());
  EXPECT_EQ(model->graph.node_count(), 100'002u);
}

TEST(Graph, ModelSizeLimitNamesItself) {
  ImportOptions options;
  options.limits.max_model_bytes = 10;
  const auto model = ImportBytes(ModelOf(ReluGraph()).bytes(), "m", "", options);
  EXPECT_EQ(model.status().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(Message(model.status()), HasSubstr("limit max_model_bytes is 10"));
}

}  // namespace
}  // namespace assize::onnx
