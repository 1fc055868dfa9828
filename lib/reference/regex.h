// A regular expression matcher for RegexFullMatch: whole strings, no captures, in time linear in
// the text.
//
// The common part of RE2's syntax: literals, `.`, classes with ranges and negation, \d \w \s and
// their negations, \b and \B, escapes, groups (named and non-capturing too), alternation,
// * + ? {m,n} (lazy forms match the same strings), ^ and $. Others are Unimplemented. Characters
// are code points. Tests: tests/reference/numbers_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/support/status.h"

namespace assize::reference {

class Regex {
 public:
  static StatusOr<Regex> Compile(const std::string& pattern);
  bool FullMatch(std::string_view text) const;

 private:
  friend class RegexParser;
  struct State {
    enum class Kind { kChar, kSplit, kStart, kEnd, kBoundary, kNoBoundary, kAccept };
    Kind kind = Kind::kAccept;
    std::vector<std::pair<uint32_t, uint32_t>> ranges;  // kChar: inclusive
    int next = -1, other = -1;
  };
  // What surrounds a position of the text.
  struct Place {
    bool at_start = false, at_end = false, word_before = false, word_after = false;
  };
  void Add(int state, const Place& place, std::vector<char>& seen, std::vector<int>& list) const;
  std::vector<State> states_;
  int start_ = 0;
};

}  // namespace assize::reference
