// Exact members of JSON objects that came from outside. Tests: tests/trust/bundle_attacks_test.cc.
#include "lib/trust/members.h"

#include <algorithm>
#include <vector>

#include "lib/support/suggest.h"

namespace assize::trust {

Status CheckMembers(const Json& json, const std::string& where,
                    std::initializer_list<const char*> required,
                    std::initializer_list<const char*> optional) {
  if (!json.is_object()) {
    return InvalidArgument("{}: found {}, expected an object", where, json.type_name());
  }
  std::vector<std::string> known(required.begin(), required.end());
  known.insert(known.end(), optional.begin(), optional.end());
  for (const auto& item : json.items()) {
    if (std::find(known.begin(), known.end(), item.key()) == known.end()) {
      return InvalidArgument("{}: unknown member {}{}", where, DumpJson(Json(item.key())),
                             DidYouMean(item.key(), known));
    }
  }
  for (const char* name : required) {
    if (!json.contains(name)) return InvalidArgument("{}: member \"{}\" is missing", where, name);
  }
  return OkStatus();
}

}  // namespace assize::trust
