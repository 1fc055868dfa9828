// Tests: tests/reference/robustness_test.cc, tests/conformance/.
#include "lib/reference/ops/named_activation.h"

#include <algorithm>
#include <cmath>

namespace assize::reference {

double NamedActivation::operator()(double x) const {
  if (name == "relu") return std::max(0.0, x);
  if (name == "tanh") return std::tanh(x);
  if (name == "sigmoid") return 1.0 / (1.0 + std::exp(-x));
  if (name == "affine") return alpha * x + beta;
  if (name == "leakyrelu") return x >= 0 ? x : alpha * x;
  if (name == "thresholdedrelu") return x >= alpha ? x : 0;
  if (name == "scaledtanh") return alpha * std::tanh(beta * x);
  if (name == "hardsigmoid") return std::min(1.0, std::max(0.0, alpha * x + beta));
  if (name == "clip") return std::min(beta, std::max(alpha, x));
  if (name == "elu") return x >= 0 ? x : alpha * std::expm1(x);
  if (name == "softsign") return x / (1 + std::fabs(x));
  return std::log1p(std::exp(x));  // softplus
}

StatusOr<NamedActivation> NamedActivation::Of(std::string name, double alpha, double beta,
                                              bool has_alpha, bool has_beta) {
  for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  struct Default {
    const char* name;
    double alpha, beta;
  };
  static const Default known[] = {{"relu", 0, 0},         {"tanh", 0, 0},
                                  {"sigmoid", 0, 0},      {"affine", 1, 0},
                                  {"leakyrelu", 0.01, 0}, {"thresholdedrelu", 1, 0},
                                  {"scaledtanh", 1, 1},   {"hardsigmoid", 0.2, 0.5},
                                  {"elu", 1, 0},          {"softsign", 0, 0},
                                  {"softplus", 0, 0}};
  for (const Default& k : known) {
    if (name == k.name)
      return NamedActivation{name, has_alpha ? alpha : k.alpha, has_beta ? beta : k.beta};
  }
  return InvalidArgument("activation \"{}\" is not known", name);
}

}  // namespace assize::reference
