// fuse-pad-conv: pads add up, in old and new form; pads that are no zeros or not spatial stay.
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

struct PadCase {
  std::vector<int64_t> pads = {0, 0, 1, 2, 0, 0, 3, 0};
  Attributes conv = {Ints("pads", {1, 0, 0, 1}), Ints("strides", {2, 1})};
  std::string mode = "constant";
  float value = 0;
  int64_t opset = 13;
};

ir::Model PadConv(const PadCase& o) {
  ir::Model model = MakeModel(o.opset);
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "2", "7", "6"}).Init("W", Normal({3, 2, 3, 3}, 1));
  if (o.opset < 11) {
    b.Node("Pad", {"x"}, {"p"},
           {Ints("pads", o.pads), Attr("mode", o.mode), Attr("value", o.value)});
  } else {
    b.Init("pads", Longs(o.pads)).Init("v", ir::Tensor::Scalar<float>(o.value));
    b.Node("Pad", {"x", "pads", "v"}, {"p"}, {Attr("mode", o.mode)});
  }
  b.Node("Conv", {"p", "W"}, {"y"}, o.conv).Output("y");
  return model;
}

TEST(FusePadConv, AddsThePadsUp) {
  for (const int64_t opset : {10, 13}) {
    ir::Model model = PadConv({.opset = opset});
    ExpectChanged("fuse-pad-conv", model);
    EXPECT_EQ(Ops(model.graph), "Conv");
    const ir::Attribute* pads = OnlyNode(model.graph, "Conv").FindAttribute("pads");
    ASSERT_NE(pads, nullptr);
    EXPECT_EQ(std::get<std::vector<int64_t>>(pads->value), (std::vector<int64_t>{2, 2, 3, 1}));
    EXPECT_EQ(model.graph.initializers().size(), 1u);
  }
}

TEST(FusePadConv, ReplacesAutoPadValid) {
  ir::Model model = PadConv({.conv = {Attr("auto_pad", std::string("VALID"))}});
  ExpectChanged("fuse-pad-conv", model);
  EXPECT_EQ(OnlyNode(model.graph, "Conv").FindAttribute("auto_pad"), nullptr);
}

TEST(FusePadConv, DeclinesWithTheReason) {
  const auto declined = [](ir::Model model, const std::string& reason) {
    EXPECT_EQ(Declined(ExpectUnchanged("fuse-pad-conv", model), reason), 1) << reason;
  };
  declined(PadConv({.value = 1}), "the Pad's value is not 0");
  declined(PadConv({.mode = "edge"}), "the Pad's mode is not constant");
  declined(PadConv({.pads = {0, 0, -1, 0, 0, 0, 0, 0}}), "a pad is negative");
  declined(PadConv({.conv = {Attr("auto_pad", std::string("SAME_UPPER"))}}),
           "auto_pad depends on the padded size");
  ir::Model channels = MakeModel();
  GraphBuilder b(channels.graph);
  b.Input("x", {"N", "1", "7", "6"})
      .Init("W", Normal({3, 2, 3, 3}, 1))
      .Init("pads", Longs({0, 1, 0, 0, 0, 0, 0, 0}));
  b.Node("Pad", {"x", "pads"}, {"p"}).Node("Conv", {"p", "W"}, {"y"}).Output("y");
  declined(channels, "batch or channels are padded");
  ir::Model twice = PadConv({});
  GraphBuilder(twice.graph).Output("p");
  declined(twice, "the Pad's result has other uses");
}

}  // namespace
}  // namespace assize::testing
