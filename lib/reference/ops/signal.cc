// DFT, STFT, HannWindow, HammingWindow, BlackmanWindow, MelWeightMatrix.
//
// Transforms by their definition, O(n^2), in double, with the angle reduced modulo n before the
// cosine is taken. Complex numbers are a last dim of 2.
// Tests: tests/reference/robustness_test.cc, tests/conformance/.
#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

using Complex = std::complex<double>;

// X[k] = sum of x[n] exp(sign 2 pi i k n / length), for k below `bins`; x beyond its end is zero.
std::vector<Complex> Transform(const std::vector<Complex>& x, int64_t length, int64_t bins,
                               int sign) {
  std::vector<Complex> roots(static_cast<size_t>(length));
  for (int64_t i = 0; i < length; ++i) {
    const double angle =
        sign * 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(length);
    roots[static_cast<size_t>(i)] = {std::cos(angle), std::sin(angle)};
  }
  std::vector<Complex> out(static_cast<size_t>(bins));
  for (int64_t k = 0; k < bins; ++k) {
    Complex sum = 0;
    int64_t turn = 0;
    for (int64_t n = 0; n < std::min<int64_t>(length, static_cast<int64_t>(x.size())); ++n) {
      sum += x[static_cast<size_t>(n)] * roots[static_cast<size_t>(turn)];
      turn = (turn + k) % length;
    }
    out[static_cast<size_t>(k)] = sum;
  }
  return out;
}

// Longest transform: its cost is quadratic.
constexpr int64_t kMaxTransform = 1 << 16;

Status CheckLength(int64_t length) {
  if (length >= 1 && length <= kMaxTransform) return OkStatus();
  return InvalidArgument("transform length is {}, expected 1 to {}", length, kMaxTransform);
}

// One sided: forward, of real input, keeps bins 0 to n/2; inverse (opset 20) takes those bins and
// yields reals.
Status Dft(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  const int64_t parts = x.rank() < 1 ? 0 : x.dims().back();
  if (x.rank() < 2 || (parts != 1 && parts != 2)) {
    return InvalidArgument("input is {}, expected [..., 1] or [..., 2]", x.TypeText());
  }
  int64_t given = ctx.opset() < 20 ? ctx.Int("axis", 1) : -2;
  if (ctx.has(2)) {
    AZ_ASSIGN_OR_RETURN(given, ctx.IntScalarIn(2, "axis"));
  }
  AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(given, x.rank()));
  if (axis == x.rank() - 1)
    return InvalidArgument("axis {} is the dim of real and imaginary parts", axis);
  const auto a = static_cast<size_t>(axis);
  const bool inverse = ctx.Int("inverse", 0) != 0, onesided = ctx.Int("onesided", 0) != 0;
  const bool to_real = inverse && onesided;
  const int64_t extent = x.dims()[a];
  int64_t length = to_real ? 2 * (extent - 1) : extent;
  if (ctx.has(1)) {
    AZ_ASSIGN_OR_RETURN(length, ctx.IntScalarIn(1, "dft_length"));
  }
  AZ_RETURN_IF_ERROR(CheckLength(length));
  const int64_t bins = onesided && !inverse ? length / 2 + 1 : length;
  ir::Shape dims = x.dims();
  dims[a] = bins;
  dims.back() = to_real ? 1 : 2;
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), dims));
  const std::vector<double> values = Reals(x);
  std::vector<double> out(static_cast<size_t>(count));
  const int64_t outer = Product(x.dims(), 0, a),
                inner = Product(x.dims(), a + 1, x.dims().size() - 1);
  for (int64_t o = 0; count > 0 && o < outer; ++o) {
    for (int64_t i = 0; i < inner; ++i) {
      std::vector<Complex> row(static_cast<size_t>(extent));
      for (int64_t n = 0; n < extent; ++n) {
        const double* at = values.data() + ((o * extent + n) * inner + i) * parts;
        row[static_cast<size_t>(n)] = {at[0], parts == 2 ? at[1] : 0};
      }
      if (to_real) {
        // The bins above n/2 are the conjugates of those below.
        row.resize(static_cast<size_t>(length / 2 + 1));
        row[0] = row[0].real();
        if (length % 2 == 0) row.back() = row.back().real();
        row.resize(static_cast<size_t>(length));
        for (int64_t k = length / 2 + 1; k < length; ++k) {
          row[static_cast<size_t>(k)] = std::conj(row[static_cast<size_t>(length - k)]);
        }
      }
      const std::vector<Complex> result = Transform(row, length, bins, inverse ? 1 : -1);
      for (int64_t k = 0; k < bins; ++k) {
        const Complex value =
            result[static_cast<size_t>(k)] / (inverse ? static_cast<double>(length) : 1.0);
        double* to = out.data() + ((o * bins + k) * inner + i) * dims.back();
        to[0] = value.real();
        if (!to_real) to[1] = value.imag();
      }
    }
  }
  ctx.Set(0, FromReals(x.dtype(), dims, out));
  return OkStatus();
}

