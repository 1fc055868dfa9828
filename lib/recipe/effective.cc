// The recipe and the policy written out again, every default said; and the pipeline's text form.
// Tests: tests/recipe/recipe_test.cc, tests/recipe/policy_file_test.cc.
#include <algorithm>

#include "lib/recipe/policy_file.h"
#include "lib/recipe/recipe.h"
#include "lib/support/clock.h"
#include "lib/support/yaml.h"

namespace assize::recipe {
namespace {

// One number as a scalar, several as a list: as they are read.
Json Numbers(const std::vector<double>& numbers) {
  if (numbers.size() == 1) return numbers[0];
  return numbers;
}

void AddPreprocessing(const Preprocessing& preprocessing, Json& json) {
  if (!preprocessing.layout.empty()) json["layout"] = preprocessing.layout;
  if (preprocessing.zero_point.has_value()) {
    json["affine"] = {{"scale", preprocessing.scale.value_or(1)},
                      {"zero_point", *preprocessing.zero_point}};
  } else if (preprocessing.scale.has_value()) {
    json["scale"] = *preprocessing.scale;
  }
  if (!preprocessing.mean.empty()) json["mean"] = Numbers(preprocessing.mean);
  if (!preprocessing.std.empty()) json["std"] = Numbers(preprocessing.std);
  if (!preprocessing.reshape.empty()) json["reshape"] = preprocessing.reshape;
  if (!preprocessing.dtype.empty()) json["dtype"] = preprocessing.dtype;
}

Json SourceJson(const DataSource& source) {
  Json json = Json::object();
  const ArrayRef& first = source.inputs.front().source;
  json[DataFormatName(source.format)] = first.path;
  const bool own_files = source.format == DataFormat::kNpy || source.format == DataFormat::kIdx;
  const bool named = !source.inputs.front().input.empty();
  if (named) {
    Json inputs = Json::object();
    for (const InputArray& input : source.inputs) {
      Json member = {{"array", input.source.array}};
      AddPreprocessing(input.preprocessing, member);
      inputs[input.input] = member;
    }
    json["inputs"] = inputs;
  } else if (source.format == DataFormat::kNpz) {
    json["input"] = first.array;
  }
  if (!first.columns.empty()) json["columns"] = first.columns;
  if (!first.skip.empty()) json["skip"] = first.skip;
  if (source.labels.has_value())
    json["labels"] = own_files ? source.labels->path : source.labels->array;
  if (source.groups.has_value())
    json["groups"] = own_files ? source.groups->path : source.groups->array;
  if (!named) AddPreprocessing(source.inputs.front().preprocessing, json);
  if (!source.sha256.empty()) {
    for (const auto& [path, digest] : source.sha256) json["sha256"][path] = digest;
  }
  return json;
}

Json SplitJson(const Split& split) {
  Json json = {{"from", split.from}};
  if (split.rows.has_value()) {
    json["rows"] = *split.rows;
    json["seed"] = split.seed;
  }
  if (!split.rows_file.empty()) json["rows_file"] = split.rows_file;
  if (!split.key.empty()) json["key"] = split.key;
  if (!split.exclude_rows_of.empty()) json["exclude_rows_of"] = split.exclude_rows_of;
  return json;
}

// The scalar as a number or truth value where that is written the same, otherwise as the string it
// is.
Json ScalarJson(const std::string& text) {
  if (const StatusOr<YamlNode> node = ParseYaml(text, "option"); node.ok() && !node->quoted()) {
    Json value = node->ToJson();
    if (!value.is_structured() && !value.is_null() && DumpJson(value) == text) return value;
  }
  return text;
}

Json PassJson(const PassUse& use) {
  if (use.options.empty()) return use.name;
  Json options = Json::object();
  for (const PassOption& option : use.options) options[option.name] = ScalarJson(option.text);
  return {{use.name, options}};
}

Json CriteriaJson(const std::vector<Criterion>& criteria) {
  Json list = Json::array();
  for (const Criterion& criterion : criteria) list.push_back(criterion.ToJson());
  return list;
}

}  // namespace

Json Criterion::ToJson() const {
  Json json = {{"id", id}, {"metric", metric}};
  if (k.has_value()) json["k"] = *k;
  if (class_index.has_value()) json["class"] = *class_index;
  json[ComparatorName(comparator)] = threshold;
  if (against_source) json["against"] = "source";
  json["confidence"] = confidence;
  return json;
}

Json EffectiveRecipe(const Recipe& recipe) {
  Json json = {{"assize", 1}, {"model", {{"path", recipe.model.path}}}};
  if (!recipe.model.sha256.empty()) json["model"]["sha256"] = recipe.model.sha256;
  Json data = Json::object();
  for (const DataSource& source : recipe.data) data[source.name] = SourceJson(source);
  for (const Split& split : recipe.splits) data["splits"][split.name] = SplitJson(split);
  json["data"] = data;
  json["passes"] = Json::array();
  for (const PassUse& use : recipe.passes) json["passes"].push_back(PassJson(use));
  json["criteria"] = CriteriaJson(recipe.criteria);
  json["release"] = {{"name", recipe.name}, {"version", recipe.version}};
  if (recipe.keys.demo) {
    json["keys"] = "demo";
  } else {
    json["keys"] = {{"criteria", recipe.keys.criteria},
                    {"builder", recipe.keys.builder},
                    {"evaluator", recipe.keys.evaluator},
                    {"releaser", recipe.keys.releaser}};
  }
  json["change"] = {{"ticket", recipe.change.ticket},
                    {"requester", recipe.change.requester},
                    {"reason", recipe.change.reason}};
  json["classification"] = recipe.classification;
  json["evidence"] = recipe.evidence;
  if (recipe.limits.max_memory_bytes.has_value()) {
    json["limits"]["max_memory_bytes"] = *recipe.limits.max_memory_bytes;
  }
  if (recipe.limits.max_model_bytes.has_value()) {
    json["limits"]["max_model_bytes"] = *recipe.limits.max_model_bytes;
  }
  json["seed"] = recipe.seed;
  return json;
}

std::string PipelineText(const std::vector<PassUse>& passes) {
  std::string text;
  for (const PassUse& use : passes) {
    text += (text.empty() ? "" : ",") + use.name;
    if (use.options.empty()) continue;
    std::string options;
    for (const PassOption& option : use.options) {
      options += (options.empty() ? "" : ",") + option.name + "=";
      if (!option.text.empty() && option.text.find_first_of(",{}\"\\= \t") == std::string::npos) {
        options += option.text;
        continue;
      }
      options += '"';
      for (char c : option.text) {
        if (c == '"' || c == '\\') options += '\\';
        options += c;
      }
      options += '"';
    }
    text += "{" + options + "}";
  }
  return text;
}

Json EffectivePolicy(const PolicyFile& policy) {
  Json json = {{"assize_policy", 1}, {"release", policy.release}};
  Json keys = Json::object();
  for (const std::string& role : PolicyRoles()) {
    for (const TrustedKeyFile& key : policy.keys) {
      if (std::find(key.roles.begin(), key.roles.end(), role) == key.roles.end()) continue;
      Json entry = {{"file", key.path}};
      if (key.not_before.has_value()) entry["not_before"] = Rfc3339(*key.not_before);
      if (key.not_after.has_value()) entry["not_after"] = Rfc3339(*key.not_after);
      entry["revoked"] = key.revoked;
      keys[role].push_back(entry);
    }
  }
  json["keys"] = keys;
  json["allow_demo_keys"] = policy.allow_demo_keys;
  if (!policy.source_sha256.empty()) json["baseline"]["model_sha256"] = policy.source_sha256;
  if (!policy.evaluation_set_sha256.empty()) {
    json["baseline"]["evaluation_set_sha256"] = policy.evaluation_set_sha256;
  }
  json["criteria"] = CriteriaJson(policy.criteria);
  json["min_samples"] = policy.min_samples;
  if (policy.separate.empty()) {
    json["separation"] = {{"waived", true}, {"reason", policy.separation_waiver}};
  } else {
    json["separation"] = {{"require", policy.separate}};
  }
  json["approvals"] = policy.approvals;
  json["allow_waivers"] = policy.allow_waivers;
  json["order"] = policy.require_proved_order ? "proved" : "asserted";
  json["require_re_evaluation"] = policy.require_re_evaluation;
  if (policy.max_earlier_attempts.has_value())
    json["max_earlier_attempts"] = *policy.max_earlier_attempts;
  json["require_journal"] = policy.require_journal;
  if (!policy.not_older_than.version.empty()) {
    json["not_older_than"] = {{"version", policy.not_older_than.version}};
    if (policy.not_older_than.journal_sequence > 0) {
      json["not_older_than"]["journal_sequence"] = policy.not_older_than.journal_sequence;
      json["not_older_than"]["journal_entry_sha256"] = policy.not_older_than.journal_entry_sha256;
    }
  }
  return json;
}

}  // namespace assize::recipe
