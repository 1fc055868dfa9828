// in-toto Statement v1: what a signature is about (subjects, by digest) and what it says (the
// predicate). Tests: tests/trust/statement_test.cc.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/support/json.h"
#include "lib/support/status.h"

namespace assize::trust {

inline constexpr char kStatementType[] = "https://in-toto.io/Statement/v1";

struct Subject {
  std::string name;
  std::map<std::string, std::string>
      digest;  // algorithm -> lower-case hex; "sha256" in all of ours

  std::string Sha256() const;  // empty when there is none
  friend bool operator==(const Subject&, const Subject&) = default;
};

Subject MakeSubject(const std::string& name, const std::string& sha256_hex);

struct Statement {
  std::vector<Subject> subjects;
  std::string predicate_type;
  Json predicate = Json::object();

  // Members in the order _type, subject, predicateType, predicate.
  Json ToJson() const;
  // Null when there is none of that name.
  const Subject* Find(std::string_view name) const;
};

// Strict: exactly the four members; `_type` as above; at least one subject, each with a non-empty
// unique name and at least one digest (sha256 is 64 lower-case hex digits); predicateType a URI;
// predicate an object. A subject may have the other members of a resource descriptor (uri, content,
// downloadLocation, mediaType, annotations), which are not kept. InvalidArgument lists all
// findings, with JSON pointers.
StatusOr<Statement> ParseStatement(const Json& json, const std::string& where);

// InvalidArgument "<where>: predicateType is ..., expected ..." unless it is `type`.
Status ExpectPredicateType(const Statement& statement, std::string_view type,
                           const std::string& where);

}  // namespace assize::trust
