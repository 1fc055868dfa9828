// What the readers of recipe and policy share: members with places, digests, times, criteria. Each
// function refuses at the value's place. Tests: tests/recipe/recipe_test.cc,
// tests/recipe/policy_file_test.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/recipe/recipe.h"
#include "lib/support/yaml.h"

namespace assize::recipe {

Place PlaceOf(const YamlNode& node);

// The member, or an error at the map's place saying what is missing. `map` must be a map.
StatusOr<const YamlNode*> Need(const YamlNode& map, const std::string& what,
                               const std::string& key);

// A string that is not empty.
StatusOr<std::string> ReadText(const YamlNode& node, const std::string& what);
StatusOr<std::string> ReadSha256(const YamlNode& node, const std::string& what);
StatusOr<int64_t> ReadIntFrom(const YamlNode& node, const std::string& what, int64_t smallest);
// One of `names`, with the nearest in the error.
StatusOr<std::string> ReadChoice(const YamlNode& node, const std::string& what,
                                 const std::vector<std::string>& names);
// A list of strings that are not empty, without repetition.
StatusOr<std::vector<std::string>> ReadTexts(const YamlNode& node, const std::string& what);

// `criteria: [...]`: at least one, ids distinct.
StatusOr<std::vector<Criterion>> ReadCriteria(const YamlNode& node, const std::string& what);

}  // namespace assize::recipe
