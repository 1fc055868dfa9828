// Where quantize-static puts its pairs: which layers run on integers, and which tensors they read
// as 8 bits.
//
// A pair (QuantizeLinear, DequantizeLinear) stands where runtimes fuse it: on what an integer layer
// reads, never between a layer and the activation behind it, and not on results that only
// floating-point ops read. From there it goes upstream through ops that move elements, pool or add,
// as long as all that they read comes from integer layers as well; what only moves elements shares
// its scale. Tests: tests/passes/quantize_placement_test.cc.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/analysis/infer.h"
#include "lib/ir/graph.h"
#include "lib/ir/model.h"
#include "lib/support/status.h"

namespace assize::passes::quantize {

// An Add of two results of integer layers, whose sum is read as 8 bits.
enum class Sums {
  kInteger,  // pairs on both operands: every runtime then has integer layers in front of the Add
  kFused,  // none on the result of a layer that only the Add reads: one rounding less, and a layer
           // that runtimes other than ours compute in float
  kFloat,  // none at all
};

struct PlacementOptions {
  std::set<std::string> exclude_ops = {};    // op types that stay in floating point
  std::set<std::string> exclude_nodes = {};  // node names that do
  Sums sums = Sums::kInteger;
  bool quantize_outputs = false;  // pairs on graph outputs that integer layers compute
};

// Constants by value: those that the graph holds, and those computed from constants alone.
using Constants = std::map<ir::ValueRef, ir::Tensor>;

// Conv, ConvTranspose, Gemm or MatMul with a constant weight.
struct Layer {
  ir::NodeRef node;
  std::string label;
  ir::ValueRef x, w, b;  // b null when there is none
  size_t x_index = 0, w_index = 1;
  ir::Tensor weight;  // f32
  std::optional<ir::Tensor>
      bias;  // f32, when it is constant and holds one number per output channel
  std::optional<int64_t>
      axis;            // of the weight, along which output channels lie; unset: one scale for all
  int64_t groups = 1;  // bias channel c belongs to scale c modulo the axis (ConvTranspose)
  double alpha = 1, beta = 1;  // Gemm: factors of the product and of the bias
  int64_t terms = 1;           // products that one output sums
};

// A tensor that gets a pair.
struct Pair {
  ir::ValueRef value;
  std::vector<ir::Use> readers;  // that will read the dequantized tensor
  size_t range = 0;              // index of the range, shared by tensors with one scale
  bool is_output = false;        // the graph output becomes the dequantized tensor
};

struct SharedRange {
  std::vector<ir::ValueRef> observe;  // tensors whose elements make the range
  bool is_input = false;              // all of them are graph inputs
};

struct Skipped {
  std::string node;
  std::string reason;
};

struct Placement {
  std::vector<Layer> layers;  // execution order
  std::vector<Pair> pairs;    // execution order of their producers, graph inputs first
  std::vector<SharedRange> ranges;
  std::vector<Skipped> skipped;  // layers that stay in floating point, and why
};

// Weight operands of layers that are no constants of the graph but computed from constants alone.
std::vector<ir::ValueRef> ComputedWeights(const ir::Model& model);

// Reads, changes nothing. `types` must come from inputs and constants, not from declarations.
Placement Place(const ir::Model& model, const analysis::TypeTable& types, const Constants& computed,
                const PlacementOptions& options);

}  // namespace assize::passes::quantize
