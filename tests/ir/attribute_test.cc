// Attributes: the variant's order is ONNX's numbering, and copies own their graphs.
#include "lib/ir/attribute.h"

#include <gtest/gtest.h>

#include <regex>

#include "lib/support/files.h"
#include "tests/ir/building.h"

namespace assize::ir {
namespace {

TEST(Attribute, NumbersAreThoseOfTheProto) {
  const std::string text =
      ReadFile(std::string(ASSIZE_SOURCE_DIR) + "/.deps/onnx-proto/onnx/onnx-ml.proto").value();
  const size_t begin = text.find("enum AttributeType {");
  const std::string body = text.substr(begin, text.find('}', begin) - begin);
  std::map<std::string, int> proto;
  const std::regex row("\n *([A-Z_]+) = ([0-9]+);");
  for (auto it = std::sregex_iterator(body.begin(), body.end(), row); it != std::sregex_iterator();
       ++it) {
    proto[(*it)[1]] = std::stoi((*it)[2]);
  }
  std::map<std::string, int> ours;
  const auto add = [&](const std::string& name, Attribute::Value value) {
    Attribute attribute;
    attribute.value = std::move(value);
    ours[name] = attribute.number();
  };
  add("UNDEFINED", std::monostate());
  add("FLOAT", 1.0f);
  add("INT", int64_t{1});
  add("STRING", std::string());
  add("TENSOR", NamedTensor());
  add("GRAPH", GraphBox(Graph()));
  add("FLOATS", std::vector<float>());
  add("INTS", std::vector<int64_t>());
  add("STRINGS", std::vector<std::string>());
  add("TENSORS", std::vector<NamedTensor>());
  add("GRAPHS", std::vector<GraphBox>());
  add("SPARSE_TENSOR", SparseTensor());
  add("SPARSE_TENSORS", std::vector<SparseTensor>());
  add("TYPE_PROTO", Type());
  add("TYPE_PROTOS", std::vector<Type>());
  EXPECT_EQ(ours, proto);
}

TEST(Attribute, AReferenceHasTheTypeItDeclares) {
  Attribute attribute;
  attribute.ref_name = "alpha";
  attribute.ref_type = 7;
  EXPECT_EQ(attribute.number(), 7);
}

TEST(Attribute, CopiesOwnTheirGraphs) {
  Attribute attribute = GraphAttribute("body", AddOf("a", "b"));
  Attribute copy = attribute;
  Editor(std::get<GraphBox>(copy.value).mutable_graph()).SetName("changed");
  EXPECT_EQ(std::get<GraphBox>(attribute.value)->name(), "");
  copy = attribute;
  EXPECT_EQ(std::get<GraphBox>(copy.value)->name(), "");
  const Attribute& alias = copy;
  copy = alias;  // to itself
  EXPECT_EQ(std::get<GraphBox>(copy.value)->node_count(), 1u);
}

}  // namespace
}  // namespace assize::ir
