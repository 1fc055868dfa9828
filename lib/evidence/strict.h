// Strict reading of JSON objects: exactly the known members, digests and times in one form. Private
// to this room. Tests: tests/evidence/claims_test.cc.
#pragma once

#include <initializer_list>
#include <string>

#include "lib/support/json.h"
#include "lib/support/status.h"

namespace assize::evidence {

// An object with all of `required`, any of `optional`, and nothing else.
Status ExactMembers(const Json& object, std::initializer_list<const char*> required,
                    std::initializer_list<const char*> optional, const std::string& where);
// 64 lower-case hex digits.
StatusOr<std::string> Sha256Member(const Json& object, const std::string& member,
                                   const std::string& where);
// RFC 3339 in UTC, as Unix seconds.
StatusOr<int64_t> TimeMember(const Json& object, const std::string& member,
                             const std::string& where);
// {"name": ..., "version": ...} under "release".
Status ReadIdentity(const Json& object, const std::string& where, std::string& name,
                    std::string& version);
Json Identity(const std::string& name, const std::string& version);

}  // namespace assize::evidence
