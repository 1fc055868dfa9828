// Sabotage: a pattern that matches again after each rewrite.
//
// Needs      nothing.
// Caught by  the pattern driver's limit, kMaxPatternRounds.        Tests
// tests/passes/sabotage_never_ends_test.cc
#include "lib/pass/pass.h"

namespace assize::passes {

struct SabotageNeverEndsMatch {
  ir::NodeRef node;
};

class SabotageNeverEnds final : public pass::PatternPass<SabotageNeverEndsMatch> {
 public:
  pass::Descriptor Describe() const override {
    return {.summary = "Matches again after each rewrite"};
  }

  std::optional<SabotageNeverEndsMatch> Match(const pass::GraphContext&, const ir::Graph&,
                                              ir::NodeRef node, pass::MatchLog&) const override {
    return SabotageNeverEndsMatch{node};
  }

  void Rewrite(const SabotageNeverEndsMatch& match, ir::Editor& edit) const override {
    edit.SetNodeName(match.node, "again");
  }
};

ASSIZE_DEFINE_PASS(SabotageNeverEnds);

}  // namespace assize::passes
