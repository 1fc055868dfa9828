// Lowering: units become steps of a plan; values get buffers and layouts.
//
// One Lowering builds one plan. The families (lower_conv.cc, lower_matmul.cc, ...) are members;
// each says false when it has no kernel for what it sees, and the unit runs node by node through
// the reference instead. Tests: tests/engine/.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/engine/dnnl_steps.h"
#include "lib/engine/facts.h"
#include "lib/engine/kernels/byte_grid.h"
#include "lib/engine/kernels/norm.h"
#include "lib/engine/plan.h"
#include "lib/engine/units.h"

namespace assize::analysis {
struct Equation;
}

namespace assize::engine {

struct LowerOptions {
  bool integer_kernels = true;
  int64_t max_memory_bytes = int64_t{8} << 30;
  int threads = 1;  // that one step may use
  // Samples that the stretch runs at once: which kernel a row gets must not depend on it.
  int64_t batch = 1;
};

// The arithmetic of a step, and how many threads it is worth.
struct Work {
  double operations = 0;  // 2 per multiply-add
  bool integer = false;
  int threads = 1;
};

// Elements that are worth waking a thread for, in loops that do little with each.
inline constexpr int64_t kGrain = 32768;

simd::ByteGrid GridOf(const QuantParams& params);

// Plans the nodes `order`; `inputs` are fed, `outputs` returned, both plain. Facts of all values
// must be known.
StatusOr<std::shared_ptr<const Plan>> BuildPlan(Facts& facts, const std::vector<ir::NodeRef>& order,
                                                const std::vector<ir::ValueRef>& inputs,
                                                const std::vector<ir::ValueRef>& outputs,
                                                const LowerOptions& options);

struct DepthwiseShape;

class Lowering {
 public:
  Lowering(Facts& facts, const LowerOptions& options)
      : facts_(facts), graph_(facts.graph()), options_(options) {}
  StatusOr<std::shared_ptr<const Plan>> Build(const std::vector<ir::NodeRef>& order,
                                              const std::vector<ir::ValueRef>& inputs,
                                              std::vector<ir::ValueRef> outputs);

 private:
  // --- core (lower.cc)
  Status Emit(const Unit& unit);
  bool EmitNative(const Unit& unit);
  bool TryNative(const Unit& unit);  // leaves no trace when it fails
  Status EmitReference(ir::NodeRef node);
  // The value's array; constants are brought in as they are asked for. Undefined when it cannot be
  // had. `aligned` false: for a kernel that only copies bytes, a constant is left where it lies.
  Operand Get(ir::ValueRef value, bool aligned = true);
  Status NotComputed(ir::ValueRef value);  // why there is none
  void Bind(ir::ValueRef value, const Operand& operand);
  // The same elements in the given layout: itself, a relabelled view, or a copy by a new step.
  Operand In(const Operand& operand, Layout layout, const std::string& why);
  Operand Plain(ir::ValueRef value) { return In(Get(value), Layout::kPlain, "plain"); }
  Operand NewArray(ir::DType dtype, ir::Shape dims, Layout layout);
  Operand Constant(ir::DType dtype, ir::Shape dims, const void* data, int64_t bytes);
  Operand ConstantFloats(const std::vector<float>& values);
  // A result of the same bytes as `source`: in its place when nobody reads that any more, else a
  // new array.
  Operand ResultLike(const Operand& source, ir::DType dtype);
  bool DiesHere(const Operand& operand) const;
  int AddStorage(Storage storage);
  void AddStep(const std::string& kernel, std::vector<Operand> reads, std::vector<Operand> writes,
               std::function<Status(const StepContext&)> run);
  void AddDnnl(const std::string& kernel, const dnnl::primitive& primitive,
               std::vector<DnnlArgument> arguments, int64_t samples, const Work& work = {});
  // What the step just added computes.
  void CountWork(const Work& work);
  // Of a contraction with `macs` multiply-adds: its primitive is made under
  // ThreadScope(work.threads).
  Work WorkOf(double macs, bool integer) const;
  // The weights as they are in another order. Where they lie is given back: nobody reads them
  // again.
  static std::shared_ptr<std::byte> PackedOnce(const ir::Tensor& weights,
                                               const dnnl::memory::desc& from,
                                               const dnnl::memory::desc& to);
  static std::vector<float> CopiedFloats(const ir::Tensor& weights);
  // `make`'s result in the program's store of packed weights: made once per program for the nodes
  // of a unit and an order, whatever the plans.
  int PackedWeights(const Unit& unit, const dnnl::memory::desc& order,
                    const std::function<std::shared_ptr<std::byte>()>& make);
  void AddScratchpad(const dnnl::memory::desc& desc, std::vector<DnnlArgument>& arguments);
  // Rows of one group each, in plain arrays.
  void AddGroupNorm(const simd::GroupNorm& norm, int64_t rows, const Operand& x,
                    const Operand& gain, const Operand& shift, const Operand& y);
  void AddBinary(const std::string& kernel, Binary kind, const BinaryPlan& plan, const Operand& a,
                 const Operand& b, const Operand& y);
  void AddCopy(const Operand& from, const Operand& to, const std::string& kernel);
  // The elements of `x` at `strides` as a plain array of `dims`: where they are, or a copy.
  Operand Arranged(const Operand& x, const ir::Shape& dims, const std::vector<int64_t>& strides);
  const ir::Node& node(const Unit& unit) const { return graph_.node(unit.head); }
  const ValueFact& fact(ir::ValueRef value) { return *facts_.Find(value); }

