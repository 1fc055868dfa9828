// Reads the recipe's `data`: sources, their preprocessing, and the splits. Tests:
// tests/recipe/data_source_test.cc.
#pragma once

#include "lib/recipe/recipe.h"
#include "lib/support/yaml.h"

namespace assize::recipe {

// Fills `recipe.data` and `recipe.splits`; reads `recipe.seed`.
Status ReadData(const YamlNode& node, Recipe& recipe);

}  // namespace assize::recipe
