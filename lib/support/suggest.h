// "Did you mean": the nearest known name to a misspelt one. Tests: tests/support/suggest_test.cc.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assize {

// The candidate with the smallest edit distance (ties: first), or empty when none is near
// (distance above max(2, length / 3)).
std::string NearestName(std::string_view name, std::span<const std::string> candidates);
// ` (did you mean "x"?)` or empty.
std::string DidYouMean(std::string_view name, std::span<const std::string> candidates);

}  // namespace assize
