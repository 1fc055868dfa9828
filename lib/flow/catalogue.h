// What the command line shows of the pass framework: the catalogue of passes, and the tables of a
// run. Tests: tests/cli/help_test.cc, tests/cli/opt_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/pass/option.h"
#include "lib/pass/record.h"
#include "lib/support/json.h"

namespace assize::flow {

// A pass for its users. Passes of the hidden testing folder are in none of the catalogue's forms.
struct CataloguePass {
  std::string flag;     // "fuse-conv-bn"
  std::string folder;   // "fuse"
  std::string summary;  // one line
  std::string
      check;  // how the promise is checked: "bitwise", "bounded (1e-05)", "criteria on data"
  bool needs_calibration = false;
  std::vector<pass::OptionDescriptor> options;
};
std::vector<CataloguePass> PassCatalogue();  // in the order of passes.def

std::string CatalogueText();      // for a terminal
std::string CatalogueMarkdown();  // a page, whole
Json CatalogueJson();

// `name{key=value,...}` as a pipeline's text, quoted where needed.
std::string PipelineItemText(const std::string& name,
                             const std::vector<std::pair<std::string, std::string>>& options);

std::string TypeText(const pass::OptionDescriptor& option);  // "minmax|percentile", "number 0..1"

// --time-passes and --stats.
std::string TimingText(const std::vector<pass::PassRecord>& records);
std::string StatisticsText(const std::vector<pass::PassRecord>& records);

}  // namespace assize::flow
