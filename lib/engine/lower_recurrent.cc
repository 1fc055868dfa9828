// LSTM and GRU with constant weights on our own kernel: both directions, initial states, default
// activations. Tests: tests/engine/native_ops_test.cc.
#include <cstring>

#include "lib/analysis/attributes.h"
#include "lib/analysis/ops.h"
#include "lib/engine/kernels/recurrent.h"
#include "lib/engine/lower.h"

namespace assize::engine {

using ir::DType;

bool Lowering::LowerRecurrent(const Unit& unit) {
  const ir::Node& n = node(unit);
  const bool lstm = n.op_type == "LSTM";
  if (!lstm && n.op_type != "GRU") return false;
  analysis::AttributeReader read(graph_, unit.head);
  const std::string direction = read.Text("direction", "forward");
  const bool plain = read.Int("layout", 0) == 0 && read.Float("clip", 0) == 0 &&
                     read.Int("input_forget", 0) == 0 && !read.Has("activations");
  const bool linear_before_reset = read.Int("linear_before_reset", 0) != 0;
  if (!plain || !read.status().ok()) return false;
  const Operand x = Plain(n.inputs[0]);
  const ir::Tensor *w = facts_.Known(n.inputs[1]), *r = facts_.Known(n.inputs[2]);
  if (!x.defined() || x.dtype != DType::kFloat || w == nullptr || r == nullptr) return false;
  // Lengths of their own, and peepholes: the reference knows them.
  if (analysis::InputAt(n, 4) || analysis::InputAt(n, 7)) return false;
  const int64_t directions = r->dims()[0], hidden = r->dims()[2], inputs = x.dims[2];
  const int64_t gates = lstm ? 4 : 3, rows = gates * hidden;
  if (w->dims() != ir::Shape{directions, rows, inputs} ||
      r->dims() != ir::Shape{directions, rows, hidden} || w->dtype() != DType::kFloat ||
      r->dtype() != DType::kFloat)
    return false;
  std::vector<float> bias(static_cast<size_t>(directions * 2 * rows), 0.0f);
  if (const ir::ValueRef b = analysis::InputAt(n, 3)) {
    const ir::Tensor* known = facts_.Known(b);
    if (known == nullptr || known->dtype() != DType::kFloat ||
        known->element_count() != directions * 2 * rows)
      return false;
    bias.assign(known->data<float>().begin(), known->data<float>().end());
  }
  simd::RecurrentShape shape;
  shape.lstm = lstm;
  shape.linear_before_reset = linear_before_reset;
  shape.steps = x.dims[0], shape.batch = x.dims[1], shape.inputs = inputs, shape.hidden = hidden;
  const int64_t state = shape.batch * hidden;
  shape.y_step = directions * state;
  const ir::Shape state_dims{directions, shape.batch, hidden};
  Operand start[2];
  for (size_t i = 0; i < (lstm ? 2u : 1u); ++i) {
    const ir::ValueRef initial = analysis::InputAt(n, 5 + i);
    if (!initial) continue;
    start[i] = Plain(initial);
    if (!start[i].defined() || start[i].dims != state_dims) return false;
  }
  const int64_t width = shape.width(), last = (hidden + 15) / 16 * 16;
  std::vector<Operand> parts, reads{x};
  for (int64_t d = 0; d < directions; ++d) {
    // Turned, so that a row of it is what one input gives to all gates.
    std::vector<float> wt(static_cast<size_t>(inputs * width), 0.0f),
        rt(static_cast<size_t>(hidden * width), 0.0f), rl(static_cast<size_t>(hidden * last), 0.0f),
        bw(static_cast<size_t>(width), 0.0f), br = bw;
    const float* from_w = w->data<float>().data() + d * rows * inputs;
    const float* from_r = r->data<float>().data() + d * rows * hidden;
    for (int64_t g = 0; g < rows; ++g) {
      for (int64_t i = 0; i < inputs; ++i)
        wt[static_cast<size_t>(i * width + g)] = from_w[g * inputs + i];
      for (int64_t i = 0; i < hidden; ++i)
        rt[static_cast<size_t>(i * width + g)] = from_r[g * hidden + i];
      bw[static_cast<size_t>(g)] = bias[static_cast<size_t>(d * 2 * rows + g)];
      br[static_cast<size_t>(g)] = bias[static_cast<size_t>(d * 2 * rows + rows + g)];
    }
    for (int64_t g = 2 * hidden; g < rows && !lstm; ++g) {
      for (int64_t i = 0; i < hidden; ++i)
        rl[static_cast<size_t>(i * last + g - 2 * hidden)] = from_r[g * hidden + i];
    }
    for (const std::vector<float>* part : {&wt, &rt, &rl, &bw, &br})
      parts.push_back(ConstantFloats(*part));
  }
  reads.insert(reads.end(), parts.begin(), parts.end());
  Operand y, ends[2];
  std::vector<Operand> writes;
  for (size_t i = 0; i < 3; ++i) {
    const ir::ValueRef out = analysis::OutputAt(n, i);
    if (i == 0 && out)
      writes.push_back(y = NewArray(DType::kFloat, fact(out).dims, Layout::kPlain));
    if (i > 0) ends[i - 1] = NewArray(DType::kFloat, state_dims, Layout::kPlain);
    if (i > 0) writes.push_back(ends[i - 1]);
  }
  const Operand scratch = NewArray(DType::kFloat, {simd::RecurrentScratch(shape)}, Layout::kPlain);
  writes.push_back(scratch);
  for (const Operand& operand : start) {
    if (operand.defined()) reads.push_back(operand);
  }
  const Operand first = start[0], second = start[1], h = ends[0], c = ends[1];
  const bool reverse = direction == "reverse";
  AddStep(lstm ? "own:lstm" : "own:gru", reads, writes, [=](const StepContext& at) {
    const size_t bytes = static_cast<size_t>(directions * state) * 4;
    for (const auto& [from, to] : {std::pair{&first, &h}, std::pair{&second, &c}}) {
      if (from->defined()) {
        std::memcpy(at.at<float>(*to), at.at<float>(*from), bytes);
      } else {
        std::memset(at.at<float>(*to), 0, bytes);
      }
    }
    for (int64_t d = 0; d < directions; ++d) {
      simd::RecurrentShape one = shape;
      one.reverse = reverse || d == 1;
      const auto part = [&](int64_t i) {
        return at.at<const float>(parts[static_cast<size_t>(5 * d + i)]);
      };
      simd::RunRecurrent(one, at.at<const float>(x), part(0), part(1), part(2), part(3), part(4),
                         at.at<float>(h) + d * state, at.at<float>(c) + d * state,
                         y.defined() ? at.at<float>(y) + d * state : nullptr,
                         at.at<float>(scratch));
    }
    return OkStatus();
  });
  plan_.steps.back().info.operations =
      2.0 * static_cast<double>(shape.steps * shape.batch * directions * rows) *
      static_cast<double>(inputs + hidden);
  for (size_t i = 0; i < n.outputs.size(); ++i) {
    if (n.outputs[i]) Bind(n.outputs[i], i == 0 ? y : ends[i - 1]);
  }
  return true;
}

}  // namespace assize::engine
