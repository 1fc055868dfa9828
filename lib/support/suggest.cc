// Edit distance with transpositions of neighbours (Damerau's restricted form): the usual slips of
// typing cost one each. Tests: tests/support/suggest_test.cc.
#include "lib/support/suggest.h"

#include <algorithm>
#include <limits>

namespace assize {
namespace {

// Names longer than this are compared by their head only, so that a hostile text stays cheap.
constexpr size_t kMaxNameBytes = 200;

size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] =
          std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string NearestName(std::string_view name, std::span<const std::string> candidates) {
  name = name.substr(0, kMaxNameBytes);
  const size_t limit = std::max<size_t>(2, name.size() / 3);
  size_t best = std::numeric_limits<size_t>::max();
  std::string nearest;
  for (const std::string& candidate : candidates) {
    const size_t distance = Distance(name, std::string_view(candidate).substr(0, kMaxNameBytes));
    // A candidate of which nothing is left is no suggestion, however short the names are.
    if (distance <= limit && distance < best &&
        distance < std::max(name.size(), candidate.size())) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string DidYouMean(std::string_view name, std::span<const std::string> candidates) {
  const std::string nearest = NearestName(name, candidates);
  return nearest.empty() ? "" : " (did you mean \"" + nearest + "\"?)";
}

}  // namespace assize
