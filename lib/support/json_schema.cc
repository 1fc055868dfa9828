// JSON Schema checks by valijson, whose headers and exceptions stay in this file.
//
// Three of its traps are closed here. It ends the program on errors unless told to throw.
// std::regex recurses once per character, so strings of the document are capped before any pattern
// sees them, and the stack is deep enough for the cap. And it reports the way down to a fault as
// faults of its own, which are left out when the fault itself is in the list. Tests:
// tests/support/json_test.cc.
#include <pthread.h>

#include <algorithm>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include "lib/support/json.h"

// Without this its errors end the program.
#define VALIJSON_USE_EXCEPTIONS 1
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace assize {
namespace {

constexpr size_t kMaxStringBytes = size_t{64} << 10;
// Measured: std::regex needs between 16 and 32 MiB of stack for a string that long (-O2), and
// between 64 and 128 MiB under the address sanitizer. The pages are only reserved until they are
// used.
constexpr size_t kStackBytes = size_t{256} << 20;

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

struct Job {
  const Json& schema;
  const Json& document;
  std::vector<Finding> findings;
  Status status;
};

void Validate(Job& job) {
  try {
    const nlohmann::json schema = job.schema, document = job.document;
    valijson::Schema parsed;
    valijson::SchemaParser parser;
    parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(schema), parsed);
    valijson::Validator validator;
    valijson::ValidationResults results;
    if (validator.validate(parsed, valijson::adapters::NlohmannJsonAdapter(document), &results)) {
      return;  // what is in the results are branches of anyOf that did not match
    }
    for (const valijson::ValidationResults::Error& error : results) {
      job.findings.push_back({PointerOf(error.context), InHouseStyle(error.description)});
    }
    if (job.findings.empty()) job.findings.push_back({"", "does not match the schema"});
  } catch (const std::exception& error) {
    job.status = Internal("a schema of ours is not usable: {}", error.what());
  }
}

// Not work in parallel, only a deeper stack: the caller waits.
Status RunOnLargeStack(Job& job) {
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) != 0) return Unavailable("no thread for the schema check");
  pthread_t thread;
  const bool started = ::pthread_attr_setstacksize(&attributes, kStackBytes) == 0 &&
                       ::pthread_create(
                           &thread, &attributes,
                           [](void* argument) -> void* {
                             Validate(*static_cast<Job*>(argument));
                             return nullptr;
                           },
                           &job) == 0;
  ::pthread_attr_destroy(&attributes);
  if (!started) {
    return Unavailable("no memory for a stack of {} bytes for the schema check", kStackBytes);
  }
  ::pthread_join(thread, nullptr);
  return OkStatus();
}

}  // namespace

StatusOr<std::vector<std::string>> ValidateJson(const Json& schema, const Json& document) {
  std::vector<Finding> findings;
  std::map<std::string, size_t> ranks;
  Rank(document, "", ranks, findings);
  if (findings.empty()) {
    Job job{schema, document, {}, OkStatus()};
    AZ_RETURN_IF_ERROR(RunOnLargeStack(job));
    AZ_RETURN_IF_ERROR(job.status);
    findings = std::move(job.findings);
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
