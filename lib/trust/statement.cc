// in-toto statements: building and strict parsing. Tests: tests/trust/statement_test.cc.
#include "lib/trust/statement.h"

#include <algorithm>
#include <set>

#include "lib/support/sha256.h"
#include "lib/trust/members.h"

namespace assize::trust {
namespace {

constexpr size_t kMaxFindings = 20;

// A scheme, a colon and something after it; no spaces or control characters.
bool LooksLikeUri(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool IsLowerHex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

class StatementReader {
 public:
  explicit StatementReader(std::string where) : where_(std::move(where)) {}

  StatusOr<Statement> Read(const Json& json) {
    const std::string top = where_ + ": /";
    AZ_RETURN_IF_ERROR(CheckMembers(json, top, {"_type", "subject", "predicateType", "predicate"}));
    Statement statement;
    if (json["_type"] != kStatementType) {
      Find("/_type", fmt::format("is {}, expected \"{}\"", Shown(json["_type"]), kStatementType));
    }
    ReadSubjects(json["subject"], statement);
    const Json& type = json["predicateType"];
    if (!type.is_string() || !LooksLikeUri(type.get_ref<const std::string&>())) {
      Find("/predicateType", fmt::format("is {}, expected a URI", Shown(type)));
    } else {
      statement.predicate_type = type.get<std::string>();
    }
    if (!json["predicate"].is_object()) {
      Find("/predicate", fmt::format("is {}, expected an object", json["predicate"].type_name()));
    } else {
      statement.predicate = json["predicate"];
    }
    if (findings_ == 0) return statement;
    if (findings_ > kMaxFindings) text_ += fmt::format("; and {} more", findings_ - kMaxFindings);
    return InvalidArgument("{}: {}", where_, text_);
  }

 private:
  void Find(const std::string& pointer, const std::string& what) {
    if (findings_++ >= kMaxFindings) return;
    if (!text_.empty()) text_ += "; ";
    text_ += pointer + " " + what;
  }

  static std::string Shown(const Json& json) {
    if (json.is_object() || json.is_array()) return json.type_name();
    std::string text = DumpJson(json);
    if (text.size() > 80) text = text.substr(0, 77) + "...";
    return text;
  }

  void ReadSubjects(const Json& json, Statement& statement) {
    if (!json.is_array() || json.empty()) {
      Find("/subject", "has no entries, expected an array of at least one subject");
      return;
    }
    std::set<std::string> names;
    for (size_t i = 0; i < json.size(); ++i) {
      const std::string pointer = fmt::format("/subject/{}", i);
      const Status members =
          CheckMembers(json[i], pointer, {"name", "digest"},
                       {"uri", "content", "downloadLocation", "mediaType", "annotations"});
      if (!members.ok()) {
        Find(pointer, "is no subject (" + Message(members) + ")");
        continue;
      }
      Subject subject;
      const Json& name = json[i]["name"];
      if (!name.is_string() || name.get_ref<const std::string&>().empty()) {
        Find(pointer + "/name", fmt::format("is {}, expected a name", Shown(name)));
      } else {
        subject.name = name.get<std::string>();
        if (!names.insert(subject.name).second) {
          Find(pointer + "/name", fmt::format("repeats {}", Shown(name)));
        }
      }
      ReadDigest(json[i]["digest"], pointer + "/digest", subject);
      statement.subjects.push_back(std::move(subject));
    }
  }

  void ReadDigest(const Json& json, const std::string& pointer, Subject& subject) {
    if (!json.is_object() || json.empty()) {
      Find(pointer, "is empty, expected an object of at least one digest");
      return;
    }
    for (const auto& item : json.items()) {
      const Json& value = item.value();
      if (!value.is_string() || !IsLowerHex(value.get_ref<const std::string&>())) {
        Find(pointer, fmt::format("{} is {}, expected lower-case hex", Shown(Json(item.key())),
                                  Shown(value)));
      } else if (item.key() == "sha256" && !ParseDigest(value.get_ref<const std::string&>()).ok()) {
        Find(pointer, fmt::format("sha256 has {} characters, expected 64",
                                  value.get_ref<const std::string&>().size()));
      } else {
        subject.digest[item.key()] = value.get<std::string>();
      }
    }
  }

  std::string where_;
  std::string text_;
  size_t findings_ = 0;
};

}  // namespace

std::string Subject::Sha256() const {
  const auto found = digest.find("sha256");
  return found == digest.end() ? std::string() : found->second;
}

Subject MakeSubject(const std::string& name, const std::string& sha256_hex) {
  return Subject{name, {{"sha256", sha256_hex}}};
}

Json Statement::ToJson() const {
  Json subject_list = Json::array();
  for (const Subject& subject : subjects) {
    Json digests = Json::object();
    for (const auto& [algorithm, hex] : subject.digest) digests[algorithm] = hex;
    Json entry = Json::object();
    entry["name"] = subject.name;
    entry["digest"] = std::move(digests);
    subject_list.push_back(std::move(entry));
  }
  Json json = Json::object();
  json["_type"] = kStatementType;
  json["subject"] = std::move(subject_list);
  json["predicateType"] = predicate_type;
  json["predicate"] = predicate;
  return json;
}

const Subject* Statement::Find(std::string_view name) const {
  for (const Subject& subject : subjects) {
    if (subject.name == name) return &subject;
  }
  return nullptr;
}

StatusOr<Statement> ParseStatement(const Json& json, const std::string& where) {
  return StatementReader(where).Read(json);
}

Status ExpectPredicateType(const Statement& statement, std::string_view type,
                           const std::string& where) {
  if (statement.predicate_type == type) return OkStatus();
  return InvalidArgument("{}: /predicateType is \"{}\", expected \"{}\"", where,
                         statement.predicate_type, type);
}

}  // namespace assize::trust
