// The scan alone: what it refuses, where it says the fault lies, and that payloads stay views of
// the caller's bytes.
#include "lib/onnx/scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/onnx/wire_builder.h"

namespace assize::onnx {
namespace {

using ::testing::HasSubstr;

Status ScanModel(const std::string& bytes, const ImportLimits& limits = {}) {
  return Scan(WireMessage::kModel, bytes, "m.onnx", limits).status();
}

struct Case {
  std::string name;
  std::string bytes;
  std::string message;  // part of it
};

TEST(Scan, RefusesWhatIsNotCanonical) {
  const Wire good = ModelOf(ReluGraph());
  ASSERT_TRUE(ScanModel(good.bytes()).ok());
  const std::vector<Case> cases = {
      {"one byte", "\x0a", "ir_version of ModelProto has wire type 2, expected 0"},
      {"half a tag", "\xba", "ends inside a varint"},
      {"varint of eleven bytes", std::string("\x08") + std::string(10, '\xff') + "\x01",
       "longer than 64 bits"},
      {"varint of ten bytes beyond 64 bits", std::string("\x08") + std::string(9, '\xff') + "\x02",
       "64 bits"},
      {"length beyond the end", std::string("\x3a\xff\xff\xff\xff\x07") + "0123456789",
       "declares 2147483647 bytes"},
      {"length of 2^63", std::string("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
       "bytes, but 0 are left"},
      {"two graphs", Wire(good).Sub(7, ReluGraph()).bytes(),
       "graph of ModelProto is given more than once"},
      {"two IR versions", Wire(good).Int(1, 9).bytes(),
       "ir_version of ModelProto is given more than once"},
      {"field number 0", std::string("\x00\x01", 2), "field number 0"},
      {"wire type 6", "\x0e", "wire type 6"},
      {"graph as a number", Wire().Int(7, 3).bytes(),
       "graph of ModelProto has wire type 0, expected 2"},
      {"group that does not end", Wire(good).Raw("\xfb\x07").bytes(), "does not end"},
      {"end of a group alone", Wire(good).Raw("\xfc\x07").bytes(), "did not begin"},
      {"invalid UTF-8 in a name",
       ModelOf(ReluGraph(Wire().Sub(1, Node("A\xff", {}, {"z"})))).bytes(),
       "op_type of NodeProto is not valid UTF-8"},
      {"overlong UTF-8", ModelOf(ReluGraph(Wire().Sub(1, Node("A\xc0\x80", {}, {"z"})))).bytes(),
       "UTF-8"},
      {"surrogate in UTF-8",
       ModelOf(ReluGraph(Wire().Sub(1, Node("A\xed\xa0\x80", {}, {"z"})))).bytes(), "UTF-8"},
      {"NUL in a name",
       ModelOf(ReluGraph(Wire().Sub(1, Node(std::string_view("Re\0lu", 5), {"x"}, {"z"})))).bytes(),
       "graph.node[1].op_type: byte"},
      {"oneof twice",
       ModelOf(
           ReluGraph(Wire().Sub(
               13, Wire().Text(1, "v").Sub(
                       2, Wire().Sub(1, Wire().Int(1, 1).Sub(
                                            2, Wire().Sub(1, Wire().Int(1, 3).Text(2, "N"))))))))
           .bytes(),
       "gives both dim_value and dim_param"},
      {"attribute type 99",
       ModelOf(ReluGraph(
                   Wire().Sub(1, Node("A", {"x"}, {"z"}).Sub(5, Wire().Text(1, "a").Int(20, 99)))))
           .bytes(),
       "type of AttributeProto is 99, expected 0 to 14"},
      {"packed floats of six bytes",
       ModelOf(ReluGraph(Wire().Sub(5, Wire().Int(1, 1).Int(2, 1).Text(4, "123456")))).bytes(),
       "packed float_data has 6 bytes"},
      {"unknown field with no place to keep it",
       ModelOf(ReluGraph(), 8, 17).Sub(14, Pair("a", "b").Int(99, 1)).bytes(),
       "field 99 of StringStringEntryProto"},
  };
  for (const Case& bad : cases) {
    const Status status = ScanModel(bad.bytes);
    EXPECT_FALSE(status.ok()) << bad.name;
    EXPECT_THAT(Message(status), HasSubstr(bad.message)) << bad.name;
    EXPECT_THAT(Message(status), HasSubstr("m.onnx")) << bad.name;
  }
}

// If in If in If ...: `depth` subgraphs.
Wire Nested(int depth) {
  Wire graph = ReluGraph();
  for (int i = 0; i < depth; ++i) {
    graph = ReluGraph(Wire().Sub(
        1, Node("If", {"c"}, {"z"}).Sub(5, Wire().Text(1, "b").Int(20, 5).Sub(6, graph))));
  }
  return ModelOf(graph);
}

TEST(Scan, LimitsNestingOfSubgraphs) {
  EXPECT_TRUE(ScanModel(Nested(32).bytes()).ok());
  EXPECT_THAT(Message(ScanModel(Nested(33).bytes())), HasSubstr("limit max_subgraph_depth of 32"));
}

TEST(Scan, DeepNestingCostsNoStack) {
  // 5,000 levels, built from inside out: the scan must stop at its limit, not at the end of the
  // stack.
  std::string type = TensorType(1, {1}).bytes();
  for (int i = 0; i < 5000; ++i) type = Wire().Sub(4, Wire().Text(1, type)).bytes();
  const Wire model = ModelOf(ReluGraph(Wire().Sub(13, Wire().Text(1, "v").Text(2, type))));
  EXPECT_THAT(Message(ScanModel(model.bytes())), HasSubstr("limit max_type_depth"));
  std::string group;
  for (int i = 0; i < 100'000; ++i) group += "\xfb\x07";
  EXPECT_THAT(Message(ScanModel(ModelOf(ReluGraph()).Raw(group).bytes())),
              HasSubstr("groups nest deeper"));
}

TEST(Scan, CountsItemsBeforeTheyAreAllocated) {
  ImportLimits limits;
  limits.max_nodes = 3;
  Wire nodes;
  for (int i = 0; i < 4; ++i) nodes.Sub(1, Node("Relu", {"x"}, {"z" + std::to_string(i)}));
  EXPECT_THAT(Message(ScanModel(ModelOf(ReluGraph(nodes)).bytes(), limits)),
              HasSubstr("limit max_nodes of 3"));
  limits = {};
  limits.max_items = 100;
  Wire many;
  for (int i = 0; i < 200; ++i) many.Text(1, "");
  EXPECT_THAT(Message(ScanModel(ModelOf(ReluGraph(Wire().Sub(1, many))).bytes(), limits)),
              HasSubstr("limit max_items of 100"));
}

TEST(Scan, PayloadsAreViews) {
  const std::string raw(1000, 'r');
  const std::string bytes = ModelOf(ReluGraph(Wire().Sub(5, Tensor("w", 2, {1000}, raw)))).bytes();
  const auto scanned = Scan(WireMessage::kModel, bytes, "m", ImportLimits());
  ASSERT_TRUE(scanned.ok());
  ASSERT_EQ(scanned->payloads.size(), 1u);
  EXPECT_EQ(scanned->payloads[0], raw);
  EXPECT_GE(scanned->payloads[0].data(), bytes.data());
  EXPECT_LT(scanned->payloads[0].data(), bytes.data() + bytes.size());
  EXPECT_LT(scanned->stripped.size(), bytes.size() - 900);
}

}  // namespace
}  // namespace assize::onnx
