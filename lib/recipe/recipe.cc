// The recipe's own members: model, passes, release, keys, change, classification, limits. Data
// sources and splits are read in data_source.cc. Tests: tests/recipe/recipe_test.cc.
#include "lib/recipe/recipe.h"

#include <algorithm>

#include "lib/recipe/data_source.h"
#include "lib/recipe/reading.h"
#include "lib/support/files.h"
#include "lib/support/yaml.h"

namespace assize::recipe {
namespace {

constexpr uint64_t kMaxRecipeBytes = uint64_t{1} << 20;

StatusOr<ModelRef> ReadModel(const YamlNode& node) {
  ModelRef model;
  model.place = PlaceOf(node);
  if (node.kind() == YamlNode::Kind::kScalar) {
    AZ_ASSIGN_OR_RETURN(model.path, ReadText(node, "model"));
    return model;
  }
  AZ_RETURN_IF_ERROR(node.CheckKeys("model", {"path", "sha256"}));
  AZ_ASSIGN_OR_RETURN(const YamlNode* path, Need(node, "model", "path"));
  AZ_ASSIGN_OR_RETURN(model.path, ReadText(*path, "model.path"));
  if (const YamlNode* sha256 = node.Find("sha256")) {
    AZ_ASSIGN_OR_RETURN(model.sha256, ReadSha256(*sha256, "model.sha256"));
  }
  return model;
}

StatusOr<std::vector<PassUse>> ReadPasses(const YamlNode& node) {
  if (node.kind() != YamlNode::Kind::kSequence) {
    return node.Error("passes: expected a list, [ simplify, { quantize-static: { ... } } ]");
  }
  std::vector<PassUse> passes;
  for (size_t i = 0; i < node.items().size(); ++i) {
    const YamlNode& item = node.items()[i];
    const std::string what = fmt::format("passes[{}]", i);
    PassUse use;
    use.place = PlaceOf(item);
    if (item.kind() != YamlNode::Kind::kMap) {
      AZ_ASSIGN_OR_RETURN(use.name, ReadText(item, what));
      passes.push_back(std::move(use));
      continue;
    }
    if (item.members().size() != 1) {
      return item.Error(fmt::format("{}: {} names in one map, expected one pass and its options",
                                    what, item.members().size()));
    }
    const YamlNode& options = item.members()[0].second;
    use.name = item.members()[0].first;
    if (options.kind() != YamlNode::Kind::kMap && options.kind() != YamlNode::Kind::kNull) {
      return options.Error(fmt::format("{}: expected a map of options for {}", what, use.name));
    }
    for (const auto& [name, value] : options.members()) {
      PassOption option{name, {}, PlaceOf(value)};
      AZ_ASSIGN_OR_RETURN(option.text,
                          value.AsString(fmt::format("{}.{}.{}", what, use.name, name)));
      use.options.push_back(std::move(option));
    }
    passes.push_back(std::move(use));
  }
  return passes;
}

Status ReadRelease(const YamlNode& node, Recipe& recipe) {
  AZ_RETURN_IF_ERROR(node.CheckKeys("release", {"name", "version"}));
  AZ_ASSIGN_OR_RETURN(const YamlNode* name, Need(node, "release", "name"));
  AZ_ASSIGN_OR_RETURN(recipe.name, ReadText(*name, "release.name"));
  if (!IsReleaseName(recipe.name)) {
    return name->Error(
        fmt::format("release.name: \"{}\", expected at most 100 of A-Z a-z 0-9 . _ - and no "
                    "leading dash or dot",
                    recipe.name.substr(0, 120)));
  }
  AZ_ASSIGN_OR_RETURN(const YamlNode* version, Need(node, "release", "version"));
  AZ_ASSIGN_OR_RETURN(recipe.version, ReadText(*version, "release.version"));
  if (!IsSemanticVersion(recipe.version)) {
    return version->Error(
        fmt::format("release.version: \"{}\", expected a semantic version such as 1.0.0",
                    recipe.version.substr(0, 60)));
  }
  return OkStatus();
}

StatusOr<KeyFiles> ReadKeys(const YamlNode& node) {
  KeyFiles keys;
  if (node.kind() == YamlNode::Kind::kScalar) {
    AZ_ASSIGN_OR_RETURN(const std::string text, ReadText(node, "keys"));
    if (text == "demo" && !node.quoted()) {
      keys.demo = true;
      return keys;
    }
    keys.criteria = keys.builder = keys.evaluator = keys.releaser = text;
    return keys;
  }
  AZ_RETURN_IF_ERROR(node.CheckKeys("keys", {"criteria", "builder", "evaluator", "releaser"}));
  for (const auto& [role, path] :
       {std::pair("criteria", &keys.criteria), std::pair("builder", &keys.builder),
        std::pair("evaluator", &keys.evaluator), std::pair("releaser", &keys.releaser)}) {
    AZ_ASSIGN_OR_RETURN(const YamlNode* member, Need(node, "keys", role));
    AZ_ASSIGN_OR_RETURN(*path, ReadText(*member, std::string("keys.") + role));
  }
  return keys;
}

StatusOr<Change> ReadChange(const YamlNode& node) {
  AZ_RETURN_IF_ERROR(node.CheckKeys("change", {"ticket", "requester", "reason"}));
  Change change;
  for (const auto& [name, text] :
       {std::pair("ticket", &change.ticket), std::pair("requester", &change.requester),
        std::pair("reason", &change.reason)}) {
    const YamlNode* member = node.Find(name);
    if (member == nullptr) continue;
    AZ_ASSIGN_OR_RETURN(*text, member->AsString(std::string("change.") + name));
  }
  return change;
}

StatusOr<Limits> ReadLimits(const YamlNode& node) {
  AZ_RETURN_IF_ERROR(node.CheckKeys("limits", {"max_memory_bytes", "max_model_bytes"}));
  Limits limits;
  for (const auto& [name, value] : {std::pair("max_memory_bytes", &limits.max_memory_bytes),
                                    std::pair("max_model_bytes", &limits.max_model_bytes)}) {
    const YamlNode* member = node.Find(name);
    if (member == nullptr) continue;
    AZ_ASSIGN_OR_RETURN(*value, ReadIntFrom(*member, std::string("limits.") + name, 1));
  }
  return limits;
}

// Digits without a leading zero, as semver demands of numeric parts.
bool IsNumeric(std::string_view text) {
  return !text.empty() && (text.size() == 1 || text[0] != '0') && text.size() <= 18 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Dot-separated identifiers of [0-9A-Za-z-]; numeric ones without leading zeros when `strict`.
bool AreIdentifiers(std::string_view text, bool strict) {
  while (true) {
    const size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    const bool letters = std::all_of(part.begin(), part.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
    });
    const bool digits =
        std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (part.empty() || !letters || (strict && digits && !IsNumeric(part))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

}  // namespace

Status Place::At(const Status& status) const {
  if (line == 0) return status;
  return Annotate(status, fmt::format("{}:{}:{}", file, line, column));
}

const char* ComparatorName(Comparator comparator) {
  switch (comparator) {
    case Comparator::kAtLeast:
      return "at_least";
    case Comparator::kAtMost:
      return "at_most";
    case Comparator::kMaxDrop:
      return "max_drop";
  }
  return "";
}

bool IsSemanticVersion(std::string_view text) {
  if (text.size() > 100) return false;
  if (const size_t plus = text.find('+'); plus != std::string_view::npos) {
    if (!AreIdentifiers(text.substr(plus + 1), false)) return false;
    text = text.substr(0, plus);
  }
  if (const size_t dash = text.find('-'); dash != std::string_view::npos) {
    if (!AreIdentifiers(text.substr(dash + 1), true)) return false;
    text = text.substr(0, dash);
  }
  const size_t first = text.find('.');
  const size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  return second != std::string_view::npos && IsNumeric(text.substr(0, first)) &&
         IsNumeric(text.substr(first + 1, second - first - 1)) &&
         IsNumeric(text.substr(second + 1));
}

bool IsReleaseName(std::string_view text) {
  return !text.empty() && text.size() <= 100 && text[0] != '-' && text[0] != '.' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                  c == '.' || c == '_' || c == '-';
         });
}

const DataSource* Recipe::FindData(std::string_view source) const {
  for (const DataSource& candidate : data) {
    if (candidate.name == source) return &candidate;
  }
  return nullptr;
}

const Split* Recipe::FindSplit(std::string_view split) const {
  for (const Split& candidate : splits) {
    if (candidate.name == split) return &candidate;
  }
  return nullptr;
}

std::string Recipe::Resolve(const std::string& path) const { return JoinPath(folder, path); }

StatusOr<Recipe> ParseRecipe(std::string_view text, const std::string& origin,
                             const std::string& folder) {
  AZ_ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(text, origin));
  if (root.kind() == YamlNode::Kind::kNull) {
    return InvalidArgument("{}: empty, expected a recipe starting with \"assize: 1\"", origin);
  }
  AZ_RETURN_IF_ERROR(
      root.CheckKeys("recipe", {"assize", "model", "data", "passes", "criteria", "release", "keys",
                                "change", "classification", "evidence", "limits", "seed"}));
  AZ_ASSIGN_OR_RETURN(const YamlNode* format, Need(root, "recipe", "assize"));
  AZ_ASSIGN_OR_RETURN(const int64_t number, format->AsInt("assize"));
  if (number != 1) {
    return format->Error(
        fmt::format("assize: found {}, this program reads recipes of format 1", number));
  }
  Recipe recipe;
  recipe.origin = origin;
  recipe.folder = folder;
  if (const YamlNode* seed = root.Find("seed")) {
    AZ_ASSIGN_OR_RETURN(const int64_t value, ReadIntFrom(*seed, "seed", 0));
    recipe.seed = static_cast<uint64_t>(value);
  }
  AZ_ASSIGN_OR_RETURN(const YamlNode* model, Need(root, "recipe", "model"));
  AZ_ASSIGN_OR_RETURN(recipe.model, ReadModel(*model));
  AZ_ASSIGN_OR_RETURN(const YamlNode* data, Need(root, "recipe", "data"));
  AZ_RETURN_IF_ERROR(ReadData(*data, recipe));
  AZ_ASSIGN_OR_RETURN(const YamlNode* passes, Need(root, "recipe", "passes"));
  AZ_ASSIGN_OR_RETURN(recipe.passes, ReadPasses(*passes));
  AZ_ASSIGN_OR_RETURN(const YamlNode* criteria, Need(root, "recipe", "criteria"));
  AZ_ASSIGN_OR_RETURN(recipe.criteria, ReadCriteria(*criteria, "criteria"));
  AZ_ASSIGN_OR_RETURN(const YamlNode* release, Need(root, "recipe", "release"));
  AZ_RETURN_IF_ERROR(ReadRelease(*release, recipe));
  AZ_ASSIGN_OR_RETURN(const YamlNode* keys, Need(root, "recipe", "keys"));
  AZ_ASSIGN_OR_RETURN(recipe.keys, ReadKeys(*keys));
  if (const YamlNode* change = root.Find("change")) {
    AZ_ASSIGN_OR_RETURN(recipe.change, ReadChange(*change));
  }
  AZ_ASSIGN_OR_RETURN(const YamlNode* classification, Need(root, "recipe", "classification"));
  AZ_ASSIGN_OR_RETURN(recipe.classification, ReadChoice(*classification, "classification",
                                                        {"public", "deidentified", "phi"}));
  if (const YamlNode* evidence = root.Find("evidence")) {
    recipe.evidence_place = PlaceOf(*evidence);
    AZ_ASSIGN_OR_RETURN(recipe.evidence, ReadTexts(*evidence, "evidence"));
  }
  if (const YamlNode* limits = root.Find("limits")) {
    AZ_ASSIGN_OR_RETURN(recipe.limits, ReadLimits(*limits));
  }
  return recipe;
}

StatusOr<Recipe> ReadRecipe(const std::string& path) {
  AZ_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxRecipeBytes));
  return ParseRecipe(text, path, FolderOf(path));
}

}  // namespace assize::recipe
