// Types of values: deep comparison, static shapes, and the text that messages print.
#include "lib/ir/type.h"

#include <gtest/gtest.h>

namespace assize::ir {
namespace {

Type Of(Type::Kind kind, Type element, DType key = DType::kUndefined) {
  Type type;
  type.kind = kind;
  type.dtype = key;
  type.element = std::make_shared<const Type>(std::move(element));
  return type;
}

TEST(Type, ComparesElementsDeeply) {
  const Type a = Of(Type::Kind::kSequence, Type::TensorOf(DType::kFloat, std::vector<int64_t>{1}));
  EXPECT_EQ(a, Of(Type::Kind::kSequence, Type::TensorOf(DType::kFloat, std::vector<int64_t>{1})));
  EXPECT_FALSE(a ==
               Of(Type::Kind::kSequence, Type::TensorOf(DType::kFloat, std::vector<int64_t>{2})));
  EXPECT_FALSE(a ==
               Of(Type::Kind::kOptional, Type::TensorOf(DType::kFloat, std::vector<int64_t>{1})));
  Type bare;
  bare.kind = Type::Kind::kSequence;
  EXPECT_FALSE(a == bare);
}

TEST(Type, ARankOfZeroIsNotAnUnknownRank) {
  const Type scalar = Type::TensorOf(DType::kFloat, std::vector<int64_t>{});
  const Type unknown = Type::TensorOf(DType::kFloat);
  EXPECT_FALSE(scalar == unknown);
  EXPECT_EQ(scalar.static_shape(), std::vector<int64_t>{});
  EXPECT_EQ(unknown.static_shape(), std::nullopt);
  EXPECT_EQ(TypeText(scalar), "f32 []");
  EXPECT_EQ(TypeText(unknown), "f32 [...]");
}

TEST(Type, TextNamesDimsAndNests) {
  std::vector<Dim> dims(3);
  dims[0].param = "N";
  dims[1].value = 3;
  const Type tensor = Type::TensorOf(DType::kBfloat16, dims);
  EXPECT_EQ(TypeText(tensor), "bf16 [N,3,?]");
  EXPECT_EQ(tensor.static_shape(), std::nullopt);
  EXPECT_EQ(TypeText(Of(Type::Kind::kOptional, Of(Type::Kind::kSequence, tensor))),
            "optional(seq(bf16 [N,3,?]))");
  EXPECT_EQ(TypeText(Of(Type::Kind::kMap, tensor, DType::kString)), "map(str, bf16 [N,3,?])");
  EXPECT_EQ(TypeText(Type()), "?");
}

}  // namespace
}  // namespace assize::ir
