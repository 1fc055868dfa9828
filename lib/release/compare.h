// Comparing two releases of one recipe: they may differ in `measurements`, times, key ids,
// signatures, journal sequence and the digests that depend on these, and in nothing else. Tests:
// tests/release/compare_test.cc.
#pragma once

#include <string>
#include <vector>

#include "lib/release/reader.h"

namespace assize::release {

struct Difference {
  std::string file;         // relative to the release
  std::string place;        // JSON pointer into the statement, line number in a text, or empty
  std::string left, right;  // shortened for display
};

// All differences that are not masked, by file and place. Empty: the same release in every way
// that a second build must reproduce. Signatures are not checked.
StatusOr<std::vector<Difference>> CompareReleases(const Release& left, const Release& right);

}  // namespace assize::release
