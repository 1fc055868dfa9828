// The special functions against closed forms and published digits.
#include "lib/eval/special.h"

#include <gtest/gtest.h>

#include <cmath>

namespace assize::eval {
namespace {

TEST(NormalQuantile, MatchesPublishedDigitsInAllThreeRegions) {
  EXPECT_NEAR(NormalQuantile(0.95), 1.6448536269514722, 1e-15);
  EXPECT_NEAR(NormalQuantile(0.975), 1.959963984540054, 1e-15);
  EXPECT_NEAR(NormalQuantile(0.5), 0, 1e-16);
  EXPECT_NEAR(NormalQuantile(0.001), -3.090232306167813, 1e-14);
  EXPECT_NEAR(NormalQuantile(1e-10), -6.361340902404056, 1e-13);  // the far tail
  EXPECT_NEAR(NormalQuantile(1e-20), -9.262340089798408, 1e-13);
}

TEST(NormalQuantile, InvertsTheDistribution) {
  for (double p = 0.0005; p < 1; p += 0.0007) {
    EXPECT_NEAR(NormalCdf(NormalQuantile(p)), p, 2e-15) << p;
  }
}

// For whole a and b, I_x(a, b) is the upper tail of a binomial with n = a + b - 1.
double BinomialTail(int a, int b, double x) {
  const int n = a + b - 1;
  double sum = 0;
  for (int j = a; j <= n; ++j) {
    sum += std::exp(std::lgamma(n + 1.0) - std::lgamma(j + 1.0) - std::lgamma(n - j + 1.0) +
                    j * std::log(x) + (n - j) * std::log1p(-x));
  }
  return sum;
}

TEST(RegularizedBeta, IsTheBinomialTail) {
  for (const int a : {1, 2, 7, 40}) {
    for (const int b : {1, 3, 25, 60}) {
      for (const double x : {0.01, 0.2, 0.5, 0.77, 0.99}) {
        EXPECT_NEAR(RegularizedBeta(a, b, x), BinomialTail(a, b, x), 2e-12)
            << a << " " << b << " " << x;
      }
    }
  }
  // a or b of 1, and 1/2 (the arcsine law), have closed forms.
  EXPECT_NEAR(RegularizedBeta(3.5, 1, 0.3), std::pow(0.3, 3.5), 1e-14);
  EXPECT_NEAR(RegularizedBeta(0.5, 0.5, 0.25), 2 / M_PI * std::asin(0.5), 1e-13);
}

TEST(InverseRegularizedBeta, InvertsFarIntoTheTails) {
  for (const double a : {0.3, 1.0, 12.5, 390.0, 9700.0}) {
    for (const double b : {0.7, 1.0, 30.0, 5000.0}) {
      for (const double p : {1e-8, 0.05, 0.5, 0.95, 0.999}) {
        const double x = InverseRegularizedBeta(a, b, p);
        ASSERT_TRUE(x >= 0 && x <= 1) << a << " " << b << " " << p;
        // An x that rounds to 1 cannot say more than that 1 is its nearest double.
        if (x < 1 - 1e-12) {
          EXPECT_NEAR(RegularizedBeta(a, b, x) / p, 1, 1e-9) << a << " " << b << " " << p;
        }
      }
    }
  }
  EXPECT_NEAR(InverseRegularizedBeta(390, 1, 0.05), std::pow(0.05, 1.0 / 390), 1e-14);
}

}  // namespace
}  // namespace assize::eval
