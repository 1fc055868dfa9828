// RNN, GRU, LSTM.
//
// Shapes  X [T, B, I] (layout 0); W [D, G*H, I]; R [D, G*H, H]; B [D, 2*G*H]; initial states
//         [D, B, H]; Y [T, D, B, H], Y_h and Y_c [D, B, H]; layout 1 puts the batch first. D is 2
//         when bidirectional.
// Gates   GRU z, r, h; LSTM i, o, f, c with peepholes P [D, 3*H] in the order i, o, f.
// A sample's steps past its sequence_lens give zeros in Y and keep its last state. All in double; Y
// is rounded once, states are carried unrounded.
// Tests: tests/reference/robustness_test.cc, tests/conformance/.
#include <algorithm>
#include <cmath>

#include "lib/reference/ops/common.h"
#include "lib/reference/ops/named_activation.h"

namespace assize::reference {
namespace {

// What the three ops share: shapes, weights, activations, and the walk over time and directions.
struct Recurrence {
  int64_t steps = 0, batch = 0, inputs = 0, hidden = 0, directions = 1, gates = 1;
  bool batch_first = false, reverse = false;
  double clip = 0;
  std::vector<double> x, w, r, b;
  std::vector<int64_t> lengths;
  std::vector<NamedActivation> activations;  // per direction, one after another

  int64_t XAt(int64_t t, int64_t n) const {
    return (batch_first ? n * steps + t : t * batch + n) * inputs;
  }
  int64_t YAt(int64_t t, int64_t d, int64_t n) const {
    return (batch_first ? (n * steps + t) * directions + d : (t * directions + d) * batch + n) *
           hidden;
  }
  int64_t StateAt(int64_t d, int64_t n) const {
    return (batch_first ? n * directions + d : d * batch + n) * hidden;
  }

