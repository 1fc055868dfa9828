// Keeping persons out of the evidence: file names of data sets can carry record numbers, so paths
// never enter a release. Tests: tests/evidence/documents_test.cc.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/support/json.h"
#include "lib/support/status.h"

namespace assize::evidence {

// Replaces every string of `document` that is one of the paths (or its last component) by
// "sha256:<digest>". For the effective recipe, before it is written out.
Json WithholdPaths(Json document, const std::map<std::string, std::string>& sha256_by_path);

// Drops the file names from data::Dataset::Describe: files are "<set>[0]", "<set>[1]".
Json WithholdFileNames(Json description, const std::string& set);

// InvalidArgument when `text` contains the last component of one of the paths. The net under the
// two functions above: the composer runs it over every file outside the model folder.
Status CheckWithheld(std::string_view text, const std::vector<std::string>& paths,
                     const std::string& where);

}  // namespace assize::evidence
