// Reads the gate's policy file. Tests: tests/recipe/policy_file_test.cc.
#include "lib/recipe/policy_file.h"

#include <algorithm>

#include "lib/recipe/reading.h"
#include "lib/support/clock.h"
#include "lib/support/files.h"
#include "lib/support/suggest.h"
#include "lib/support/yaml.h"

namespace assize::recipe {
namespace {

constexpr uint64_t kMaxPolicyBytes = uint64_t{1} << 20;

StatusOr<int64_t> ReadTime(const YamlNode& node, const std::string& what) {
  AZ_ASSIGN_OR_RETURN(const std::string text, node.AsString(what));
  const StatusOr<int64_t> time = ParseRfc3339(text);
  if (!time.ok()) return node.Error(what + ": " + Message(time.status()));
  return time;
}

StatusOr<TrustedKeyFile> ReadKey(const YamlNode& node, const std::string& what) {
  TrustedKeyFile key;
  key.place = PlaceOf(node);
  if (node.kind() == YamlNode::Kind::kScalar) {
    AZ_ASSIGN_OR_RETURN(key.path, ReadText(node, what));
    return key;
  }
  AZ_RETURN_IF_ERROR(node.CheckKeys(what, {"file", "not_before", "not_after", "revoked"}));
  AZ_ASSIGN_OR_RETURN(const YamlNode* file, Need(node, what, "file"));
  AZ_ASSIGN_OR_RETURN(key.path, ReadText(*file, what + ".file"));
  if (const YamlNode* time = node.Find("not_before")) {
    AZ_ASSIGN_OR_RETURN(key.not_before, ReadTime(*time, what + ".not_before"));
  }
  if (const YamlNode* time = node.Find("not_after")) {
    AZ_ASSIGN_OR_RETURN(key.not_after, ReadTime(*time, what + ".not_after"));
    if (key.not_before.has_value() && *key.not_after < *key.not_before) {
      return time->Error(what + ": not_after lies before not_before");
    }
  }
  if (const YamlNode* revoked = node.Find("revoked")) {
    AZ_ASSIGN_OR_RETURN(key.revoked, revoked->AsBool(what + ".revoked"));
  }
  return key;
}

// Adds the role to the entry of the same file and the same limits, or makes one.
void AddKey(TrustedKeyFile key, const std::string& role, std::vector<TrustedKeyFile>& keys) {
  for (TrustedKeyFile& known : keys) {
    if (known.path == key.path && known.not_before == key.not_before &&
        known.not_after == key.not_after && known.revoked == key.revoked) {
      if (std::find(known.roles.begin(), known.roles.end(), role) == known.roles.end()) {
        known.roles.push_back(role);
      }
      return;
    }
  }
  key.roles = {role};
  keys.push_back(std::move(key));
}

StatusOr<std::vector<TrustedKeyFile>> ReadKeys(const YamlNode& node) {
  std::vector<TrustedKeyFile> keys;
  AZ_RETURN_IF_ERROR(node.CheckKeys("keys", PolicyRoles()));
  for (const std::string& role : PolicyRoles()) {
    const YamlNode* member = node.Find(role);
    if (member == nullptr) continue;
    const std::string what = "keys." + role;
    if (member->kind() != YamlNode::Kind::kSequence) {
      AZ_ASSIGN_OR_RETURN(TrustedKeyFile key, ReadKey(*member, what));
      AddKey(std::move(key), role, keys);
      continue;
    }
    if (member->items().empty())
      return member->Error(what + ": an empty list, expected a key file");
    for (size_t i = 0; i < member->items().size(); ++i) {
      AZ_ASSIGN_OR_RETURN(TrustedKeyFile key,
                          ReadKey(member->items()[i], fmt::format("{}[{}]", what, i)));
      AddKey(std::move(key), role, keys);
    }
  }
  if (keys.empty()) return node.Error("keys: no trusted key, expected at least one role");
  return keys;
}

Status ReadSeparation(const YamlNode& node, PolicyFile& policy) {
  const std::string what = "separation";
  AZ_RETURN_IF_ERROR(node.CheckKeys(what, {"require", "waived", "reason"}));
  const YamlNode* require = node.Find("require");
  const YamlNode* waived = node.Find("waived");
  const YamlNode* reason = node.Find("reason");
  if (require != nullptr) {
    if (waived != nullptr || reason != nullptr) {
      return node.Error(what + ": both required and waived, expected one of them");
    }
    AZ_ASSIGN_OR_RETURN(policy.separate, ReadTexts(*require, what + ".require"));
    for (const std::string& role : policy.separate) {
      const std::vector<std::string>& roles = PolicyRoles();
      if (std::find(roles.begin(), roles.end(), role) == roles.end()) {
        return require->Error(
            fmt::format("{}.require: no role \"{}\"{}", what, role, DidYouMean(role, roles)));
      }
    }
    if (policy.separate.size() < 2) {
      return require->Error(
          what + ".require: expected at least two roles, or \"waived: true\" with a reason");
    }
    return OkStatus();
  }
  AZ_ASSIGN_OR_RETURN(waived, Need(node, what, "waived"));
  AZ_ASSIGN_OR_RETURN(const bool is_waived, waived->AsBool(what + ".waived"));
  if (!is_waived) return waived->Error(what + ".waived: false; then say what is required");
  AZ_ASSIGN_OR_RETURN(reason, Need(node, what, "reason"));
  AZ_ASSIGN_OR_RETURN(policy.separation_waiver, ReadText(*reason, what + ".reason"));
  return OkStatus();
}

Status ReadMark(const YamlNode& node, AcceptedMark& mark) {
  const std::string what = "not_older_than";
  const YamlNode* version = &node;
  if (node.kind() != YamlNode::Kind::kScalar) {
    AZ_RETURN_IF_ERROR(
        node.CheckKeys(what, {"version", "journal_sequence", "journal_entry_sha256"}));
    AZ_ASSIGN_OR_RETURN(version, Need(node, what, "version"));
    const YamlNode* sequence = node.Find("journal_sequence");
    const YamlNode* entry = node.Find("journal_entry_sha256");
    if ((sequence == nullptr) != (entry == nullptr)) {
      return node.Error(what + ": journal_sequence and journal_entry_sha256 belong together");
    }
    if (sequence != nullptr) {
      AZ_ASSIGN_OR_RETURN(mark.journal_sequence,
                          ReadIntFrom(*sequence, what + ".journal_sequence", 1));
      AZ_ASSIGN_OR_RETURN(mark.journal_entry_sha256,
                          ReadSha256(*entry, what + ".journal_entry_sha256"));
    }
  }
  AZ_ASSIGN_OR_RETURN(mark.version, ReadText(*version, what + ".version"));
  if (!IsSemanticVersion(mark.version)) {
    return version->Error(
        fmt::format("{}.version: \"{}\", expected a semantic version such as 1.0.0", what,
                    mark.version.substr(0, 60)));
  }
  return OkStatus();
}

Status ReadBaseline(const YamlNode& node, PolicyFile& policy) {
  AZ_RETURN_IF_ERROR(node.CheckKeys("baseline", {"model_sha256", "evaluation_set_sha256"}));
  if (const YamlNode* digest = node.Find("model_sha256")) {
    AZ_ASSIGN_OR_RETURN(policy.source_sha256, ReadSha256(*digest, "baseline.model_sha256"));
  }
  if (const YamlNode* digest = node.Find("evaluation_set_sha256")) {
    AZ_ASSIGN_OR_RETURN(policy.evaluation_set_sha256,
                        ReadSha256(*digest, "baseline.evaluation_set_sha256"));
  }
  return OkStatus();
}

Status ReadDemands(const YamlNode& root, PolicyFile& policy) {
  for (const auto& [name, value] :
       {std::pair("allow_demo_keys", &policy.allow_demo_keys),
        std::pair("allow_waivers", &policy.allow_waivers),
        std::pair("require_re_evaluation", &policy.require_re_evaluation),
        std::pair("require_journal", &policy.require_journal)}) {
    const YamlNode* member = root.Find(name);
    if (member == nullptr) continue;
    AZ_ASSIGN_OR_RETURN(*value, member->AsBool(name));
  }
  if (const YamlNode* samples = root.Find("min_samples")) {
    AZ_ASSIGN_OR_RETURN(policy.min_samples, ReadIntFrom(*samples, "min_samples", 0));
  }
  if (const YamlNode* approvals = root.Find("approvals")) {
    AZ_ASSIGN_OR_RETURN(policy.approvals, ReadIntFrom(*approvals, "approvals", 0));
  }
  if (const YamlNode* attempts = root.Find("max_earlier_attempts")) {
    AZ_ASSIGN_OR_RETURN(policy.max_earlier_attempts,
                        ReadIntFrom(*attempts, "max_earlier_attempts", 0));
  }
  if (const YamlNode* order = root.Find("order")) {
    AZ_ASSIGN_OR_RETURN(const std::string text,
                        ReadChoice(*order, "order", {"asserted", "proved"}));
    policy.require_proved_order = text == "proved";
  }
  if (const YamlNode* mark = root.Find("not_older_than")) {
    AZ_RETURN_IF_ERROR(ReadMark(*mark, policy.not_older_than));
  }
  return OkStatus();
}

}  // namespace

const std::vector<std::string>& PolicyRoles() {
  static const std::vector<std::string> roles = {"criteria", "builder",    "evaluator", "releaser",
                                                 "approver", "risk-owner", "gate"};
  return roles;
}

std::string PolicyFile::Resolve(const std::string& path) const { return JoinPath(folder, path); }

StatusOr<PolicyFile> ParsePolicyFile(std::string_view text, const std::string& origin,
                                     const std::string& folder) {
  AZ_ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(text, origin));
  if (root.kind() == YamlNode::Kind::kNull ||
      (root.kind() == YamlNode::Kind::kMap && root.members().empty())) {
    return UsageError(
        "{}: an empty policy demands nothing, expected one starting with \"assize_policy: 1\"",
        origin);
  }
  AZ_RETURN_IF_ERROR(root.CheckKeys(
      "policy",
      {"assize_policy", "release", "keys", "allow_demo_keys", "baseline", "criteria", "min_samples",
       "separation", "approvals", "allow_waivers", "order", "require_re_evaluation",
       "max_earlier_attempts", "require_journal", "not_older_than"}));
  AZ_ASSIGN_OR_RETURN(const YamlNode* format, Need(root, "policy", "assize_policy"));
  AZ_ASSIGN_OR_RETURN(const int64_t number, format->AsInt("assize_policy"));
  if (number != 1) {
    return format->Error(
        fmt::format("assize_policy: found {}, this program reads policies of format 1", number));
  }
  PolicyFile policy;
  policy.text = std::string(text);
  policy.origin = origin;
  policy.folder = folder;
  AZ_ASSIGN_OR_RETURN(const YamlNode* release, Need(root, "policy", "release"));
  AZ_ASSIGN_OR_RETURN(policy.release, ReadText(*release, "release"));
  if (!IsReleaseName(policy.release)) {
    return release->Error(
        fmt::format("release: \"{}\" is no name of a release", policy.release.substr(0, 120)));
  }
  AZ_ASSIGN_OR_RETURN(const YamlNode* keys, Need(root, "policy", "keys"));
  AZ_ASSIGN_OR_RETURN(policy.keys, ReadKeys(*keys));
  if (const YamlNode* baseline = root.Find("baseline")) {
    AZ_RETURN_IF_ERROR(ReadBaseline(*baseline, policy));
  }
  AZ_ASSIGN_OR_RETURN(const YamlNode* criteria, Need(root, "policy", "criteria"));
  AZ_ASSIGN_OR_RETURN(policy.criteria, ReadCriteria(*criteria, "criteria"));
  AZ_ASSIGN_OR_RETURN(const YamlNode* separation, Need(root, "policy", "separation"));
  AZ_RETURN_IF_ERROR(ReadSeparation(*separation, policy));
  AZ_RETURN_IF_ERROR(ReadDemands(root, policy));
  return policy;
}

StatusOr<PolicyFile> ReadPolicyFile(const std::string& path) {
  StatusOr<std::string> text = ReadFile(path, kMaxPolicyBytes);
  if (text.status().code() == StatusCode::kNotFound)
    return UsageError("{}", Message(text.status()));
  if (!text.ok()) return text.status();
  return ParsePolicyFile(*text, path, FolderOf(path));
}

}  // namespace assize::recipe