  // Gate g of hidden unit j: W x + Wb, and R h + Rb (kept apart: GRU may multiply the second by the
  // reset gate).
  double Input(int64_t d, int64_t g, int64_t j, const double* xt) const {
    const double* row = w.data() + ((d * gates + g) * hidden + j) * inputs;
    double sum = b.empty() ? 0 : b[static_cast<size_t>((d * 2 * gates + g) * hidden + j)];
    for (int64_t i = 0; i < inputs; ++i) sum += row[i] * xt[i];
    return sum;
  }
  double Recurrent(int64_t d, int64_t g, int64_t j, const double* h) const {
    const double* row = r.data() + ((d * gates + g) * hidden + j) * hidden;
    double sum = b.empty() ? 0 : b[static_cast<size_t>((d * 2 * gates + gates + g) * hidden + j)];
    for (int64_t i = 0; i < hidden; ++i) sum += row[i] * h[i];
    return sum;
  }
  double Clipped(double v) const { return clip > 0 ? std::min(clip, std::max(-clip, v)) : v; }
  const NamedActivation& At(int64_t d, size_t k, size_t per_direction) const {
    return activations[static_cast<size_t>(d) * per_direction + k];
  }
};

Status CheckDims(const OpContext& ctx, size_t i, const ir::Shape& expected, std::string_view what) {
  if (!ctx.has(i) || ctx.in(i).dims() == expected) return OkStatus();
  return InvalidArgument("{} is {}, expected {}", what, ctx.in(i).TypeText(),
                         ir::ShapeText(expected));
}

StatusOr<Recurrence> Read(const OpContext& ctx, int64_t gates,
                          const std::vector<std::string>& defaults) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor &x = ctx.in(0), &r = ctx.in(2);
  Recurrence n;
  n.gates = gates;
  if (x.rank() != 3 || r.rank() != 3) {
    return InvalidArgument("X is {} and R is {}, expected three dims", x.TypeText(), r.TypeText());
  }
  n.batch_first = ctx.Int("layout", 0) != 0;
  const std::string direction = ctx.String("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional") {
    return InvalidArgument("attribute \"direction\" is \"{}\"", direction);
  }
  n.reverse = direction == "reverse";
  n.directions = direction == "bidirectional" ? 2 : 1;
  n.steps = x.dims()[n.batch_first ? 1 : 0];
  n.batch = x.dims()[n.batch_first ? 0 : 1];
  n.inputs = x.dims()[2];
  n.hidden = r.dims()[2];
  if (ctx.Int("hidden_size", n.hidden) != n.hidden || n.hidden > (int64_t{1} << 40)) {
    return InvalidArgument("hidden_size is {}, R is {}", ctx.Int("hidden_size", 0), r.TypeText());
  }
  AZ_RETURN_IF_ERROR(CheckDims(ctx, 1, {n.directions, gates * n.hidden, n.inputs}, "W"));
  AZ_RETURN_IF_ERROR(CheckDims(ctx, 2, {n.directions, gates * n.hidden, n.hidden}, "R"));
  AZ_RETURN_IF_ERROR(CheckDims(ctx, 3, {n.directions, 2 * gates * n.hidden}, "B"));
  AZ_RETURN_IF_ERROR(CheckDims(ctx, 4, {n.batch}, "sequence_lens"));
  n.clip = ctx.Float("clip", 0);
  n.x = Reals(x);
  n.w = Reals(ctx.in(1));
  n.r = Reals(r);
  if (ctx.has(3)) n.b = Reals(ctx.in(3));
  n.lengths.assign(static_cast<size_t>(n.batch), n.steps);
  if (ctx.has(4)) {
    AZ_ASSIGN_OR_RETURN(n.lengths, ctx.IntsIn(4, "sequence_lens"));
  }
  for (const int64_t length : n.lengths) {
    if (length < 0 || length > n.steps)
      return OutOfRange("sequence length {} is outside [0, {}]", length, n.steps);
  }
  std::vector<std::string> names = ctx.Strings("activations");
  if (names.empty()) {
    for (int64_t d = 0; d < n.directions; ++d)
      names.insert(names.end(), defaults.begin(), defaults.end());
  }
  if (names.size() != defaults.size() * static_cast<size_t>(n.directions)) {
    return InvalidArgument("{} activations are given, expected {}", names.size(),
                           defaults.size() * static_cast<size_t>(n.directions));
  }
  const std::vector<double> alphas = ctx.Floats("activation_alpha"),
                            betas = ctx.Floats("activation_beta");
  for (size_t k = 0; k < names.size(); ++k) {
    AZ_ASSIGN_OR_RETURN(
        NamedActivation f,
        NamedActivation::Of(names[k], k < alphas.size() ? alphas[k] : 0,
                            k < betas.size() ? betas[k] : 0, k < alphas.size(), k < betas.size()));
    n.activations.push_back(std::move(f));
  }
  return n;
}

ir::Shape StateDims(const Recurrence& n) {
  return n.batch_first ? ir::Shape{n.batch, n.directions, n.hidden}
                       : ir::Shape{n.directions, n.batch, n.hidden};
}

StatusOr<std::vector<double>> State(const OpContext& ctx, const Recurrence& n, size_t i,
                                    std::string_view what) {
  AZ_RETURN_IF_ERROR(CheckDims(ctx, i, StateDims(n), what));
  if (ctx.has(i)) return Reals(ctx.in(i));
  return std::vector<double>(static_cast<size_t>(n.directions * n.batch * n.hidden));
}

// Calls step(d, sample, x_t, h) for each step of each sample; step updates the state h in place.
template <typename Step>
Status Walk(OpContext& ctx, const Recurrence& n, std::vector<double>& h, Step step) {
  const ir::Shape y_dims = n.batch_first ? ir::Shape{n.batch, n.steps, n.directions, n.hidden}
                                         : ir::Shape{n.steps, n.directions, n.batch, n.hidden};
  const ir::DType dtype = ctx.in(0).dtype();
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(dtype, y_dims));
  std::vector<double> y(static_cast<size_t>(count));
  for (int64_t d = 0; d < n.directions; ++d) {
    for (int64_t sample = 0; sample < n.batch; ++sample) {
      double* state = h.data() + n.StateAt(d, sample);
      const int64_t length = n.lengths[static_cast<size_t>(sample)];
      for (int64_t s = 0; s < length; ++s) {
        const int64_t t = n.reverse || d == 1 ? length - 1 - s : s;
        step(d, sample, n.x.data() + n.XAt(t, sample), state);
        std::copy(state, state + n.hidden, y.data() + n.YAt(t, d, sample));
      }
    }
  }
  ctx.Set(0, FromReals(dtype, y_dims, y));
  ctx.Set(1, FromReals(dtype, StateDims(n), h));
  return OkStatus();
}