  // --- families
  bool LowerConv(const Unit& unit);    // lower_conv.cc
  bool LowerMatMul(const Unit& unit);  // lower_matmul.cc
  // A quantized contraction, its shapes resolved; `scale`, `shift`: y = scale[c] * (W x) + shift[c]
  // in real units, the scales of source and weights not in them.
  struct ContractionGeometry;
  bool LowerInt8(const Unit& unit, const ContractionGeometry& geometry);  // lower_int8.cc
  bool LowerDense(const Unit& unit, const Operand& a, const std::vector<float>& weights,
                  const std::vector<double>& shift, const ir::Shape& y_dims);  // lower_dense.cc
  bool LowerDenseInt8(const Unit& unit, const ContractionGeometry& geometry,
                      const std::vector<double>& step);
  // lower_depthwise.cc. `step`: the real value of 1 in the sum, per channel.
  bool LowerDepthwise(const Unit& unit, const ContractionGeometry& geometry,
                      const std::vector<double>& step, const QuantParams& out);
  bool LowerDepthwiseFloat(const Unit& unit, const ContractionGeometry& geometry);
  // One filter per channel over a plane or a line; nullopt when the convolution is something else.
  static std::optional<DepthwiseShape> DepthwiseShapeOf(const ContractionGeometry& geometry);
  template <typename T, typename Kernel>
  void AddDepthwise(const std::string& name, const Operand& x, const Operand& y,
                    std::shared_ptr<const Kernel> kernel);
  bool LowerUnary(const Unit& unit);  // lower_elementwise.cc
  bool LowerBinary(const Unit& unit);
  bool LowerMean(const Unit& unit);  // and Sum, Max, Min of one operand
  bool LowerBatchNormalization(const Unit& unit);
  bool LowerSoftmax(const Unit& unit);
  bool LowerActivation(const Unit& unit);
  bool LowerLayerNorm(const Unit& unit);  // lower_norm.cc
  bool LowerLrn(const Unit& unit);
  bool LowerGroupNorm(const Unit& unit);
  bool LowerMeanVariance(const Unit& unit);
  bool LowerAttention(const Unit& unit);  // lower_attention.cc
  bool LowerAttentionOp(const Unit& unit);
  struct AttentionHeads;
  void AddAttention(const AttentionHeads& heads);
  // What is added to the scores as floats of rank 2 or more: `mask`, and -infinity behind the
  // frontier.
  Operand AttentionMask(const Operand& mask, bool causal, int64_t queries, int64_t keys);
  bool LowerEinsum(const Unit& unit);  // lower_einsum.cc
  Operand EinsumOfOne(ir::ValueRef input, const analysis::Equation& equation);
  Operand EinsumOfTwo(const Unit& unit, const analysis::Equation& equation);
  bool LowerReduce(const Unit& unit);  // lower_reduce.cc
  bool LowerCast(const Unit& unit);    // lower_cast.cc
  bool LowerGather(const Unit& unit);
  bool LowerLogic(const Unit& unit);  // lower_logic.cc
  bool LowerWhere(const Unit& unit);
  bool LowerRepeat(const Unit& unit);
  bool LowerArg(const Unit& unit);
  bool LowerTopK(const Unit& unit);
  bool LowerIndexing(const Unit& unit);  // lower_indexing.cc
  bool LowerGatherEach(const Unit& unit);
  bool LowerScatter(const Unit& unit);
  bool LowerOneHot(const Unit& unit);
  bool LowerTriangle(const Unit& unit);
  bool LowerLines(const Unit& unit);
  bool LowerResize(const Unit& unit);           // lower_resize.cc
  bool LowerRecurrent(const Unit& unit);        // lower_recurrent.cc
  bool LowerConvTranspose(const Unit& unit);    // lower_deconvolution.cc
  bool LowerContrib(const Unit& unit);          // lower_contrib.cc
  bool LowerDynamicQuantize(const Unit& unit);  // lower_integer.cc
  // What is left of a unit after its sums: `count` a row, from 32-bit integers to its result.
  struct SumRows;
  std::optional<SumRows> ResultOfSums(const Unit& unit, Layout layout);
  bool LowerMatMulInteger(const Unit& unit);
  bool LowerWeightProduct(const Unit& unit, const Operand& a);
  bool LowerByteProduct(const Unit& unit, const Operand& a);
  bool LowerConvInteger(const Unit& unit);  // lower_conv_integer.cc
  struct ConvSums;
  bool LowerDnnlConvSums(const Unit& unit, ConvSums conv);
  bool LowerOwnConvSums(const Unit& unit, const ConvSums& conv);
  bool LowerAffine(const Unit& unit);    // lower_affine.cc
  bool LowerShuffle(const Unit& unit);   // lower_move.cc
  bool LowerPool(const Unit& unit);      // lower_pool.cc
  bool LowerMove(const Unit& unit);      // lower_move.cc
  bool LowerQuantize(const Unit& unit);  // lower_quantize.cc
  bool LowerDequantize(const Unit& unit);
  bool LowerQuantUnary(const Unit& unit);
  bool LowerQuantBinary(const Unit& unit);
  bool LowerQuantMove(const Unit& unit);
  bool LowerQuantAverage(const Unit& unit);

