// Attention of ai.onnx against the reference: unpacked and packed heads, shared keys, masks, the
// causal frontier; that it runs natively, and that threads do not show.
#include "tests/engine/testing.h"

namespace assize::engine {
namespace {

struct AttentionCase {
  ir::Shape q, k, v;
  std::vector<ir::Attribute> attributes;
  ir::Shape mask;  // empty: none
  bool flags = false;
};

bool RunsNatively(const Builder& b) {
  auto program = Compile(b.model);
  EXPECT_TRUE(program.ok()) << program.status();
  if (!program.ok()) return false;
  const auto steps = Describe(**program);
  return std::none_of(steps.begin(), steps.end(),
                      [](const StepInfo& step) { return step.kernel == "reference"; });
}

ir::Tensor RandomFlags(Philox& random, const ir::Shape& dims) {
  std::vector<float> values = RandomFloats(random, ir::ElementCount(dims).value());
  std::vector<std::byte> flags;
  for (const float value : values) flags.push_back(static_cast<std::byte>(value > -0.5f ? 1 : 0));
  return ir::Tensor::FromBytes(ir::DType::kBool, dims, flags);
}

void ExpectAttention(const AttentionCase& c, int64_t opset, Philox& random) {
  SCOPED_TRACE(fmt::format("opset {}: {} {} {} mask {} {}", opset, ir::ShapeText(c.q),
                           ir::ShapeText(c.k), ir::ShapeText(c.v), ir::ShapeText(c.mask),
                           c.flags ? "flags" : "floats"));
  Builder b(opset);
  b.model.ir_version = 10;
  std::vector<ir::ValueRef> inputs = {b.Input("q", c.q), b.Input("k", c.k), b.Input("v", c.v)};
  Feeds feeds = {{"q", RandomTensor(random, c.q)},
                 {"k", RandomTensor(random, c.k)},
                 {"v", RandomTensor(random, c.v)}};
  if (!c.mask.empty()) {
    inputs.push_back(b.Input("mask", c.mask, c.flags ? ir::DType::kBool : ir::DType::kFloat));
    feeds["mask"] = c.flags ? RandomFlags(random, c.mask) : RandomTensor(random, c.mask);
  }
  b.Output(b.Op("Attention", inputs, c.attributes));
  EXPECT_TRUE(RunsNatively(b));
  ExpectAgreesOnThreads(b, feeds);
}

TEST(AttentionOp, HeadsOfEveryKind) {
  Philox random(91);
  const ir::Attribute causal = Int("is_causal", 1);
  const auto packed = [](int64_t q, int64_t kv) {
    return std::vector<ir::Attribute>{Int("q_num_heads", q), Int("kv_num_heads", kv)};
  };
  const auto with = [](std::vector<ir::Attribute> attributes, ir::Attribute one) {
    attributes.push_back(std::move(one));
    return attributes;
  };
  for (const AttentionCase& c : std::vector<AttentionCase>{
           {{2, 3, 17, 9}, {2, 3, 21, 9}, {2, 3, 21, 5}, {}, {}},
           {{1, 4, 70, 32}, {1, 4, 83, 32}, {1, 4, 83, 32}, {Float("scale", 0.3f)}, {}},
           {{2, 6, 17, 8}, {2, 2, 21, 8}, {2, 2, 21, 7}, {}, {}},
           {{2, 3, 19, 9}, {2, 3, 19, 9}, {2, 3, 19, 9}, {causal}, {}},
           {{2, 3, 19, 9}, {2, 3, 11, 9}, {2, 3, 11, 9}, {causal}, {}},
           {{2, 17, 27}, {2, 21, 27}, {2, 21, 15}, packed(3, 3), {}},
           {{2, 17, 36}, {2, 21, 18}, {2, 21, 10}, packed(4, 2), {}},
           {{1, 65, 64}, {1, 65, 16}, {1, 65, 16}, with(packed(4, 1), causal), {}},
           {{2, 3, 17, 9}, {2, 3, 21, 9}, {2, 3, 21, 5}, {}, {17, 21}},
           {{2, 3, 17, 9}, {2, 3, 21, 9}, {2, 3, 21, 5}, {}, {2, 1, 17, 21}},
           {{2, 3, 17, 9}, {2, 3, 21, 9}, {2, 3, 21, 5}, {}, {3, 17, 21}},
           {{2, 3, 17, 9}, {2, 3, 21, 9}, {2, 3, 21, 5}, {causal}, {2, 1, 1, 21}},
           {{2, 3, 17, 9}, {2, 3, 21, 9}, {2, 3, 21, 5}, {}, {17, 21}, true},
           {{2, 3, 17, 9}, {2, 3, 21, 9}, {2, 3, 21, 5}, {}, {2, 1, 1, 21}, true},
           {{2, 3, 17, 9}, {2, 3, 21, 9}, {2, 3, 21, 5}, {causal}, {1, 3, 17, 21}, true},
           {{2, 17, 36}, {2, 21, 18}, {2, 21, 10}, packed(4, 2), {2, 4, 17, 21}, true}}) {
    for (const int64_t opset : {23, 24}) ExpectAttention(c, opset, random);
  }
}

// A query that may see no key gives zeros.
TEST(AttentionOp, RowsWithoutAKey) {
  Philox random(92);
  Builder b(23);
  b.model.ir_version = 10;
  const ir::Shape dims{1, 2, 5, 20};
  std::vector<std::byte> flags(25, std::byte{1});
  std::fill(flags.begin() + 10, flags.begin() + 15, std::byte{0});
  const auto mask = b.Const(ir::Tensor::FromBytes(ir::DType::kBool, {5, 5}, flags));
  b.Output(b.Op("Attention", {b.Input("q", dims), b.Input("k", dims), b.Input("v", dims), mask}));
  EXPECT_TRUE(RunsNatively(b));
  const Feeds feeds = {{"q", RandomTensor(random, dims)},
                       {"k", RandomTensor(random, dims)},
                       {"v", RandomTensor(random, dims)}};
  ExpectAgrees(b, feeds);
  const auto got = RunEngine(b.model, feeds);
  for (size_t d = 0; d < 20; ++d) EXPECT_EQ(got[0].data<float>()[2 * 20 + d], 0.0f);
}

// What has no kernel is computed all the same.
TEST(AttentionOp, OthersAreTheReference) {
  Philox random(93);
  const ir::Shape dims{2, 3, 7, 9};
  const Feeds feeds = {{"q", RandomTensor(random, dims)},
                       {"k", RandomTensor(random, dims)},
                       {"v", RandomTensor(random, dims)}};
  for (const bool capped : {false, true}) {
    Builder b(23);
    b.model.ir_version = 10;
    std::vector<ir::ValueRef> inputs = {b.Input("q", dims), b.Input("k", dims), b.Input("v", dims)};
    std::vector<ir::Attribute> attributes;
    if (capped) {
      attributes.push_back(Float("softcap", 0.5f));
    } else {
      const auto past = b.Const(RandomTensor(random, {2, 3, 4, 9}));
      inputs.insert(inputs.end(), {ir::ValueRef(), past, past});
    }
    b.Output(b.Op("Attention", inputs, attributes));
    ExpectAgrees(b, feeds);
  }
}

}  // namespace
}  // namespace assize::engine
