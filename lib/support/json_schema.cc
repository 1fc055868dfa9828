// JSON Schema checks by valijson, whose headers and exceptions stay in this file.
//
// Two of its traps are closed here: std::regex recurses once per character, so strings of the
// document are capped before any pattern sees them; and it reports the way down to a fault as
// faults of its own, which are left out when the fault itself is in the list. Tests:
// tests/support/json_test.cc.
#include <algorithm>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include "lib/support/json.h"

// valijson is not clean under our warnings; it comes as a system header.
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace assize {
namespace {

// libstdc++'s std::regex uses up to about 100 bytes of stack per character; the stack has 8 MiB.
constexpr size_t kMaxStringBytes = size_t{64} << 10;

struct Finding {
  std::string pointer;
  std::string text;
  size_t rank = 0;
};

// Ranks each value of the document in reading order and refuses strings that patterns must not see.
void Rank(const Json& value, const std::string& pointer, std::map<std::string, size_t>& ranks,
          std::vector<Finding>& findings) {
  ranks.emplace(pointer, ranks.size());
  if (value.is_string()) {
    const size_t size = value.get_ref<const std::string&>().size();
    if (size > kMaxStringBytes) {
      findings.push_back(
          {pointer, fmt::format("a string of {} bytes, the limit is {}", size, kMaxStringBytes)});
    }
  } else if (value.is_object()) {
    for (const auto& [key, member] : value.items())
      Rank(member, pointer + "/" + key, ranks, findings);
  } else if (value.is_array()) {
    for (size_t i = 0; i < value.size(); ++i) {
      Rank(value[i], pointer + "/" + std::to_string(i), ranks, findings);
    }
  }
}

// valijson's context ["<root>", "[a]", "[0]"] as the pointer "/a/0".
std::string PointerOf(const std::vector<std::string>& context) {
  std::string pointer;
  for (size_t i = 1; i < context.size(); ++i) {
    const std::string& part = context[i];
    pointer += "/" + (part.size() >= 2 ? part.substr(1, part.size() - 2) : part);
  }
  return pointer;
}

// "Expected x." -> "expected x": as our own messages read.
std::string InHouseStyle(std::string text) {
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  if (!text.empty() && text.back() == '.') text.pop_back();
  return text;
}

// A finding that only says that something below it failed.
bool OnlyPointsDown(const Finding& finding, const std::vector<Finding>& all) {
  if (!finding.text.starts_with("failed to validate")) return false;
  return std::any_of(all.begin(), all.end(), [&](const Finding& other) {
    return other.pointer.size() > finding.pointer.size() &&
           other.pointer.starts_with(finding.pointer + "/");
  });
}

}  // namespace

StatusOr<std::vector<std::string>> ValidateJson(const Json& schema, const Json& document) {
  std::vector<Finding> findings;
  std::map<std::string, size_t> ranks;
  Rank(document, "", ranks, findings);
  if (findings.empty()) {
    try {
      const nlohmann::json plain_schema = schema, plain_document = document;
      valijson::Schema parsed;
      valijson::SchemaParser parser;
      parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(plain_schema), parsed);
      valijson::Validator validator;
      valijson::ValidationResults results;
      const bool valid = validator.validate(
          parsed, valijson::adapters::NlohmannJsonAdapter(plain_document), &results);
      for (const valijson::ValidationResults::Error& error : results) {
        findings.push_back({PointerOf(error.context), InHouseStyle(error.description)});
      }
      if (valid) findings.clear();  // branches of anyOf that did not match
      if (!valid && findings.empty()) findings.push_back({"", "does not match the schema"});
    } catch (const std::exception& error) {
      return Internal("a schema of ours is not usable: {}", error.what());
    }
  }
  for (Finding& finding : findings) {
    std::string pointer = finding.pointer;
    while (!ranks.contains(pointer) && !pointer.empty()) pointer.resize(pointer.rfind('/'));
    finding.rank = ranks[pointer];
  }
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& a, const Finding& b) { return a.rank < b.rank; });
  std::vector<std::string> texts;
  for (const Finding& finding : findings) {
    if (OnlyPointsDown(finding, findings)) continue;
    texts.push_back((finding.pointer.empty() ? "/" : finding.pointer) + ": " + finding.text);
  }
  return texts;
}

}  // namespace assize
