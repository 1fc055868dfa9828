// Rewrites quantized operators as what they are defined to compute, in ONNX's own ops.
//
//   QLinearConv, QLinearMatMul; com.microsoft QLinearAdd, QLinearMul, QLinearSigmoid,
//   QLinearLeakyRelu, QLinearAveragePool, QLinearGlobalAveragePool, QLinearConcat, QLinearWhere,
//   QLinearSoftmax, QGemm
//       y = QuantizeLinear(op(DequantizeLinear(x), ...))
//   com.microsoft DynamicQuantizeMatMul, MatMulIntegerToFloat
//       y = Cast(MatMulInteger(q, b, ...)) * (q_scale * b_scale) + bias, where q and q_scale are
//       the operand given, or DynamicQuantizeLinear(a)
//
// An int32 bias becomes float, b * x_scale * w_scale. Weights with zero points other than 0 become
// int8 around 0 where their values fit: the form that integer kernels know. Where they do not, a
// QLinearConv or QLinearMatMul becomes ConvInteger or MatMulInteger, Cast, Mul, Add of the bias and
// QuantizeLinear. The value that a node made keeps its name and its handle; the float op inside
// takes the node's name. A result is within one step of its grid (or, for the dynamic ops, some
// roundings of float) of the operator's.
//
// Needs     opset >= 10 (11 for DynamicQuantizeMatMul); 8-bit operands; scales and zero points
//           constant, float and of whole tensors, or of columns or channels of constant weights.
// Not done  nodes of subgraphs and local functions, channels_last, anything else that misses one of
//           the needs: such a node stays as it is.
// Tests: tests/engine/operator_quantized_test.cc.
#pragma once

#include <cstdint>

#include "lib/ir/model.h"

namespace assize::analysis {

// Rewrites nodes of the main graph; how many.
int64_t ExpandOperatorQuantized(ir::Model& model);

}  // namespace assize::analysis
