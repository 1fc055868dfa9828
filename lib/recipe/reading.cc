// Members with places, and the list of criteria that recipe and policy write the same way.
// Tests: tests/recipe/recipe_test.cc.
#include "lib/recipe/reading.h"

#include <algorithm>
#include <array>
#include <set>

#include "lib/support/sha256.h"
#include "lib/support/suggest.h"

namespace assize::recipe {
namespace {

constexpr std::array<Comparator, 3> kComparators = {Comparator::kAtLeast, Comparator::kAtMost,
                                                    Comparator::kMaxDrop};

// Metrics that are a comparison with the source model by themselves: `against: source` may stand
// there, or not.
bool ComparesAlready(const std::string& metric) {
  return metric == "flip_rate" || metric == "logit_noise";
}

bool IsId(const std::string& id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

std::string DefaultId(const Criterion& criterion) {
  std::string id = criterion.metric;
  if (criterion.k.has_value()) id += "-" + std::to_string(*criterion.k);
  if (criterion.class_index.has_value()) id += "-" + std::to_string(*criterion.class_index);
  id += std::string("-") + ComparatorName(criterion.comparator);
  std::replace(id.begin(), id.end(), '_', '-');
  return id;
}

StatusOr<Criterion> ReadCriterion(const YamlNode& node, const std::string& what) {
  AZ_RETURN_IF_ERROR(node.CheckKeys(what, {"metric", "at_least", "at_most", "max_drop", "class",
                                           "k", "against", "confidence", "id"}));
  Criterion criterion;
  criterion.place = PlaceOf(node);
  AZ_ASSIGN_OR_RETURN(const YamlNode* metric, Need(node, what, "metric"));
  AZ_ASSIGN_OR_RETURN(criterion.metric, ReadText(*metric, what + ".metric"));
  if (!IsId(criterion.metric)) {
    return metric->Error(
        fmt::format("{}.metric: \"{}\" is no name of a metric", what, criterion.metric));
  }
  const YamlNode* threshold = nullptr;
  for (Comparator comparator : kComparators) {
    const YamlNode* value = node.Find(ComparatorName(comparator));
    if (value == nullptr) continue;
    if (threshold != nullptr) {
      return value->Error(fmt::format("{}: both {} and {}, expected one of them", what,
                                      ComparatorName(criterion.comparator),
                                      ComparatorName(comparator)));
    }
    threshold = value;
    criterion.comparator = comparator;
  }
  if (threshold == nullptr) {
    return node.Error(
        fmt::format("{}: no threshold, expected at_least, at_most or max_drop", what));
  }
  const std::string name = what + "." + ComparatorName(criterion.comparator);
  AZ_ASSIGN_OR_RETURN(criterion.threshold, threshold->AsNumber(name));
  criterion.threshold_text = threshold->scalar();
  if (const YamlNode* k = node.Find("k")) {
    AZ_ASSIGN_OR_RETURN(criterion.k, ReadIntFrom(*k, what + ".k", 1));
  }
  if (const YamlNode* index = node.Find("class")) {
    AZ_ASSIGN_OR_RETURN(criterion.class_index, ReadIntFrom(*index, what + ".class", 0));
  }
  const YamlNode* against = node.Find("against");
  if (against != nullptr) {
    AZ_RETURN_IF_ERROR(ReadChoice(*against, what + ".against", {"source"}).status());
  }
  const bool compares = ComparesAlready(criterion.metric);
  if (criterion.comparator == Comparator::kMaxDrop && against == nullptr) {
    return node.Error(fmt::format("{}: max_drop needs \"against: source\"", what));
  }
  if (criterion.comparator != Comparator::kMaxDrop && against != nullptr && !compares) {
    return against->Error(
        fmt::format("{}: {} of {} is absolute; \"against: source\" belongs to max_drop", what,
                    ComparatorName(criterion.comparator), criterion.metric));
  }
  criterion.against_source = against != nullptr || compares;
  if (const YamlNode* confidence = node.Find("confidence")) {
    AZ_ASSIGN_OR_RETURN(criterion.confidence, confidence->AsNumber(what + ".confidence"));
    if (criterion.confidence < 0.5 || criterion.confidence >= 1) {
      return confidence->Error(fmt::format("{}.confidence: found {}, expected 0.5 up to below 1",
                                           what, confidence->scalar()));
    }
  }
  criterion.id = DefaultId(criterion);
  if (const YamlNode* id = node.Find("id")) {
    AZ_ASSIGN_OR_RETURN(criterion.id, ReadText(*id, what + ".id"));
    if (!IsId(criterion.id)) {
      return id->Error(fmt::format("{}.id: \"{}\", expected at most 64 of A-Z a-z 0-9 . _ -", what,
                                   criterion.id.substr(0, 80)));
    }
  }
  return criterion;
}

}  // namespace

Place PlaceOf(const YamlNode& node) {
  return {node.origin(), node.place().line, node.place().column};
}

StatusOr<const YamlNode*> Need(const YamlNode& map, const std::string& what,
                               const std::string& key) {
  const YamlNode* node = map.Find(key);
  if (node != nullptr) return node;
  return map.Error(what.empty() ? fmt::format("\"{}\" is missing", key)
                                : fmt::format("{}: \"{}\" is missing", what, key));
}

StatusOr<std::string> ReadText(const YamlNode& node, const std::string& what) {
  AZ_ASSIGN_OR_RETURN(std::string text, node.AsString(what));
  if (text.empty()) return node.Error(what + ": an empty string");
  return text;
}

StatusOr<std::string> ReadSha256(const YamlNode& node, const std::string& what) {
  AZ_ASSIGN_OR_RETURN(const std::string text, ReadText(node, what));
  if (Status status = ParseDigest(text).status(); !status.ok()) {
    return node.Error(what + ": " + Message(status));
  }
  return text;
}

StatusOr<int64_t> ReadIntFrom(const YamlNode& node, const std::string& what, int64_t smallest) {
  AZ_ASSIGN_OR_RETURN(const int64_t value, node.AsInt(what));
  if (value < smallest) {
    return node.Error(fmt::format("{}: found {}, expected at least {}", what, value, smallest));
  }
  return value;
}

StatusOr<std::string> ReadChoice(const YamlNode& node, const std::string& what,
                                 const std::vector<std::string>& names) {
  AZ_ASSIGN_OR_RETURN(const std::string text, node.AsString(what));
  if (std::find(names.begin(), names.end(), text) != names.end()) return text;
  return node.Error(fmt::format("{}: found \"{}\", expected {}{}", what, text.substr(0, 60),
                                fmt::join(names, " or "), DidYouMean(text, names)));
}

StatusOr<std::vector<std::string>> ReadTexts(const YamlNode& node, const std::string& what) {
  if (node.kind() != YamlNode::Kind::kSequence) {
    return node.Error(what + ": expected a list of names");
  }
  std::vector<std::string> texts;
  for (size_t i = 0; i < node.items().size(); ++i) {
    AZ_ASSIGN_OR_RETURN(std::string text,
                        ReadText(node.items()[i], fmt::format("{}[{}]", what, i)));
    if (std::find(texts.begin(), texts.end(), text) != texts.end()) {
      return node.items()[i].Error(fmt::format("{}: \"{}\" stands there twice", what, text));
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

StatusOr<std::vector<Criterion>> ReadCriteria(const YamlNode& node, const std::string& what) {
  if (node.kind() != YamlNode::Kind::kSequence || node.items().empty()) {
    return node.Error(what + ": expected a list of at least one criterion");
  }
  std::vector<Criterion> criteria;
  std::set<std::string> ids;
  for (size_t i = 0; i < node.items().size(); ++i) {
    const std::string name = fmt::format("{}[{}]", what, i);
    AZ_ASSIGN_OR_RETURN(Criterion criterion, ReadCriterion(node.items()[i], name));
    if (!ids.insert(criterion.id).second) {
      return node.items()[i].Error(
          fmt::format("{}: the id \"{}\" is taken by an earlier criterion; give it an \"id\"", name,
                      criterion.id));
    }
    criteria.push_back(std::move(criterion));
  }
  return criteria;
}

}  // namespace assize::recipe