  // Elements moved by `head` (Reshape, Slice, Concat ...), of any type of whole bytes: the result,
  // or undefined. `grid`: the elements stand for real numbers on it, and Pad's 0 is its zero point.
  Operand Move(ir::NodeRef head, const std::vector<Operand>& inputs, const ir::Shape& dims,
               const QuantParams* grid = nullptr);
  Operand MovePool(ir::NodeRef head, const Operand& input, const ir::Shape& dims);
  Operand MoveResize(ir::NodeRef head, const Operand& input, const ir::Shape& dims);
  Operand MoveBorder(const analysis::PadOp& pad, const Operand& x, const ir::Shape& dims);
  // Quantizes a float array; the step belongs to the current unit.
  Operand Quantized(const Operand& x, const QuantParams& params);
  // Applies `activation` to a float array, in place where that is allowed.
  Operand Activated(const Operand& x, const UnaryOpSpec& activation);
  // What is left of a unit after its contraction gave a float array: residual, activation,
  // QuantizeLinear.
  Operand Finished(const Unit& unit, Operand x, bool residual_done, bool activation_done);
  Operand AddedTo(const Operand& a, const Operand& b);
  Operand Dequantized(const Operand& q, const QuantParams& params);

  Facts& facts_;
  const ir::Graph& graph_;
  LowerOptions options_;
  Plan plan_;
  std::map<uint32_t, Operand> operands_;  // by value
  std::map<uint32_t, int>
      uses_left_;  // by value: units yet to run that read it, and outside readers
  std::vector<std::vector<uint32_t>> tenants_;   // by storage: values that lie in it
  std::vector<std::pair<uint32_t, int>> bound_;  // values bound so far and where, in order
  std::string current_label_, current_op_;
};

}  // namespace assize::engine
