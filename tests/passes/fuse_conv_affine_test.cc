// fuse-conv-affine: the folded model computes the same; every line of "Needs" has a model that
// breaks it.
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::testing {
namespace {

struct AffineCase {
  bool bias = true, constant_first = false, read_twice = false;
  int64_t ir_version = 8;
  std::vector<int64_t> dims = {1, 6, 1, 1};
  float value = 0;  // of the constant; 0: normal noise
};

// x [N,4,5,5] -> Conv 6 channels 3x3 -> op with a constant -> Relu -> y
ir::Model ConvThen(const std::string& op, const AffineCase& o = {}) {
  ir::Model model = MakeModel(13, o.ir_version);
  GraphBuilder b(model.graph);
  b.Input("x", {"N", "4", "5", "5"}).Init("W", Normal({6, 2, 3, 3}, 1));
  if (o.bias) b.Init("b", Normal({6}, 2));
  ir::Tensor constant = Normal(o.dims, 3);
  if (o.value != 0) {
    constant =
        Floats(o.dims, std::vector<float>(static_cast<size_t>(constant.element_count()), o.value));
  }
  b.Init("c", constant);
  b.Node("Conv",
         o.bias ? std::vector<std::string>{"x", "W", "b"} : std::vector<std::string>{"x", "W"},
         {"z"}, {Int("group", 2)});
  b.Node(op,
         o.constant_first ? std::vector<std::string>{"c", "z"} : std::vector<std::string>{"z", "c"},
         {"a"});
  b.Node("Relu", {"a"}, {"y"}).Output("y");
  if (o.read_twice) b.Node("Neg", {"z"}, {"other"}).Output("other");
  return model;
}

TEST(FuseConvAffine, ComputesTheSame) {
  for (const char* op : {"Mul", "Add", "Sub", "Div"}) {
    for (const bool bias : {true, false}) {
      for (const auto& dims : std::vector<std::vector<int64_t>>{{1, 6, 1, 1}, {6, 1, 1}, {1}, {}}) {
        SCOPED_TRACE(fmt::format("{} bias {} constant of rank {}", op, bias, dims.size()));
        ir::Model model = ConvThen(op, {.bias = bias, .dims = dims});
        const pass::PassRecord record = ExpectChanged("fuse-conv-affine", model);
        EXPECT_EQ(record.check.kind, "bounded");
        EXPECT_EQ(Ops(model.graph), "Conv Relu");
        EXPECT_EQ(model.graph.initializers().size(), 2u) << "the constant must go";
      }
    }
  }
}

TEST(FuseConvAffine, FoldsAWholeChainAndTheFirstOperand) {
  ir::Model model = ConvThen("Mul", {.constant_first = true});
  GraphBuilder b(model.graph);
  EXPECT_EQ(ExpectChanged("fuse-conv-affine", model).check.kind, "bounded");
  EXPECT_EQ(Ops(model.graph), "Conv Relu");
}

TEST(FuseConvAffine, DeclinesWithTheReason) {
  const auto declined = [](ir::Model model, const std::string& reason) {
    EXPECT_EQ(Declined(ExpectUnchanged("fuse-conv-affine", model), reason), 1) << reason;
  };
  declined(ConvThen("Mul", {.read_twice = true}), "the Conv's result has other uses");
  declined(ConvThen("Mul", {.ir_version = 3}),
           "no initializers in functions and below IR version 4");
  declined(ConvThen("Add", {.dims = {3}}), "the constant does not vary along the channels alone");
  declined(ConvThen("Add", {.dims = {1, 1, 1, 3}}),
           "the constant does not vary along the channels alone");
  declined(ConvThen("Mul", {.value = 3e38f}), "a folded weight is not finite");
  // c - Conv and c / Conv are other functions.
  ir::Model from = ConvThen("Sub", {.constant_first = true});
  ExpectUnchanged("fuse-conv-affine", from);
}

}  // namespace
}  // namespace assize::testing