Status Stft(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  if (x.rank() != 3 || x.dims()[2] < 1 || x.dims()[2] > 2) {
    return InvalidArgument("signal is {}, expected [batch, length, 1 or 2]", x.TypeText());
  }
  AZ_ASSIGN_OR_RETURN(const int64_t step, ctx.IntScalarIn(1, "frame_step"));
  int64_t length = ctx.has(2) ? ctx.in(2).element_count() : x.dims()[1];
  if (ctx.has(3)) {
    AZ_ASSIGN_OR_RETURN(length, ctx.IntScalarIn(3, "frame_length"));
  }
  if (ctx.has(2) && ctx.in(2).element_count() != length) {
    return InvalidArgument("window is {}, frame_length is {}", ctx.in(2).TypeText(), length);
  }
  AZ_RETURN_IF_ERROR(CheckLength(length));
  if (step < 1 || length > x.dims()[1]) {
    return InvalidArgument("frame_step {}, frame_length {} over {} samples", step, length,
                           x.dims()[1]);
  }
  const std::vector<double> window =
      ctx.has(2) ? Reals(ctx.in(2)) : std::vector<double>(static_cast<size_t>(length), 1.0);
  const bool onesided = ctx.Int("onesided", 1) != 0;
  const int64_t frames = (x.dims()[1] - length) / step + 1,
                bins = onesided ? length / 2 + 1 : length;
  const ir::Shape dims{x.dims()[0], frames, bins, 2};
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), dims));
  const std::vector<double> values = Reals(x);
  const int64_t parts = x.dims()[2];
  std::vector<double> out;
  out.reserve(static_cast<size_t>(count));
  for (int64_t b = 0; b < dims[0]; ++b) {
    for (int64_t f = 0; f < frames; ++f) {
      std::vector<Complex> row(static_cast<size_t>(length));
      for (int64_t n = 0; n < length; ++n) {
        const double* at = values.data() + (b * x.dims()[1] + f * step + n) * parts;
        row[static_cast<size_t>(n)] =
            Complex(at[0], parts == 2 ? at[1] : 0) * window[static_cast<size_t>(n)];
      }
      for (const Complex& value : Transform(row, length, bins, -1)) {
        out.push_back(value.real());
        out.push_back(value.imag());
      }
    }
  }
  ctx.Set(0, FromReals(x.dtype(), dims, out));
  return OkStatus();
}

StatusOr<ir::DType> OutputType(const OpContext& ctx) {
  const int64_t number = ctx.Int("output_datatype", 1);
  if (number < 1 || number > ir::kMaxDType || !IsNumeric(static_cast<ir::DType>(number))) {
    return InvalidArgument("attribute \"output_datatype\" is {}, expected a numeric element type",
                           number);
  }
  return static_cast<ir::DType>(number);
}

// a0 - a1 cos(2 pi n / N) + a2 cos(4 pi n / N), N the size when periodic, else one less.
Status CosineWindow(OpContext& ctx, double a0, double a1, double a2) {
  AZ_ASSIGN_OR_RETURN(const int64_t size, ctx.IntScalarIn(0, "size"));
  AZ_ASSIGN_OR_RETURN(const ir::DType dtype, OutputType(ctx));
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(dtype, {size}));
  const double period = static_cast<double>(ctx.Int("periodic", 1) != 0 ? size : size - 1);
  std::vector<double> out(static_cast<size_t>(count));
  for (size_t n = 0; n < out.size(); ++n) {
    const double angle = period == 0 ? 0 : 2 * std::numbers::pi * static_cast<double>(n) / period;
    out[n] = a0 - a1 * std::cos(angle) + a2 * std::cos(2 * angle);
  }
  ctx.Set(0, FromReals(dtype, {size}, out));
  return OkStatus();
}

