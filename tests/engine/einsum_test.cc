// Einsum against the reference: equations of one and two operands, with and without copies, and
// that it runs natively whatever the threads.
#include "tests/engine/testing.h"

namespace assize::engine {
namespace {

struct EinsumCase {
  std::string equation;
  std::vector<ir::Shape> dims;
};

void ExpectNativeEinsum(const Builder& b) {
  auto program = Compile(b.model);
  ASSERT_TRUE(program.ok()) << program.status();
  for (const StepInfo& step : Describe(**program))
    EXPECT_NE(step.kernel, "reference") << step.op_type;
}

// `constants`: the last operand is one.
void ExpectEinsum(const EinsumCase& c, bool constants, Philox& random) {
  SCOPED_TRACE(c.equation + (constants ? " constant" : ""));
  Builder b;
  std::vector<ir::ValueRef> inputs;
  Feeds feeds;
  for (size_t i = 0; i < c.dims.size(); ++i) {
    const ir::Tensor tensor = RandomTensor(random, c.dims[i]);
    if (constants && i + 1 == c.dims.size()) {
      inputs.push_back(b.Const(tensor));
      continue;
    }
    const std::string name = "x" + std::to_string(i);
    inputs.push_back(b.Input(name, c.dims[i]));
    feeds[name] = tensor;
  }
  b.Output(b.Op("Einsum", inputs, {Text("equation", c.equation)}));
  ExpectNativeEinsum(b);
  ExpectAgreesOnThreads(b, feeds);
}

TEST(Einsum, PairsOfOperands) {
  Philox random(81);
  for (const EinsumCase& c :
       std::vector<EinsumCase>{{"bhid,bhjd->bhij", {{2, 3, 17, 9}, {2, 3, 21, 9}}},
                               {"bihd,bjhd->bhij", {{2, 17, 3, 9}, {2, 21, 3, 9}}},
                               {"bihd,bjhd->bhij", {{1, 70, 4, 32}, {1, 83, 4, 32}}},
                               {"bhij,bjhd->bihd", {{2, 3, 17, 21}, {2, 21, 3, 9}}},
                               {"bhij,bjhd->bihd", {{1, 4, 70, 83}, {1, 83, 4, 32}}},
                               {"abcxy,abcyz->abcxz", {{2, 3, 2, 7, 5}, {2, 3, 2, 5, 3}}},
                               {"acbxy,abcyz->abcxz", {{2, 2, 3, 7, 5}, {2, 3, 2, 5, 3}}},
                               {"bchw,bchv->bwv", {{2, 3, 5, 7}, {2, 3, 5, 9}}},
                               {"bchw,bhcv->bwv", {{2, 3, 5, 7}, {2, 5, 3, 9}}},
                               {"bsd,dhk->bshk", {{2, 7, 11}, {11, 3, 5}}},
                               {"abc,cde->abde", {{1, 150, 96}, {96, 4, 32}}},
                               {"abde,dec->abc", {{2, 7, 3, 5}, {3, 5, 11}}},
                               {"ij,jk", {{13, 7}, {7, 5}}},
                               {"ij,jk->ik", {{130, 90}, {90, 170}}},
                               {"ij,jk->ki", {{13, 7}, {7, 5}}},
                               {"ij,kj->ik", {{13, 7}, {5, 7}}},
                               {"ji,kj->ki", {{13, 7}, {5, 13}}},
                               {"ba,bc", {{13, 7}, {13, 5}}},
                               {"bij,bj->bi", {{3, 5, 7}, {3, 7}}},
                               {"bi,bij->jb", {{3, 5}, {3, 5, 7}}},
                               {"bi,bi->b", {{3, 50}, {3, 50}}},
                               {"ij,ij->", {{5, 7}, {5, 7}}},
                               {"i,j->ij", {{5}, {7}}},
                               {"i,j->ji", {{5}, {7}}},
                               {"ij,j->ij", {{5, 7}, {7}}},
                               {"bij,ij->jbi", {{3, 5, 7}, {5, 7}}},
                               {"ij,ij->ij", {{5, 7}, {5, 1}}},
                               {",ij->ji", {{}, {5, 7}}},
                               {"ij,jk->ik", {{5, 1}, {7, 3}}},
                               {"ii,ij->ij", {{5, 5}, {5, 7}}},
                               {"...ij,...jk->...ik", {{2, 3, 5, 7}, {2, 3, 7, 9}}},
                               {"...ij,...jk->...ik", {{2, 1, 5, 7}, {3, 7, 9}}},
                               {"b...i,ij->b...j", {{2, 3, 4, 7}, {7, 9}}},
                               {"...ij,jk", {{2, 3, 5, 7}, {7, 9}}}}) {
    for (const bool constants : {false, true}) ExpectEinsum(c, constants, random);
  }
}

TEST(Einsum, OneOperand) {
  Philox random(82);
  for (const EinsumCase& c : std::vector<EinsumCase>{{"bij->bji", {{3, 5, 7}}},
                                                     {"abcd->cadb", {{2, 3, 5, 7}}},
                                                     {"ba", {{3, 5}}},
                                                     {"ij->ij", {{3, 5}}},
                                                     {"ij->i", {{3, 5}}},
                                                     {"ij->j", {{3, 5}}},
                                                     {"ijk->k", {{3, 5, 7}}},
                                                     {"ij->", {{3, 5}}},
                                                     {"ii->i", {{5, 5}}},
                                                     {"ii", {{5, 5}}},
                                                     {"bii->ib", {{3, 5, 5}}},
                                                     {"...ij->...ji", {{2, 3, 5, 7}}},
                                                     {"i...->...", {{2, 3, 5}}}})
    ExpectEinsum(c, false, random);
}

// An operand that lies channels-last, and an operand that is both.
TEST(Einsum, OperandsThatLieOtherwise) {
  Philox random(83);
  Builder b;
  const auto x = b.Input("x", {2, 5, 6, 7});
  const auto last = b.Op("MaxPool", {x}, {Ints("kernel_shape", {1, 1})});
  b.Output(b.Op("Einsum", {last, last}, {Text("equation", "bchw,bcyz->bhwyz")}));
  b.Output(b.Op("Einsum", {last, last}, {Text("equation", "bchw,bchw->bhw")}));
  b.Output(b.Op("Einsum", {last}, {Text("equation", "bchw->bhwc")}));
  b.Output(b.Op("Einsum", {last}, {Text("equation", "bchw->bc")}));
  ExpectNativeEinsum(b);
  ExpectAgrees(b, {{"x", RandomTensor(random, {2, 5, 6, 7})}});
}

// What has no kernel is computed all the same.
TEST(Einsum, OthersAreTheReference) {
  Philox random(84);
  Builder b;
  const auto x = b.Input("x", {3, 5}), y = b.Input("y", {5, 7}), z = b.Input("z", {7, 2});
  b.Output(b.Op("Einsum", {x, y, z}, {Text("equation", "ij,jk,kl->il")}));
  b.Output(b.Op("Einsum", {x, y}, {Text("equation", "ij,jk->j")}));
  ExpectAgrees(b, {{"x", RandomTensor(random, {3, 5})},
                   {"y", RandomTensor(random, {5, 7})},
                   {"z", RandomTensor(random, {7, 2})}});
}

}  // namespace
}  // namespace assize::engine
