// Small pieces of the report page: formatting of numbers for people, and the drawing of bounds.
// For the pages of this room and of flow. Tests: tests/evidence/documents_test.cc.
#pragma once

#include <cstdint>
#include <string>

#include "lib/eval/report.h"

namespace assize::evidence {

std::string HumanBytes(int64_t bytes);  // "1.25 MB" (decimal units)
std::string HumanCount(int64_t count);  // "1,234,567"
std::string HumanRate(double value);    // "98.31 %"
std::string HumanNumber(double value);  // "0.9640", "1.3e-05"
// The value in the unit of the criterion's metric.
std::string HumanValue(const eval::Criterion& criterion, double value);

// One criterion as a picture: the interval between the one-sided bounds, the estimate, the
// threshold, and the side on which it passes. Presentation attributes and classes only.
std::string BoundsSvg(const eval::Judged& judged);
// Two bars, before and after, scaled to the larger.
std::string CompareSvg(double before, double after);

std::string_view ReportStyle();  // the page's style sheet

}  // namespace assize::evidence
