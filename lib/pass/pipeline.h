// A pipeline: passes with options, as text (`fuse-conv-bn,quantize-static{calibrator=percentile}`)
// or as a recipe's list. Text parses completely before any model is opened, and prints back
// identically. Grammar: pipeline = item *("," item); item = name ["{" [key "=" value *("," key "="
// value)] "}"]; a value runs to
// "," or "}" or is double-quoted with backslash escapes. Group names (simplify, fuse) expand to
// their passes. Tests: tests/pass/pipeline_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/pass/registry.h"
#include "lib/support/status.h"

namespace assize::pass {

struct PipelineItem {
  std::string name;                                          // a pass or a group
  std::vector<std::pair<std::string, std::string>> options;  // as given
};

// `name{k=v,...}`, values quoted where the scanner needs it.
std::string ItemText(const PipelineItem& item);

class Pipeline {
 public:
  struct Stage {
    const Registration* registration = nullptr;
    Options options;
  };
  Pipeline() = default;
  // UsageError with column and nearest name.
  static StatusOr<Pipeline> Parse(std::string_view text, const Registry& registry);
  static StatusOr<Pipeline> FromItems(const std::vector<PipelineItem>& items,
                                      const Registry& registry);
  const std::vector<PipelineItem>& items() const { return items_; }  // groups unexpanded
  const std::vector<Stage>& stages() const { return stages_; }       // groups expanded
  std::string Text() const;  // parses back to the same pipeline
  bool NeedsCalibration() const;

 private:
  std::vector<PipelineItem> items_;
  std::vector<Stage> stages_;
};

}  // namespace assize::pass