Status Rnn(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const Recurrence n, Read(ctx, 1, {"Tanh"}));
  AZ_ASSIGN_OR_RETURN(std::vector<double> h, State(ctx, n, 5, "initial_h"));
  std::vector<double> next(static_cast<size_t>(n.hidden));
  return Walk(ctx, n, h, [&](int64_t d, int64_t, const double* xt, double* state) {
    for (int64_t j = 0; j < n.hidden; ++j) {
      next[static_cast<size_t>(j)] =
          n.At(d, 0, 1)(n.Clipped(n.Input(d, 0, j, xt) + n.Recurrent(d, 0, j, state)));
    }
    std::copy(next.begin(), next.end(), state);
  });
}

Status Gru(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const Recurrence n, Read(ctx, 3, {"Sigmoid", "Tanh"}));
  AZ_ASSIGN_OR_RETURN(std::vector<double> h, State(ctx, n, 5, "initial_h"));
  const bool after = ctx.Int("linear_before_reset", 0) != 0;
  const auto size = static_cast<size_t>(n.hidden);
  std::vector<double> z(size), r(size), gated(size), next(size);
  return Walk(ctx, n, h, [&](int64_t d, int64_t, const double* xt, double* state) {
    const NamedActivation &f = n.At(d, 0, 2), &g = n.At(d, 1, 2);
    for (int64_t j = 0; j < n.hidden; ++j) {
      const auto k = static_cast<size_t>(j);
      z[k] = f(n.Clipped(n.Input(d, 0, j, xt) + n.Recurrent(d, 0, j, state)));
      r[k] = f(n.Clipped(n.Input(d, 1, j, xt) + n.Recurrent(d, 1, j, state)));
      gated[k] = r[k] * state[j];
    }
    for (int64_t j = 0; j < n.hidden; ++j) {
      const auto k = static_cast<size_t>(j);
      const double recurrent =
          after ? r[k] * n.Recurrent(d, 2, j, state) : n.Recurrent(d, 2, j, gated.data());
      const double candidate = g(n.Clipped(n.Input(d, 2, j, xt) + recurrent));
      next[k] = (1 - z[k]) * candidate + z[k] * state[j];
    }
    std::copy(next.begin(), next.end(), state);
  });
}

Status Lstm(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const Recurrence n, Read(ctx, 4, {"Sigmoid", "Tanh", "Tanh"}));
  AZ_ASSIGN_OR_RETURN(std::vector<double> h, State(ctx, n, 5, "initial_h"));
  AZ_ASSIGN_OR_RETURN(std::vector<double> c, State(ctx, n, 6, "initial_c"));
  AZ_RETURN_IF_ERROR(CheckDims(ctx, 7, {n.directions, 3 * n.hidden}, "P"));
  std::vector<double> p(static_cast<size_t>(n.directions * 3 * n.hidden));
  if (ctx.has(7)) p = Reals(ctx.in(7));
  const bool coupled = ctx.Int("input_forget", 0) != 0;
  std::vector<double> next(static_cast<size_t>(n.hidden));
  AZ_RETURN_IF_ERROR(
      Walk(ctx, n, h, [&](int64_t d, int64_t sample, const double* xt, double* state) {
        const NamedActivation &f = n.At(d, 0, 3), &g = n.At(d, 1, 3), &out = n.At(d, 2, 3);
        double* cell = c.data() + n.StateAt(d, sample);
        const double* peep = p.data() + d * 3 * n.hidden;
        for (int64_t j = 0; j < n.hidden; ++j) {
          const auto gate = [&](int64_t k) {
            return n.Input(d, k, j, xt) + n.Recurrent(d, k, j, state);
          };
          const double i = f(n.Clipped(gate(0) + peep[j] * cell[j]));
          const double forget =
              coupled ? 1 - i : f(n.Clipped(gate(2) + peep[2 * n.hidden + j] * cell[j]));
          const double now = forget * cell[j] + i * g(n.Clipped(gate(3)));
          const double o = f(n.Clipped(gate(1) + peep[n.hidden + j] * now));
          cell[j] = now;
          next[static_cast<size_t>(j)] = o * out(now);
        }
        std::copy(next.begin(), next.end(), state);
      }));
  ctx.Set(2, FromReals(ctx.in(0).dtype(), StateDims(n), c));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"RNN", 1, Rnn, 3, 6},
    {"GRU", 1, Gru, 3, 6},
    {"LSTM", 1, Lstm, 3, 8},
};

}  // namespace

KernelRows RecurrentRows() { return kRows; }

}  // namespace assize::reference
