// Convolution, pooling and products against loops written straight from their definitions, on
// random shapes; and their independence of the number of threads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "lib/reference/convert.h"
#include "lib/support/parallel.h"
#include "lib/support/random.h"
#include "tests/reference/one_node.h"

namespace assize::reference {
namespace {

ir::Tensor Noise(Philox& random, const ir::Shape& dims) {
  int64_t count = 1;
  for (const int64_t dim : dims) count *= dim;
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(random.NextNormal());
  return F32(dims, values);
}

int64_t Upto(Philox& random, int64_t most) {
  return 1 + static_cast<int64_t>(random.NextBelow(static_cast<uint64_t>(most)));
}

struct Plane {
  int64_t batch, channels, height, width;
};

struct Geometry {
  int64_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, top, left, bottom, right;
  static Geometry Some(Philox& random) {
    const auto pad = [&] { return static_cast<int64_t>(random.NextBelow(3)); };
    return {Upto(random, 3), Upto(random, 3), Upto(random, 3), Upto(random, 3), Upto(random, 2),
            Upto(random, 2), pad(),           pad(),           pad(),           pad()};
  }
  int64_t OutH(int64_t h) const {
    return (h + top + bottom - (kernel_h - 1) * dilation_h - 1) / stride_h + 1;
  }
  int64_t OutW(int64_t w) const {
    return (w + left + right - (kernel_w - 1) * dilation_w - 1) / stride_w + 1;
  }
  std::vector<ir::Attribute> Attributes() const {
    return {IntsAttr("kernel_shape", {kernel_h, kernel_w}),
            IntsAttr("strides", {stride_h, stride_w}),
            IntsAttr("dilations", {dilation_h, dilation_w}),
            IntsAttr("pads", {top, left, bottom, right})};
  }
};

TEST(Conv, AgreesWithItsDefinition) {
  for (uint64_t round = 0; round < 60; ++round) {
    SCOPED_TRACE(round);
    Philox random(11, round);
    const int64_t groups = Upto(random, 3), in_per = Upto(random, 2), out_per = Upto(random, 2);
    const Plane p{Upto(random, 2), groups * in_per, 7 + Upto(random, 5), 7 + Upto(random, 5)};
    const Geometry g = Geometry::Some(random);
    const ir::Tensor x = Noise(random, {p.batch, p.channels, p.height, p.width});
    const ir::Tensor w = Noise(random, {groups * out_per, in_per, g.kernel_h, g.kernel_w});
    const ir::Tensor b = Noise(random, {groups * out_per});
    std::vector<ir::Attribute> attributes = g.Attributes();
    attributes.push_back(IntAttr("group", groups));
    const ir::Tensor y = Y({"Conv", {x, w, b}, attributes});
    const int64_t oh = g.OutH(p.height), ow = g.OutW(p.width);
    ASSERT_EQ(y.dims(), (ir::Shape{p.batch, groups * out_per, oh, ow}));
    const auto xs = x.data<float>(), ws = w.data<float>();
    size_t at = 0;
    for (int64_t n = 0; n < p.batch; ++n) {
      for (int64_t m = 0; m < groups * out_per; ++m) {
        for (int64_t i = 0; i < oh; ++i) {
          for (int64_t j = 0; j < ow; ++j, ++at) {
            double sum = 0;
            for (int64_t c = 0; c < in_per; ++c) {
              for (int64_t ki = 0; ki < g.kernel_h; ++ki) {
                for (int64_t kj = 0; kj < g.kernel_w; ++kj) {
                  const int64_t r = i * g.stride_h + ki * g.dilation_h - g.top,
                                s = j * g.stride_w + kj * g.dilation_w - g.left;
                  if (r < 0 || r >= p.height || s < 0 || s >= p.width) continue;
                  const int64_t channel = m / out_per * in_per + c;
                  sum += static_cast<double>(xs[static_cast<size_t>(
                             ((n * p.channels + channel) * p.height + r) * p.width + s)]) *
                         static_cast<double>(ws[static_cast<size_t>(
                             ((m * in_per + c) * g.kernel_h + ki) * g.kernel_w + kj)]);
                }
              }
            }
            sum += static_cast<double>(b.data<float>()[static_cast<size_t>(m)]);
            ASSERT_EQ(y.data<float>()[at], static_cast<float>(sum)) << at;
          }
        }
      }
    }
  }
}

// <Conv(x), y> = <x, ConvTranspose(y)>: the one is the other's adjoint.
TEST(ConvTranspose, IsTheAdjointOfConv) {
  for (uint64_t round = 0; round < 40; ++round) {
    SCOPED_TRACE(round);
    Philox random(12, round);
    const int64_t groups = Upto(random, 2), in_per = Upto(random, 2), out_per = Upto(random, 2);
    const Geometry g = Geometry::Some(random);
    const int64_t h = 8 + Upto(random, 4), w = 8 + Upto(random, 4);
    const ir::Tensor x = Noise(random, {1, groups * in_per, h, w});
    const ir::Tensor weight = Noise(random, {groups * out_per, in_per, g.kernel_h, g.kernel_w});
    std::vector<ir::Attribute> attributes = g.Attributes();
    attributes.push_back(IntAttr("group", groups));
    const ir::Tensor forward = Y({"Conv", {x, weight}, attributes});
    const ir::Tensor y = Noise(random, forward.dims());
    // What the stride's division dropped comes back as output padding.
    const auto rest = [](int64_t size, int64_t pads, int64_t reach, int64_t stride) {
      return (size + pads - reach) % stride;
    };
    attributes.push_back(
        IntsAttr("output_padding",
                 {rest(h, g.top + g.bottom, (g.kernel_h - 1) * g.dilation_h + 1, g.stride_h),
                  rest(w, g.left + g.right, (g.kernel_w - 1) * g.dilation_w + 1, g.stride_w)}));
    const ir::Tensor back = Y({"ConvTranspose", {y, weight}, attributes});
    ASSERT_EQ(back.dims(), x.dims());
    double left = 0, right = 0;
    const std::vector<double> f = Reals(forward), ys = Reals(y), xs = Reals(x), bs = Reals(back);
    for (size_t i = 0; i < f.size(); ++i) left += f[i] * ys[i];
    for (size_t i = 0; i < xs.size(); ++i) right += xs[i] * bs[i];
    EXPECT_NEAR(left, right, 1e-4 * (1 + std::fabs(left)));
  }
}

TEST(Pool, AgreesWithItsDefinition) {
  for (uint64_t round = 0; round < 60; ++round) {
    SCOPED_TRACE(round);
    Philox random(13, round);
    Geometry g = Geometry::Some(random);
    const auto clip = [](int64_t pad, int64_t kernel) { return std::min(pad, kernel - 1); };
    g.top = clip(g.top, g.kernel_h), g.bottom = clip(g.bottom, g.kernel_h);
    g.left = clip(g.left, g.kernel_w), g.right = clip(g.right, g.kernel_w);
    const Plane p{1, 2, 6 + Upto(random, 5), 6 + Upto(random, 5)};
    const ir::Tensor x = Noise(random, {p.batch, p.channels, p.height, p.width});
    const bool include = random.NextBelow(2) == 0;
    std::vector<ir::Attribute> attributes = g.Attributes();
    const ir::Tensor most = Y({"MaxPool", {x}, attributes});
    attributes.push_back(IntAttr("count_include_pad", include));
    const ir::Tensor mean = Y({"AveragePool", {x}, attributes});
    const int64_t oh = g.OutH(p.height), ow = g.OutW(p.width);
    ASSERT_EQ(most.dims(), (ir::Shape{1, 2, oh, ow}));
    ASSERT_EQ(mean.dims(), most.dims());
    size_t at = 0;
    for (int64_t c = 0; c < p.channels; ++c) {
      for (int64_t i = 0; i < oh; ++i) {
        for (int64_t j = 0; j < ow; ++j, ++at) {
          double sum = 0, best = -1e9, count = 0;
          for (int64_t ki = 0; ki < g.kernel_h; ++ki) {
            for (int64_t kj = 0; kj < g.kernel_w; ++kj) {
              const int64_t r = i * g.stride_h + ki * g.dilation_h - g.top,
                            s = j * g.stride_w + kj * g.dilation_w - g.left;
              const bool inside = r >= 0 && r < p.height && s >= 0 && s < p.width;
              if (inside || (include && r < p.height + g.bottom && s < p.width + g.right)) ++count;
              if (!inside) continue;
              const double value = static_cast<double>(
                  x.data<float>()[static_cast<size_t>((c * p.height + r) * p.width + s)]);
              sum += value;
              best = std::max(best, value);
            }
          }
          if (best > -1e9) {
            EXPECT_EQ(most.data<float>()[at], static_cast<float>(best));
          }
          if (count > 0) {
            EXPECT_EQ(mean.data<float>()[at], static_cast<float>(sum / count));
          }
        }
      }
    }
  }
}

TEST(MatMul, BatchesBroadcastAndVectorsPromote) {
  const ir::Tensor a = F32({2, 1, 2, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  EXPECT_EQ(Y({"MatMul", {a, F32({3}, {1, 0, -1})}}), F32({2, 1, 2}, {-2, -2, -2, -2}));
  EXPECT_EQ(Y({"MatMul", {F32({2}, {1, 10}), F32({2, 2}, {1, 2, 3, 4})}}), F32({2}, {31, 42}));
  EXPECT_EQ(Y({"MatMul", {F32({2, 1, 1, 2}, {1, 2, 3, 4}), F32({2, 2, 1}, {1, 0, 0, 1})}}),
            F32({2, 2, 1, 1}, {1, 2, 3, 4}));
  EXPECT_EQ(Y({"Gemm",
               {F32({2, 1}, {1, 2}), F32({2, 1}, {3, 4}), F32({}, {100})},
               {IntAttr("transA", 1), Attr("alpha", 2.0f), Attr("beta", 0.5f)}}),
            F32({1, 1}, {72}));
  EXPECT_THAT(ErrorOf({"MatMul", {F32({2, 3}, {0, 0, 0, 0, 0, 0}), F32({2, 1}, {0, 0})}}),
              testing::HasSubstr("the inner dims 3 and 2 differ"));
}

TEST(Layers, ThreadsDoNotChangeResults) {
  Philox random(14);
  const ir::Tensor x = Noise(random, {2, 16, 32, 32}), w = Noise(random, {16, 16, 3, 3}),
                   a = Noise(random, {400, 60}), b = Noise(random, {60, 100});
  const int before = ThreadCount();
  SetThreadCount(1);
  const ir::Tensor conv = Y({"Conv", {x, w}}), product = Y({"MatMul", {a, b}});
  SetThreadCount(3);
  EXPECT_EQ(Y({"Conv", {x, w}}), conv);
  EXPECT_EQ(Y({"MatMul", {a, b}}), product);
  SetThreadCount(before);
}

TEST(QLinearConv, EqualsDequantizedConvolution) {
  Philox random(15);
  std::vector<uint8_t> xs(2 * 3 * 25);
  std::vector<int8_t> ws(4 * 3 * 9);
  for (auto& value : xs) value = static_cast<uint8_t>(random.NextBelow(256));
  for (auto& value : ws) value = static_cast<int8_t>(static_cast<int>(random.NextBelow(255)) - 127);
  const ir::Tensor x = ir::Tensor::Of<uint8_t>({2, 3, 5, 5}, xs),
                   w = ir::Tensor::Of<int8_t>({4, 3, 3, 3}, ws);
  const ir::Tensor xz = ir::Tensor::Scalar<uint8_t>(120), yz = ir::Tensor::Scalar<uint8_t>(128);
  // Powers of two make the float path exact, so both round the same number.
  const ir::Tensor xs_scale = F32({}, {0.5f}), w_scale = F32({4}, {0.25f, 0.5f, 1, 2}),
                   y_scale = F32({}, {64});
  const ir::Tensor q =
      Y({"QLinearConv",
         {x, xs_scale, xz, w, w_scale, ir::Tensor::Of<int8_t>({4}, {0, 0, 0, 0}), y_scale, yz}});
  const ir::Tensor real = Y({"Conv",
                             {Y({"DequantizeLinear", {x, xs_scale, xz}}),
                              Y({"DequantizeLinear", {w, w_scale}, {IntAttr("axis", 0)}})}});
  EXPECT_EQ(q, Y({"QuantizeLinear", {real, y_scale, yz}}));
}

}  // namespace
}  // namespace assize::reference
