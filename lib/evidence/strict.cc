// Strict member access on top of support's typed accessors.
#include "lib/evidence/strict.h"

#include <algorithm>
#include <string_view>

#include "lib/support/clock.h"
#include "lib/support/sha256.h"
#include "lib/support/suggest.h"

namespace assize::evidence {

Status ExactMembers(const Json& object, std::initializer_list<const char*> required,
                    std::initializer_list<const char*> optional, const std::string& where) {
  if (!object.is_object()) {
    return InvalidArgument("{}: found {}, expected an object", where, object.type_name());
  }
  std::vector<std::string> known(required.begin(), required.end());
  known.insert(known.end(), optional.begin(), optional.end());
  for (const auto& [member, value] : object.items()) {
    if (std::find(known.begin(), known.end(), member) == known.end()) {
      return InvalidArgument("{}: unknown member \"{}\"{}", where, member.substr(0, 60),
                             DidYouMean(member, known));
    }
  }
  for (const char* member : required) {
    if (!object.contains(member)) {
      return InvalidArgument("{}: member \"{}\" is missing", where, member);
    }
  }
  return OkStatus();
}

StatusOr<std::string> Sha256Member(const Json& object, const std::string& member,
                                   const std::string& where) {
  AZ_ASSIGN_OR_RETURN(const std::string text, JsonString(object, member, where));
  if (!ParseDigest(text).ok()) {
    return InvalidArgument("{}/{}: found \"{}\", expected 64 lower-case hex digits", where, member,
                           text.substr(0, 70));
  }
  return text;
}

StatusOr<int64_t> TimeMember(const Json& object, const std::string& member,
                             const std::string& where) {
  AZ_ASSIGN_OR_RETURN(const std::string text, JsonString(object, member, where));
  StatusOr<int64_t> seconds = ParseRfc3339(text);
  if (!seconds.ok()) return Annotate(seconds.status(), where + "/" + member);
  return *seconds;
}

Status ReadIdentity(const Json& object, const std::string& where, std::string& name,
                    std::string& version) {
  AZ_ASSIGN_OR_RETURN(const Json* release, JsonObject(object, "release", where));
  AZ_RETURN_IF_ERROR(ExactMembers(*release, {"name", "version"}, {}, where + "/release"));
  AZ_ASSIGN_OR_RETURN(name, JsonString(*release, "name", where + "/release"));
  AZ_ASSIGN_OR_RETURN(version, JsonString(*release, "version", where + "/release"));
  return OkStatus();
}

Json Identity(const std::string& name, const std::string& version) {
  return Json{{"name", name}, {"version", version}};
}

}  // namespace assize::evidence
