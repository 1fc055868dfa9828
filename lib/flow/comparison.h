// The before/after table that ends every verb which makes a model. Tests:
// tests/flow/comparison_test.cc.
#pragma once

#include <optional>
#include <string>

#include "lib/eval/report.h"
#include "lib/evidence/facts.h"
#include "lib/support/json.h"

namespace assize::flow {

struct Comparison {
  evidence::ModelFacts before, after;
  std::optional<eval::Report> report;  // when there were labels or rows to compare on
  std::string ToText() const;          // a table for people; ends with a newline
  Json ToJson() const;                 // {"before": {...}, "after": {...}, "report": {...}|null}
};

Json ModelFactsJson(const evidence::ModelFacts& facts);

}  // namespace assize::flow
