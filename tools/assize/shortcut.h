// Verbs that are one pass after others that prepare it: quantize and prune. The pass's options
// become the verb's flags. Tests: tests/cli/opt_test.cc.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "lib/flow/optimize.h"
#include "tools/assize/program.h"

namespace assize::cli {

struct Shortcut {
  std::string pass;
  std::string before = "simplify,fuse";  // the pipeline in front of the pass
  flow::OptimizeRequest request;
  DataFlags data;
  std::string output;
  std::map<std::string, std::string> values;  // option -> text, as typed
};

// MODEL, -o, data flags and one flag per option of `pass`.
std::shared_ptr<Shortcut> AddShortcut(CLI::App& app, const std::string& pass, bool data_required);
StatusOr<ExitCode> RunShortcut(Shortcut& shortcut, Output& output);

}  // namespace assize::cli
