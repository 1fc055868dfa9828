// Parsing of equations, one term after the other. Tests: tests/reference/layers_test.cc,
// tests/engine/einsum_test.cc.
#include "lib/analysis/equation.h"

#include <algorithm>
#include <set>
#include <utility>

namespace assize::analysis {
namespace {

constexpr int kEllipsis = 256;

// `rank` below 0: of the result, where all dims of the ellipsis are meant.
StatusOr<std::vector<int>> Labels(const std::string& term, int64_t rank, int64_t ellipsis_rank) {
  std::vector<int> labels;
  int64_t letters = 0;
  bool dots = false;
  for (size_t i = 0; i < term.size(); ++i) {
    if (term[i] == '.') {
      if (dots || term.compare(i, 3, "...") != 0)
        return InvalidArgument("\"{}\" has a stray dot", term);
      dots = true;
      i += 2;
      labels.push_back(-1);
    } else if ((term[i] >= 'a' && term[i] <= 'z') || (term[i] >= 'A' && term[i] <= 'Z')) {
      labels.push_back(term[i]);
      ++letters;
    } else {
      return InvalidArgument("\"{}\" has a character that is no letter", term);
    }
  }
  const int64_t covered = rank < 0 ? (dots ? ellipsis_rank : 0) : rank - letters;
  if (covered < 0 || (covered > 0 && !dots))
    return InvalidArgument("\"{}\" does not label {} dims", term, rank);
  const auto at = std::find(labels.begin(), labels.end(), -1);
  if (at == labels.end()) return labels;
  // Ellipsis dims align right, as broadcasting does.
  std::vector<int> spread;
  const int64_t first = std::max(ellipsis_rank, covered) - covered;
  for (int64_t d = 0; d < covered; ++d) spread.push_back(kEllipsis + static_cast<int>(first + d));
  const auto where = labels.erase(at);
  labels.insert(where, spread.begin(), spread.end());
  return labels;
}

}  // namespace

ir::Shape Equation::OutputDims() const {
  ir::Shape dims;
  for (const int label : output) dims.push_back(extent.at(label));
  return dims;
}

StatusOr<Equation> ParseEquation(std::string text, std::span<const ir::Shape> inputs) {
  std::erase(text, ' ');
  Equation equation;
  const size_t arrow = text.find("->");
  std::vector<std::string> terms(1);
  for (const char c : text.substr(0, arrow)) {
    if (c == ',') {
      terms.emplace_back();
    } else {
      terms.back() += c;
    }
  }
  if (terms.size() != inputs.size())
    return InvalidArgument("equation \"{}\" has {} terms for {} inputs", text, terms.size(),
                           inputs.size());
  const auto rank_of = [&](size_t i) { return static_cast<int64_t>(inputs[i].size()); };
  int64_t ellipsis_rank = 0;
  for (size_t i = 0; i < terms.size(); ++i) {
    if (terms[i].find("...") == std::string::npos) continue;
    ellipsis_rank = std::max(ellipsis_rank, rank_of(i) - static_cast<int64_t>(terms[i].size()) + 3);
  }
  std::map<int, int> uses;
  for (size_t i = 0; i < terms.size(); ++i) {
    AZ_ASSIGN_OR_RETURN(std::vector<int> labels, Labels(terms[i], rank_of(i), ellipsis_rank));
    for (size_t d = 0; d < labels.size(); ++d) {
      ++uses[labels[d]];
      const int64_t dim = inputs[i][d];
      const auto [known, fresh] = equation.extent.emplace(labels[d], dim);
      if (!fresh && known->second != dim && known->second != 1 && dim != 1) {
        return InvalidArgument("equation \"{}\": one label has dims {} and {}", text, known->second,
                               dim);
      }
      if (known->second == 1) known->second = dim;
    }
    equation.inputs.push_back(std::move(labels));
  }
  if (arrow != std::string::npos) {
    AZ_ASSIGN_OR_RETURN(equation.output, Labels(text.substr(arrow + 2), -1, ellipsis_rank));
  } else {
    for (int64_t d = 0; d < ellipsis_rank; ++d)
      equation.output.push_back(kEllipsis + static_cast<int>(d));
    for (const auto& [label, count] : uses) {
      if (label < kEllipsis && count == 1) equation.output.push_back(label);
    }
  }
  std::set<int> seen;
  for (const int label : equation.output) {
    if (!equation.extent.contains(label))
      return InvalidArgument("equation \"{}\": the result has a label of no input", text);
    if (!seen.insert(label).second)
      return InvalidArgument("equation \"{}\": the result repeats a label", text);
  }
  return equation;
}

}  // namespace assize::analysis
