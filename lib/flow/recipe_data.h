// From a recipe's words to data sets and splits; shared by `build` and by the gate that measures
// again. Tests: tests/flow/recipe_data_test.cc.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/data/dataset.h"
#include "lib/data/splits.h"
#include "lib/eval/criteria.h"
#include "lib/evidence/facts.h"
#include "lib/ir/model.h"
#include "lib/pass/pipeline.h"
#include "lib/recipe/recipe.h"

namespace assize::flow {

struct RecipeData {
  std::map<std::string, std::unique_ptr<data::Dataset>> sets;  // by the recipe's name
  data::Splits splits;
  std::vector<evidence::DataFacts> facts;
  std::vector<evidence::SplitFacts> split_facts;      // in the recipe's order
  std::map<std::string, std::string> sha256_by_path;  // data files as written in the recipe
  std::vector<std::string> paths;                     // the same, to be withheld from the evidence

  const data::Dataset& SetOf(const std::string& split) const;
  const std::vector<int64_t>* RowsOf(
      const std::string& split) const;  // null when the recipe has no such split
  const evidence::SplitFacts& FactsOfSplit(const std::string& split) const;
};

// Loads every data source that a split draws from, binds it to the model's inputs, checks that it
// fits, and draws the splits. Reads and digests rows; runs nothing. Errors stand at their place in
// the recipe.
StatusOr<RecipeData> LoadRecipeData(const recipe::Recipe& recipe, const ir::Model& model);

// The recipe's passes, typed by the registry; errors stand at the pass's place.
StatusOr<pass::Pipeline> RecipePipeline(const recipe::Recipe& recipe);
// The recipe's criteria, typed.
StatusOr<std::vector<eval::Criterion>> RecipeCriteria(const recipe::Recipe& recipe);

}  // namespace assize::flow
