// Normal and beta distribution in double. Tests: tests/eval/special_test.cc.
#include "lib/eval/special.h"

#include <cmath>
#include <limits>

#include "lib/support/status.h"

namespace assize::eval {
namespace {

// Coefficients of the seven-over-seven rational approximations of Wichura 1988, AS 241 (PPND16):
// central region |p - 1/2| <= 0.425, then two tails in sqrt(-log p), parted at 5.
constexpr double kCentralTop[] = {3.3871328727963666080e0, 1.3314166789178437745e2,
                                  1.9715909503065514427e3, 1.3731693765509461125e4,
                                  4.5921953931549871457e4, 6.7265770927008700853e4,
                                  3.3430575583588128105e4, 2.5090809287301226727e3};
constexpr double kCentralBottom[] = {1.0,
                                     4.2313330701600911252e1,
                                     6.8718700749205790830e2,
                                     5.3941960214247511077e3,
                                     2.1213794301586595867e4,
                                     3.9307895800092710610e4,
                                     2.8729085735721942674e4,
                                     5.2264952788528545610e3};
constexpr double kMiddleTop[] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                 5.76949722146069140550e0,  3.64784832476320460504e0,
                                 1.27045825245236838258e0,  2.41780725177450611770e-1,
                                 2.27238449892691845833e-2, 7.74545014278341407640e-4};
constexpr double kMiddleBottom[] = {1.0,
                                    2.05319162663775882187e0,
                                    1.67638483018380384940e0,
                                    6.89767334985100004550e-1,
                                    1.48103976427480074590e-1,
                                    1.51986665636164571966e-2,
                                    5.47593808499534494600e-4,
                                    1.05075007164441684324e-9};
constexpr double kFarTop[] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                              1.78482653991729133580e0,  2.96560571828504891230e-1,
                              2.65321895265761230930e-2, 1.24266094738807843860e-3,
                              2.71155556874348757815e-5, 2.01033439929228813265e-7};
constexpr double kFarBottom[] = {1.0,
                                 5.99832206555887937690e-1,
                                 1.36929880922735805310e-1,
                                 1.48753612908506148525e-2,
                                 7.86869131145613259100e-4,
                                 1.84631831751005468180e-5,
                                 1.42151175831644588870e-7,
                                 2.04426310338993978564e-15};

double Ratio(const double (&top)[8], const double (&bottom)[8], double r) {
  double above = 0, below = 0;
  for (int i = 7; i >= 0; --i) {
    above = above * r + top[i];
    below = below * r + bottom[i];
  }
  return above / below;
}

// log B(a, b). lgamma's difference loses digits for large arguments; what is left, about n * 1e-16
// relative, is far below what a bound needs.
double LogBeta(double a, double b) { return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b); }

// The continued fraction of DLMF 8.17.22 by the modified Lentz method; converges fast for x <
// (a+1)/(a+b+2).
double BetaFraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  if (std::abs(d) < kTiny) d = kTiny;
  d = 1 / d;
  double result = d;
  // Some sqrt(max(a, b)) steps suffice; the limit only guards against an endless loop.
  for (int m = 1; m <= 100'000; ++m) {
    const double twice = 2.0 * m;
    double term = m * (b - m) * x / ((a + twice - 1) * (a + twice));
    d = 1 + term * d;
    c = 1 + term / c;
    if (std::abs(d) < kTiny) d = kTiny;
    if (std::abs(c) < kTiny) c = kTiny;
    d = 1 / d;
    result *= d * c;
    term = -(a + m) * (a + b + m) * x / ((a + twice) * (a + twice + 1));
    d = 1 + term * d;
    c = 1 + term / c;
    if (std::abs(d) < kTiny) d = kTiny;
    if (std::abs(c) < kTiny) c = kTiny;
    d = 1 / d;
    const double factor = d * c;
    result *= factor;
    if (std::abs(factor - 1) < 1e-16) break;
  }
  return result;
}

}  // namespace

double NormalCdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

double NormalQuantile(double p) {
  AZ_CHECK(p > 0 && p < 1, "p is {}", p);
  const double q = p - 0.5;
  if (std::abs(q) <= 0.425) return q * Ratio(kCentralTop, kCentralBottom, 0.180625 - q * q);
  const double r = std::sqrt(-std::log(q < 0 ? p : 1 - p));
  const double x =
      r <= 5 ? Ratio(kMiddleTop, kMiddleBottom, r - 1.6) : Ratio(kFarTop, kFarBottom, r - 5);
  return q < 0 ? -x : x;
}

double RegularizedBeta(double a, double b, double x) {
  AZ_CHECK(a > 0 && b > 0 && x >= 0 && x <= 1, "I_{}({}, {})", x, a, b);
  if (x == 0 || x == 1) return x;
  const double front = std::exp(a * std::log(x) + b * std::log1p(-x) - LogBeta(a, b));
  if (x < (a + 1) / (a + b + 2)) return front * BetaFraction(a, b, x) / a;
  return 1 - front * BetaFraction(b, a, 1 - x) / b;
}

double InverseRegularizedBeta(double a, double b, double p) {
  AZ_CHECK(p >= 0 && p <= 1, "p is {}", p);
  if (p == 0 || p == 1) return p;
  double low = 0, high = 1;
  double x = a / (a + b);
  const double log_beta = LogBeta(a, b);
  for (int i = 0; i < 200; ++i) {
    const double error = RegularizedBeta(a, b, x) - p;
    if (error == 0) return x;
    (error > 0 ? high : low) = x;
    const double density = std::exp((a - 1) * std::log(x) + (b - 1) * std::log1p(-x) - log_beta);
    double next = x - error / density;
    // Newton outside the bracket, or nowhere: halve it. Near 0 halve in the exponent, where tiny
    // answers live.
    if (!(next > low && next < high)) {
      next = low == 0 && high < 1e-3 ? high * 1e-3 : low + (high - low) / 2;
    }
    if (next <= 0) next = std::numeric_limits<double>::min();
    if (std::abs(next - x) <= 1e-16 * x || high - low <= 1e-16 * high) return next;
    x = next;
  }
  return x;
}

}  // namespace assize::eval
