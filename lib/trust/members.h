// Exact member sets of JSON objects from outside, for files whose every member has a meaning.
// Tests: tests/trust/bundle_attacks_test.cc, tests/trust/statement_test.cc.
#pragma once

#include <initializer_list>
#include <string>

#include "lib/support/json.h"
#include "lib/support/status.h"

namespace assize::trust {

// InvalidArgument unless `json` is an object that has every member of `required` and none besides
// those and `optional`. `where` is a file name and JSON pointer, as in "model.sig: /dsseEnvelope".
Status CheckMembers(const Json& json, const std::string& where,
                    std::initializer_list<const char*> required,
                    std::initializer_list<const char*> optional = {});

}  // namespace assize::trust
