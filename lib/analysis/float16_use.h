// Where a model uses 16-bit floats, float16 and bfloat16. Tests:
// tests/analysis/upcast_float16_test.cc.
#pragma once

#include <string_view>

#include "lib/ir/model.h"

namespace assize::analysis {

bool Is16(ir::DType dtype);
// A tensor, or what a sequence, optional or map holds, is of 16-bit floats.
bool Is16(const ir::Type& type);
// Whether an attribute of that name of an ONNX op is the number of an element type: Cast's `to`,
// EyeLike's `dtype` ...
bool IsTypeAttribute(std::string_view name);

// Whether anything says float16 or bfloat16: without it no value has such a type. O(nodes).
bool Mentions16(const ir::Graph& graph);
bool Mentions16(const ir::Model& model);

// Whether a convolution, matrix product, recurrent layer or attention anywhere takes 16-bit floats.
// O(nodes) where the model mentions no such type, else the cost of type inference.
bool HasFloat16Layers(const ir::Model& model);

}  // namespace assize::analysis
