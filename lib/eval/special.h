// Special functions behind the bounds: normal and beta distribution, in double. Our own code,
// checked against tables made with SciPy. Tests: tests/eval/special_test.cc.
#pragma once

namespace assize::eval {

double NormalCdf(double x);
// Inverse of NormalCdf for 0 < p < 1 (Wichura 1988, AS 241, PPND16; relative error about 1e-15).
double NormalQuantile(double p);
// I_x(a, b), a, b > 0, 0 <= x <= 1: continued fraction by Lentz's method (DLMF 8.17.22).
double RegularizedBeta(double a, double b, double x);
// x with I_x(a, b) = p: bisection safeguarded Newton.
double InverseRegularizedBeta(double a, double b, double p);

}  // namespace assize::eval
