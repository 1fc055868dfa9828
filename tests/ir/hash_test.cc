// The structural hash: every single thing that a file can say changes it; where a slot lies does
// not.
#include "lib/ir/hash.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <set>

#include "tests/ir/building.h"

namespace assize::ir {
namespace {

Attribute Number(const std::string& name, Attribute::Value value) {
  Attribute attribute;
  attribute.name = name;
  attribute.value = std::move(value);
  return attribute;
}

Model HashedModel() {
  Model model;
  model.ir_version = 9;
  model.opset_imports = {{"", 19, ""}};
  GraphMaker make(model.graph);
  make.Input("x").Input("z").Init("w");
  make.Node("Add", {"x", "w"}, {"a"}, {Number("alpha", 1.0f)});
  make.Node("If", {"a"}, {"y"}, {GraphAttribute("then_branch", AddOf("a", "x"))});
  make.Output("y");
  Function function;
  function.name = "f";
  function.domain = "d";
  GraphMaker body(function.body);
  body.Input("p", Type());
  body.Node("Neg", {"p"}, {"q"});
  body.Output("q");
  model.functions.push_back(std::move(function));
  return model;
}

// A change, the first node and the value "a" at hand.
struct Change {
  const char* what;
  std::function<void(Model&, Editor&, NodeRef, ValueRef)> make;
};

const std::vector<Change>& Changes() {
  using M = Model&;
  using E = Editor&;
  using N = NodeRef;
  using V = ValueRef;
  static const std::vector<Change> changes = {
      {"ir version", [](M m, E, N, V) { m.ir_version = 10; }},
      {"opset", [](M m, E, N, V) { m.opset_imports[0].version = 20; }},
      {"opset domain as written", [](M m, E, N, V) { m.opset_imports[0].domain = "ai.onnx"; }},
      {"second opset", [](M m, E, N, V) { m.opset_imports.push_back({"ml", 1, ""}); }},
      {"producer", [](M m, E, N, V) { m.producer_name = "p"; }},
      {"producer version", [](M m, E, N, V) { m.producer_version = "p"; }},
      {"model domain", [](M m, E, N, V) { m.domain = "p"; }},
      {"model doc", [](M m, E, N, V) { m.doc = "p"; }},
      {"model version 0", [](M m, E, N, V) { m.model_version = 0; }},
      {"metadata", [](M m, E, N, V) { m.metadata = {{"k", "v"}}; }},
      {"metadata split elsewhere", [](M m, E, N, V) { m.metadata = {{"kv", ""}}; }},
      {"unknown fields", [](M m, E, N, V) { m.unknown_fields = "p"; }},
      {"graph name", [](M, E e, N, V) { e.SetName("n"); }},
      {"graph doc", [](M, E e, N, V) { e.SetDoc("n"); }},
      {"graph metadata", [](M, E e, N, V) { e.SetMetadata({{"k", "v"}}); }},
      {"graph unknown fields", [](M, E e, N, V) { e.SetUnknownFields("n"); }},
      {"order of inputs",
       [](M m, E e, N, V) { e.SetInputs({m.graph.inputs()[1], m.graph.inputs()[0]}); }},
      {"another input", [](M, E e, N, V) { e.AddInput("i", Type()); }},
      {"another output", [](M, E e, N, V v) { e.AddOutput(v); }},
      {"another initializer", [](M, E e, N, V) { e.AddInitializer("i", Tensor::Scalar(1.0f)); }},
      {"initializer's bytes",
       [](M m, E e, N, V) {
         e.ReplaceInitializer(m.graph.FindValue("w"), Tensor::Of<float>({2}, {1, 3}));
       }},
      {"initializer's dims",
       [](M m, E e, N, V) {
         e.ReplaceInitializer(m.graph.FindValue("w"), Tensor::Of<float>({1, 2}, {1, 2}));
       }},
      {"an input that is an initializer too",
       [](M m, E e, N, V) {
         e.SetInputs({m.graph.inputs()[0], m.graph.inputs()[1], m.graph.FindValue("w")});
       }},
      {"op type", [](M, E e, N n, V) { e.SetOp(n, "Sub", ""); }},
      {"op domain", [](M, E e, N n, V) { e.SetOp(n, "Add", "d"); }},
      {"node name", [](M, E e, N n, V) { e.SetNodeName(n, "n"); }},
      {"node unknown fields", [](M, E e, N n, V) { e.SetNodeUnknownFields(n, "n"); }},
      {"order of a node's inputs",
       [](M m, E e, N n, V) {
         e.SetNodeInputs(n, {m.graph.FindValue("w"), m.graph.FindValue("x")});
       }},
      {"an omitted input at the end", [](M, E e, N n, V) { e.SetInput(n, 2, {}); }},
      {"attribute's value", [](M, E e, N n, V) { e.SetAttribute(n, Number("alpha", 2.0f)); }},
      {"attribute's type", [](M, E e, N n, V) { e.SetAttribute(n, Number("alpha", int64_t{1})); }},
      {"an empty list",
       [](M, E e, N n, V) { e.SetAttribute(n, Number("alpha", std::vector<float>{})); }},
      {"an empty list of another type",
       [](M, E e, N n, V) { e.SetAttribute(n, Number("alpha", std::vector<int64_t>{})); }},
      {"minus zero", [](M, E e, N n, V) { e.SetAttribute(n, Number("alpha", -0.0f)); }},
      {"zero", [](M, E e, N n, V) { e.SetAttribute(n, Number("alpha", 0.0f)); }},
      {"not a number",
       [](M, E e, N n, V) {
         e.SetAttribute(n, Number("alpha", std::numeric_limits<float>::quiet_NaN()));
       }},
      {"attribute's doc",
       [](M, E e, N n, V) {
         Attribute attribute = Number("alpha", 1.0f);
         attribute.doc = "d";
         e.SetAttribute(n, attribute);
       }},
      {"a reference",
       [](M, E e, N n, V) {
         Attribute attribute;
         attribute.name = "alpha";
         attribute.ref_name = "outer";
         attribute.ref_type = 1;
         e.SetAttribute(n, attribute);
       }},
      {"attribute removed", [](M, E e, N n, V) { e.RemoveAttribute(n, "alpha"); }},
      {"value renamed", [](M, E e, N, V v) { e.Rename(v, "b"); }},
      {"type of an input",
       [](M m, E e, N, V) { e.SetType(m.graph.inputs()[0], Type::TensorOf(DType::kFloat16)); }},
      {"a dim's name",
       [](M m, E e, N, V) {
         Dim dim;
         dim.param = "N";
         e.SetType(m.graph.inputs()[0], Type::TensorOf(DType::kFloat, std::vector<Dim>{dim}));
       }},
      {"value info", [](M, E e, N, V v) { e.SetValueInfo(v, true); }},
      {"doc of an input", [](M m, E e, N, V) { e.SetValueDoc(m.graph.inputs()[0], "d", {}, ""); }},
      {"node moved", [](M, E e, N n, V) { e.MoveBefore(n, {}); }},
      {"inside a subgraph",
       [](M m, E e, N n,
          V) { e.EditSubgraphs(m.graph.next_node(n), [](Editor& inner) { inner.SetName("s"); }); }},
      {"function's name", [](M m, E, N, V) { m.functions[0].name = "g"; }},
      {"function's overload", [](M m, E, N, V) { m.functions[0].overload = "g"; }},
      {"function's attribute", [](M m, E, N, V) { m.functions[0].attributes = {"a"}; }},
      {"function's body",
       [](M m, E, N,
          V) { Editor(m.functions[0].body).SetOp(m.functions[0].body.first_node(), "Abs", ""); }},
      {"function removed", [](M m, E, N, V) { m.functions.clear(); }},
  };
  return changes;
}

TEST(StructuralHash, EveryChangeGivesAnotherHash) {
  std::map<std::string, std::string> seen = {{Hex(StructuralHash(HashedModel())), "nothing"}};
  for (const Change& change : Changes()) {
    Model model = HashedModel();
    Editor edit(model.graph);
    const NodeRef first = model.graph.first_node();
    change.make(model, edit, first, model.graph.FindValue("a"));
    const auto [at, fresh] = seen.emplace(Hex(StructuralHash(model)), change.what);
    EXPECT_TRUE(fresh) << change.what << " hashes like " << at->second;
  }
}

TEST(StructuralHash, ACopyHashesTheSame) {
  const Model model = HashedModel();
  const Model copy = model;
  EXPECT_EQ(StructuralHash(model), StructuralHash(copy));
  EXPECT_EQ(StructuralHash(HashedModel()), StructuralHash(HashedModel()));
}

TEST(StructuralHash, SlotsAndTheOrderOfUsesDoNotCount) {
  Model plain = HashedModel();
  Model worked = HashedModel();
  GraphMaker make(worked.graph);
  // Slots are taken and freed, uses are dropped and added again.
  const NodeRef extra = make.Node("Extra", {"x", "a"}, {"e"});
  make.Init("unused");
  make.edit.RemoveNode(extra);
  make.edit.RemoveValue(worked.graph.FindValue("unused"));
  const NodeRef first = worked.graph.first_node();
  const std::vector<ValueRef> inputs = worked.graph.node(first).inputs;
  make.edit.SetNodeInputs(first, {});
  make.edit.SetNodeInputs(first, inputs);
  EXPECT_EQ(StructuralHash(plain), StructuralHash(worked));
}

TEST(StructuralHash, OwnedBytesAndViewsAreTheSame) {
  Model model = HashedModel();
  Model viewed = HashedModel();
  auto owner = std::make_shared<std::vector<float>>(std::vector<float>{1, 2});
  Editor(viewed.graph)
      .ReplaceInitializer(
          viewed.graph.FindValue("w"),
          Tensor::View(DType::kFloat, {2}, std::as_bytes(std::span(*owner)), owner));
  EXPECT_EQ(StructuralHash(model), StructuralHash(viewed));
}

}  // namespace
}  // namespace assize::ir
