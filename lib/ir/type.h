// Types of values: tensor, sparse tensor, sequence, optional, map, opaque; and symbolic dimensions.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/ir/dtype.h"

namespace assize::ir {

// One dimension: a number, a name, or unknown.
struct Dim {
  std::optional<int64_t> value;
  std::string param;       // symbolic name, when there is no value
  std::string denotation;  // ONNX dimension denotation, kept
  bool known() const { return value.has_value(); }
  friend bool operator==(const Dim&, const Dim&) = default;
};

struct Type {
  enum class Kind { kTensor, kSparseTensor, kSequence, kOptional, kMap, kOpaque, kUnset };
  Kind kind = Kind::kUnset;
  DType dtype = DType::kUndefined;        // tensor, sparse tensor; key type of a map
  std::optional<std::vector<Dim>> shape;  // tensor, sparse tensor; nullopt: rank unknown
  std::shared_ptr<const Type> element;    // sequence, optional: element; map: value
  std::string denotation;
  std::string opaque_domain, opaque_name;
  std::string unknown_fields;  // wire bytes we do not know, kept for export

  static Type TensorOf(DType dtype, std::optional<std::vector<Dim>> shape = std::nullopt);
  static Type TensorOf(DType dtype, const std::vector<int64_t>& dims);
  bool is_tensor() const { return kind == Kind::kTensor; }
  // All dims as numbers, or nullopt.
  std::optional<std::vector<int64_t>> static_shape() const;
  friend bool operator==(const Type& a, const Type& b);
};

std::string TypeText(const Type& type);  // "f32 [N,3,32,32]", "seq(f32 [?])"

}  // namespace assize::ir
