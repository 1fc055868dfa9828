// Results as JSON and as text for a terminal.
#include "lib/policy/gate.h"

namespace assize::policy {
namespace {

Json ChecksJson(const std::vector<CheckResult>& checks) {
  Json list = Json::array();
  for (const CheckResult& check : checks) {
    Json entry{
        {"id", check.id}, {"status", CheckStatusName(check.status)}, {"reason", check.reason}};
    if (check.status == CheckStatus::kFail || check.status == CheckStatus::kNotRun) {
      entry["found"] = check.found;
      entry["wanted"] = check.wanted;
      entry["mend"] = check.mend;
      entry["exit"] = check.about_criteria ? 1 : 4;
    }
    list.push_back(std::move(entry));
  }
  return list;
}

// Text from a release may hold anything; a terminal gets printable characters only.
std::string Plain(const std::string& text) {
  std::string plain;
  for (char c : text) plain += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return plain;
}

std::string ChecksText(const std::vector<CheckResult>& checks) {
  std::string text;
  for (const CheckResult& check : checks) {
    text +=
        fmt::format("  {:<17}  {:<8}  {}\n", check.id,
                    check.status == CheckStatus::kWaived ? "waived" : CheckStatusName(check.status),
                    Plain(check.reason));
    if (check.status == CheckStatus::kFail || check.status == CheckStatus::kNotRun) {
      text += fmt::format("      found   {}\n      wanted  {}\n      to mend {}\n",
                          Plain(check.found), Plain(check.wanted), Plain(check.mend));
    }
  }
  return text;
}

const CheckResult* FindCheck(const std::vector<CheckResult>& checks, std::string_view id) {
  for (const CheckResult& check : checks) {
    if (check.id == id) return &check;
  }
  return nullptr;
}

}  // namespace

const CheckResult* GateResult::Find(std::string_view id) const { return FindCheck(checks, id); }
const CheckResult* VerifyResult::Find(std::string_view id) const { return FindCheck(checks, id); }

Json GateResult::ToJson() const {
  Json criteria_json = Json::array();
  for (const eval::Judged& judged : criteria) {
    criteria_json.push_back({{"id", judged.criterion.id},
                             {"outcome", eval::OutcomeName(judged.verdict.outcome)},
                             {"estimate", judged.verdict.estimate},
                             {"lower", judged.verdict.lower},
                             {"upper", judged.verdict.upper},
                             {"n", judged.verdict.n},
                             {"text", judged.verdict.text}});
  }
  Json json{{"name", name},
            {"version", version},
            {"verdict", verdict},
            {"exit", static_cast<int>(exit_code)},
            {"levels", levels},
            {"sentence", sentence},
            {"checks", ChecksJson(checks)},
            {"criteria", std::move(criteria_json)}};
  if (!verdict_file.empty()) json["verdict_file"] = verdict_file;
  return json;
}

std::string GateResult::ToText() const {
  std::string text = ChecksText(checks);
  for (const eval::Judged& judged : criteria) {
    text += fmt::format("  criterion  {:<9}  {}\n", eval::OutcomeName(judged.verdict.outcome),
                        Plain(judged.verdict.text));
  }
  if (!verdict_file.empty()) text += fmt::format("verdict written to {}\n", verdict_file);
  return text + Plain(sentence) + "\n";
}

Json VerifyResult::ToJson() const {
  return Json{{"name", name},         {"version", version},
              {"verdict", verdict},   {"exit", static_cast<int>(exit_code)},
              {"sentence", sentence}, {"checks", ChecksJson(checks)}};
}

std::string VerifyResult::ToText() const { return ChecksText(checks) + Plain(sentence) + "\n"; }

}  // namespace assize::policy
