// Tests: tests/reference/robustness_test.cc, tests/conformance/.
#include "lib/reference/ops/heads.h"

#include <algorithm>
#include <cmath>

#include "lib/ir/text.h"
#include "lib/reference/convert.h"
#include "lib/reference/shapes.h"

namespace assize::reference {

StatusOr<Heads> HeadsOf(const ir::Tensor& x, int64_t heads, std::string_view what) {
  Heads out;
  if (x.rank() == 4) {
    out = {x.dims()[0], x.dims()[1], x.dims()[2], x.dims()[3], false, {}};
  } else if (x.rank() == 3 && heads > 0 && x.dims()[2] % heads == 0) {
    out = {x.dims()[0], heads, x.dims()[1], x.dims()[2] / heads, true, {}};
  } else {
    return InvalidArgument("{} is {} with {} heads, expected [B, H, S, D] or [B, S, H * D]", what,
                           x.TypeText(), heads);
  }
  out.values = Reals(x);
  return out;
}

StatusOr<Heads> Joined(const Heads& now, const Heads& before, std::string_view what) {
  if (before.batch != now.batch || before.heads != now.heads || before.width != now.width) {
    return InvalidArgument("{} is {}, expected [{}, {}, P, {}]", what, ir::ShapeText(before.Dims()),
                           now.batch, now.heads, now.width);
  }
  Heads out{now.batch, now.heads, before.length + now.length, now.width, false, {}};
  out.values.resize(static_cast<size_t>(out.batch * out.heads * out.length * out.width));
  for (int64_t b = 0; b < out.batch; ++b) {
    for (int64_t h = 0; h < out.heads; ++h) {
      for (int64_t s = 0; s < out.length; ++s) {
        const double* from =
            s < before.length ? before.Row(b, h, s) : now.Row(b, h, s - before.length);
        std::copy(from, from + out.width, out.values.data() + out.At(b, h, s));
      }
    }
  }
  return out;
}

Heads Unpacked(const Heads& x) {
  Heads out{x.batch, x.heads, x.length, x.width, false, std::vector<double>(x.values.size())};
  for (int64_t b = 0; b < x.batch; ++b) {
    for (int64_t h = 0; h < x.heads; ++h) {
      for (int64_t s = 0; s < x.length; ++s) {
        std::copy(x.Row(b, h, s), x.Row(b, h, s) + x.width, out.values.data() + out.At(b, h, s));
      }
    }
  }
  return out;
}

void Rotate(Heads& x, const std::vector<int64_t>& positions, const std::vector<double>& cosines,
            const std::vector<double>& sines, int64_t half, bool interleaved) {
  for (int64_t b = 0; b < x.batch; ++b) {
    for (int64_t s = 0; s < x.length; ++s) {
      const int64_t row = positions[static_cast<size_t>(b * x.length + s)] * half;
      for (int64_t h = 0; h < x.heads; ++h) {
        double* head = x.values.data() + x.At(b, h, s);
        for (int64_t i = 0; i < half; ++i) {
          double& first = head[interleaved ? 2 * i : i];
          double& second = head[interleaved ? 2 * i + 1 : i + half];
          const double c = cosines[static_cast<size_t>(row + i)],
                       n = sines[static_cast<size_t>(row + i)];
          const double real = c * first - n * second;
          second = n * first + c * second;
          first = real;
        }
      }
    }
  }
}

Status CheckProblem(const Problem& p) {
  if (p.k.batch != p.q.batch || p.v.batch != p.q.batch || p.k.heads != p.v.heads ||
      p.k.length != p.v.length || p.k.width != p.q.width || p.k.heads == 0 ||
      p.q.heads % p.k.heads != 0) {
    return InvalidArgument("Q {}, K {} and V {} do not fit together", ir::ShapeText(p.q.Dims()),
                           ir::ShapeText(p.k.Dims()), ir::ShapeText(p.v.Dims()));
  }
  return OkStatus();
}

std::vector<double> Scores(const Problem& p) {
  std::vector<double> out;
  out.reserve(static_cast<size_t>(Product(p.ScoreDims())));
  const int64_t group = p.q.heads / p.k.heads;
  for (int64_t b = 0; b < p.q.batch; ++b) {
    for (int64_t h = 0; h < p.q.heads; ++h) {
      for (int64_t i = 0; i < p.q.length; ++i) {
        const double* q = p.q.Row(b, h, i);
        for (int64_t j = 0; j < p.k.length; ++j) {
          const double* k = p.k.Row(b, h / group, j);
          double sum = 0;
          for (int64_t d = 0; d < p.q.width; ++d) sum += q[d] * k[d];
          out.push_back(sum * p.scale);
        }
      }
    }
  }
  return out;
}

void SoftmaxRows(std::vector<double>& rows, int64_t length) {
  for (size_t at = 0; length > 0 && at < rows.size(); at += static_cast<size_t>(length)) {
    double* row = rows.data() + at;
    const double top = *std::max_element(row, row + length);
    double sum = 0;
    for (int64_t j = 0; j < length; ++j)
      sum += row[j] = top == kMinusInfinity ? 0 : std::exp(row[j] - top);
    for (int64_t j = 0; sum != 0 && j < length; ++j) row[j] /= sum;
  }
}

Heads Weighted(const Problem& p, const std::vector<double>& probabilities) {
  Heads out{p.q.batch, p.q.heads, p.q.length, p.v.width, p.q.packed, {}};
  out.values.resize(static_cast<size_t>(out.batch * out.heads * out.length * out.width));
  const int64_t group = p.q.heads / p.k.heads;
  const double* weight = probabilities.data();
  for (int64_t b = 0; b < out.batch; ++b) {
    for (int64_t h = 0; h < out.heads; ++h) {
      for (int64_t i = 0; i < out.length; ++i, weight += p.k.length) {
        double* to = out.values.data() + out.At(b, h, i);
        for (int64_t j = 0; j < p.k.length; ++j) {
          if (weight[j] == 0) continue;
          const double* v = p.v.Row(b, h / group, j);
          for (int64_t d = 0; d < out.width; ++d) to[d] += weight[j] * v[d];
        }
      }
    }
  }
  return out;
}

}  // namespace assize::reference
