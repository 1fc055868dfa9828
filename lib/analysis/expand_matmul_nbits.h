// Rewrites com.microsoft MatMulNBits with constant weights as MatMul (and Add, when it has a bias).
//
// A weight row is held in blocks along K, `bits` a weight, low bits first, with a scale and a zero
// point each block:  W[n, k] = (B[n, k] - zero[n, k / block]) * scale[n, k / block].  The new
// weights are float [K, N], each rounded once: 32 / bits times the bytes. The value that the node
// made keeps its name and its handle.
//
// Needs     2, 4 or 8 bits; B, scales (float), zero points and group indices constant.
// Not done  nodes of subgraphs and local functions: they stay, as do nodes that miss a need.
// Tests: tests/engine/dynamic_quantized_test.cc.
#pragma once

#include <cstdint>

#include "lib/ir/model.h"

namespace assize::analysis {

// Rewrites nodes of the main graph; how many.
int64_t ExpandMatMulNBits(ir::Model& model);

}  // namespace assize::analysis
