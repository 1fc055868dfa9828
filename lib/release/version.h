// Semantic versions 2.0.0, strictly: MAJOR.MINOR.PATCH with optional pre-release and build parts.
// Tests: tests/release/version_test.cc.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/support/status.h"

namespace assize::release {

struct Version {
  uint64_t major = 0, minor = 0, patch = 0;
  std::vector<std::string> pre;  // identifiers; empty: a release
  std::string build;             // ignored when ordering
  std::string text;

  // InvalidArgument: leading zeros, missing parts, other characters, more than 64 characters.
  static StatusOr<Version> Parse(std::string_view text);
  // Precedence of semver.org, item 11.
  std::strong_ordering Compare(const Version& other) const;
};

// A release's name: [A-Za-z0-9._-]+ of at most 100 characters, no leading dash or dot.
Status CheckName(std::string_view name);

}  // namespace assize::release
