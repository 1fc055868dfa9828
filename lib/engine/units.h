// Units: the nodes of a graph grouped as they will run, one kernel a group.
//
// A convolution or matrix product takes the scale-and-shift (BatchNormalization, constant
// per-channel Mul and Add), the residual Add and the activation that follow it, as long as nobody
// else reads what lies between. With integer kernels, ops between DequantizeLinear and
// QuantizeLinear become integer units that read and write the quantized values. Whatever is not
// recognised is a unit of one node, computed as written. Tests: tests/engine/contraction_test.cc,
// tests/engine/int8_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "lib/engine/facts.h"
#include "lib/engine/kernels/elementwise.h"
#include "lib/engine/patterns.h"
#include "lib/ir/model.h"

namespace assize::engine {

// Scale and zero point of a whole tensor, 8 bits.
struct QuantParams {
  float scale = 1;
  int32_t zero_point = 0;
  ir::DType dtype = ir::DType::kUint8;
  int32_t low() const { return dtype == ir::DType::kInt8 ? -128 : 0; }
  int32_t high() const { return dtype == ir::DType::kInt8 ? 127 : 255; }
  friend bool operator==(const QuantParams&, const QuantParams&) = default;
};

// A value that an integer unit reads: the quantized tensor behind a DequantizeLinear.
struct QuantSource {
  ir::ValueRef quantized;
  QuantParams params;
};

// What an activation leaves of the real numbers, when that is all it does.
struct Bounds {
  float low, high;
};
// No activation: everything. Absent when the activation is no clamp.
std::optional<Bounds> BoundsOf(const std::optional<UnaryOpSpec>& activation);
// The same in steps of a grid, its zero point taken away, and no wider than its bytes.
Bounds InSteps(const Bounds& bounds, const QuantParams& grid);

struct Unit {
  enum class Kind {
    kNode,          // `head` as written
    kContraction,   // Conv, Gemm or MatMul with what follows
    kQuantUnary,    // f between DequantizeLinear and QuantizeLinear: a table of 256 results
    kQuantBinary,   // Add, Sub, Mul, Div of two quantized tensors, activation, QuantizeLinear
    kQuantMove,     // elements move (Reshape, MaxPool, Concat ...), quantized in and out
    kQuantAverage,  // AveragePool, GlobalAveragePool on integers
    kQuantResize,   // Resize that weighs its elements, quantized in and out
    kAffine,        // activation(scale[c] * x + shift[c]) over the second dim, QuantizeLinear
    kShuffle,       // channels dealt out to `groups`; the elements as they are
    kActivation,    // `activation` of one float array, QuantizeLinear
    kLayerNorm,     // `norm`, as float, quantized, or both
    kAttention,     // `attention`, QuantizeLinear
    kScaledSums,    // MatMulInteger or ConvInteger, as float times `scales` plus `bias`
  };
  Kind kind = Kind::kNode;
  ir::NodeRef head;  // the op itself
  std::vector<ir::NodeRef>
      nodes;  // covered, in order; DequantizeLinear nodes in front are not (others may read them)
  std::vector<ir::ValueRef> reads;   // values needed at run time
  std::vector<ir::ValueRef> writes;  // values produced for others
  ir::NodeRef place;                 // runs where this node stood; null: where the last one did

  // kContraction: y = activation(rounded(k[c] * op(x) + d[c]) + residual); k and d per output
  // channel, empty for 1 and 0; `rounded`, where the model asks for it, goes to the grid and back.
  std::vector<double> scale, shift;
  std::optional<QuantParams> rounded;
  ir::ValueRef residual;  // float, or the quantized tensor when residual_params is set
  std::optional<QuantParams> residual_params;
  std::optional<UnaryOpSpec> activation;

  std::vector<std::optional<QuantSource>> sources;  // integer units: per input of `head`
  std::optional<QuantParams> result;                // QuantizeLinear at the end; absent: float
  std::vector<float> weight_scales;  // kContraction: of the weights, 1 or one per output channel

  int64_t groups = 1;         // kShuffle
  ir::ValueRef scales, bias;  // kScaledSums: one, or one a channel; null bias: none
  std::optional<LayerNormMatch> norm;
  std::optional<AttentionMatch> attention;
  ir::ValueRef
      quantized;  // kLayerNorm: what QuantizeLinear makes of its result; null: nothing does
};

struct UnitOptions {
  bool integer_kernels = true;  // false: float throughout
  bool rounded_sums = true;     // the kernels of contractions can round before they add a residual
};
// `order`: the nodes to group. `keep`: values that must exist because someone outside reads them.
std::vector<Unit> MakeUnits(Facts& facts, const std::vector<ir::NodeRef>& order,
                            const std::set<uint32_t>& keep, const UnitOptions& options);

// The activation as a spec, when the node is one whose parameters are known.
std::optional<UnaryOpSpec> UnarySpec(Facts& facts, ir::NodeRef node);

}  // namespace assize::engine