Status HannWindow(OpContext& ctx) { return CosineWindow(ctx, 0.5, 0.5, 0); }
// ONNX's coefficients are the exact fractions 25/46 and 21/46.
Status HammingWindow(OpContext& ctx) { return CosineWindow(ctx, 25.0 / 46, 21.0 / 46, 0); }
Status BlackmanWindow(OpContext& ctx) { return CosineWindow(ctx, 0.42, 0.5, 0.08); }

// Triangles of peak 1 between equally spaced mels: mel(f) = 2595 log10(1 + f / 700).
Status MelWeightMatrix(OpContext& ctx) {
  AZ_ASSIGN_OR_RETURN(const int64_t bands, ctx.IntScalarIn(0, "num_mel_bins"));
  AZ_ASSIGN_OR_RETURN(const int64_t length, ctx.IntScalarIn(1, "dft_length"));
  AZ_ASSIGN_OR_RETURN(const int64_t rate, ctx.IntScalarIn(2, "sample_rate"));
  AZ_ASSIGN_OR_RETURN(const double lower, ctx.RealScalarIn(3, "lower_edge_hertz"));
  AZ_ASSIGN_OR_RETURN(const double upper, ctx.RealScalarIn(4, "upper_edge_hertz"));
  AZ_ASSIGN_OR_RETURN(const ir::DType dtype, OutputType(ctx));
  if (bands < 1 || length < 1 || rate < 1 || length > (int64_t{1} << 40) || !(lower >= 0) ||
      !(upper >= lower)) {
    return InvalidArgument("{} bands, length {}, rate {}, {} to {} hertz", bands, length, rate,
                           lower, upper);
  }
  const int64_t bins = length / 2 + 1;
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kDouble, {bands}).status());
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(dtype, {bins, bands}));
  const double low = 2595 * std::log10(1 + lower / 700), high = 2595 * std::log10(1 + upper / 700);
  const double step = (high - low) / static_cast<double>(bands + 2);
  std::vector<int64_t> edges;
  for (int64_t i = 0; i < bands + 2; ++i) {
    const double hertz = 700 * (std::pow(10.0, (low + step * static_cast<double>(i)) / 2595) - 1);
    const double bin =
        std::floor(static_cast<double>(length + 1) * hertz / static_cast<double>(rate));
    edges.push_back(static_cast<int64_t>(std::clamp(bin, 0.0, static_cast<double>(bins - 1))));
  }
  std::vector<double> out(static_cast<size_t>(count));
  for (int64_t band = 0; band < bands; ++band) {
    const auto e = static_cast<size_t>(band);
    const int64_t left = edges[e], center = edges[e + 1], right = edges[e + 2];
    const auto at = [&](int64_t bin) -> double& {
      return out[static_cast<size_t>(bin * bands + band)];
    };
    if (left == center) at(center) = 1;
    for (int64_t bin = left; left < center && bin <= center; ++bin) {
      at(bin) = static_cast<double>(bin - left) / static_cast<double>(center - left);
    }
    for (int64_t bin = center; bin < right; ++bin) {
      at(bin) = static_cast<double>(right - bin) / static_cast<double>(right - center);
    }
  }
  ctx.Set(0, FromReals(dtype, {bins, bands}, out));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"DFT", 17, Dft, 1, 3},
    {"STFT", 17, Stft, 2, 4},
    {"HannWindow", 17, HannWindow, 1, 1},
    {"HammingWindow", 17, HammingWindow, 1, 1},
    {"BlackmanWindow", 17, BlackmanWindow, 1, 1},
    {"MelWeightMatrix", 17, MelWeightMatrix, 5, 5},
};

}  // namespace

KernelRows SignalRows() { return kRows; }

}  // namespace assize::reference
