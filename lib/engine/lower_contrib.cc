// Ops of com.microsoft that ONNX Runtime's own optimizer writes into transformers: the GELUs, and
// layer normalization of a sum. Tests: tests/engine/native_ops_test.cc.
#include "lib/analysis/attributes.h"
#include "lib/analysis/ops.h"
#include "lib/engine/kernels/norm.h"
#include "lib/engine/kernels/transcendental.h"
#include "lib/engine/lower.h"
#include "lib/support/parallel.h"

namespace assize::engine {

using ir::DType;

bool Lowering::LowerContrib(const Unit& unit) {
  const ir::Node& n = node(unit);
  if (!IsContribSameShape(n)) return false;
  const ir::Model& model = facts_.constants().model();
  if (model.FindFunction(n.domain, n.op_type, n.overload) != nullptr) return false;
  Operand x = Plain(n.inputs[0]);
  if (!x.defined() || x.dtype != DType::kFloat) return false;
  analysis::AttributeReader read(graph_, unit.head);
  const bool skips =
      n.op_type == "SkipLayerNormalization" || n.op_type == "SkipSimplifiedLayerNormalization";
  if (!skips) {
    if (const ir::ValueRef bias = analysis::InputAt(n, 1)) {
      x = AddedTo(x, Plain(bias));
      if (!x.defined()) return false;
    }
    if (n.op_type != "QuickGelu") {
      const bool tanh = n.op_type == "FastGelu";
      Bind(n.outputs[0], Activated(x, {tanh ? Unary::kGeluTanh : Unary::kGelu}));
      return true;
    }
    const float alpha = read.Float("alpha", 1.702f);
    if (!read.status().ok()) return false;
    const Operand y = NewArray(DType::kFloat, x.dims, Layout::kPlain);
    AddStep("own:activation", {x}, {y}, [=, count = x.count()](const StepContext& c) {
      ParallelRanges(count, kGrain, [&](int64_t begin, int64_t end) {
        simd::SwishFloats(c.at<const float>(x) + begin, c.at<float>(y) + begin, end - begin, alpha);
      });
      return OkStatus();
    });
    Bind(n.outputs[0], y);
    return true;
  }
  const bool rms = n.op_type == "SkipSimplifiedLayerNormalization";
  // Gain, shift (the simplified form has none), bias of the sum.
  const ir::ValueRef gain = analysis::InputAt(n, 2);
  const ir::ValueRef shift = rms ? ir::ValueRef{} : analysis::InputAt(n, 3);
  const ir::ValueRef bias = analysis::InputAt(n, rms ? 3 : 4);
  const float epsilon = read.Float("epsilon", 1e-12f);
  if (!read.status().ok() || !gain || x.dims.empty()) return false;
  const int64_t width = x.dims.back(), rows = x.count() / width;
  const Operand k = Plain(gain), d = shift ? Plain(shift) : Operand{};
  if (!k.defined() || k.dtype != DType::kFloat || k.count() != width) return false;
  if (shift && (!d.defined() || d.count() != width)) return false;
  Operand sum = AddedTo(x, Plain(n.inputs[1]));
  if (sum.defined() && bias) sum = AddedTo(sum, Plain(bias));
  if (!sum.defined()) return false;
  const Operand y = NewArray(DType::kFloat, x.dims, Layout::kPlain);
  std::vector<Operand> reads{sum, k};
  if (d.defined()) reads.push_back(d);
  AddStep("own:layer-norm", reads, {y}, [=](const StepContext& c) {
    ParallelRanges(rows, kGrain / width + 1, [&](int64_t begin, int64_t end) {
      simd::LayerNormRows(c.at<const float>(sum) + begin * width, c.at<const float>(k),
                          d.defined() ? c.at<const float>(d) : nullptr,
                          c.at<float>(y) + begin * width, nullptr, {}, end - begin, width, epsilon,
                          rms);
    });
    return OkStatus();
  });
  Bind(n.outputs[0], y);
  if (const ir::ValueRef out = analysis::OutputAt(n, 3)) Bind(out, sum);
  return true;
}

}  // namespace assize::engine
