// From a recipe's words to data sets and splits. Tests: tests/flow/recipe_data_test.cc.
#include "lib/flow/recipe_data.h"

#include <sys/stat.h>

#include <set>

#include "lib/evidence/privacy.h"
#include "lib/flow/predict.h"
#include "lib/policy/policy.h"
#include "lib/support/files.h"
#include "passes/registry.h"

namespace assize::flow {
namespace {

StatusOr<data::Preprocessing> Typed(const recipe::Preprocessing& said, const recipe::Place& place) {
  data::Preprocessing typed;
  typed.zero_point = said.zero_point;
  typed.scale = said.scale;
  typed.mean = said.mean;
  typed.std = said.std;
  typed.reshape = said.reshape;
  typed.layout = said.layout;
  if (!said.dtype.empty()) {
    StatusOr<data::DType> dtype = data::ParseDType(said.dtype);
    if (!dtype.ok()) return place.At(dtype.status());
    typed.dtype = *dtype;
  }
  return typed;
}

data::ArraySource Source(const recipe::Recipe& recipe, const recipe::ArrayRef& ref) {
  return {recipe.Resolve(ref.path), ref.array, ref.columns, ref.skip};
}

StatusOr<data::DatasetSource> Typed(const recipe::Recipe& recipe, const recipe::DataSource& said) {
  data::DatasetSource typed;
  typed.name = said.name;
  for (const recipe::InputArray& input : said.inputs) {
    data::InputSource source;
    source.input = input.input;
    source.source = Source(recipe, input.source);
    AZ_ASSIGN_OR_RETURN(source.preprocessing, Typed(input.preprocessing, input.place));
    typed.inputs.push_back(std::move(source));
  }
  if (said.labels) typed.labels = Source(recipe, *said.labels);
  if (said.groups) typed.groups = Source(recipe, *said.groups);
  for (const auto& [path, sha256] : said.sha256) typed.sha256[recipe.Resolve(path)] = sha256;
  return typed;
}

// Every file of a source as the recipe writes it, each once, in order.
std::vector<std::string> PathsOf(const recipe::DataSource& said) {
  std::vector<std::string> paths;
  const auto add = [&](const std::string& path) {
    if (std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(path);
  };
  for (const recipe::InputArray& input : said.inputs) add(input.source.path);
  if (said.labels) add(said.labels->path);
  if (said.groups) add(said.groups->path);
  return paths;
}

StatusOr<data::SplitRequest> Request(const recipe::Recipe& recipe, const recipe::Split& split) {
  data::SplitRequest request;
  request.name = split.name;
  request.from = split.from;
  request.rows = split.rows;
  request.seed = split.seed;
  if (!split.rows_file.empty()) {
    StatusOr<std::vector<int64_t>> rows =
        data::ReadRowList(recipe.Resolve(split.rows_file), split.key);
    if (!rows.ok()) return split.place.At(rows.status());
    request.listed = *std::move(rows);
  }
  return request;
}

}  // namespace

const data::Dataset& RecipeData::SetOf(const std::string& split) const {
  return *sets.at(splits.from.at(split));
}

const std::vector<int64_t>* RecipeData::RowsOf(const std::string& split) const {
  const auto found = splits.rows.find(split);
  return found == splits.rows.end() ? nullptr : &found->second;
}

const evidence::SplitFacts& RecipeData::FactsOfSplit(const std::string& split) const {
  for (const evidence::SplitFacts& each : split_facts) {
    if (each.name == split) return each;
  }
  AZ_CHECK(false, "no split \"{}\"", split);
}

StatusOr<RecipeData> LoadRecipeData(const recipe::Recipe& recipe, const ir::Model& model) {
  RecipeData loaded;
  std::set<std::string> wanted;
  for (const recipe::Split& split : recipe.splits) wanted.insert(split.from);
  std::map<std::string, const data::Dataset*> pointers;
  for (const recipe::DataSource& said : recipe.data) {
    if (!wanted.contains(said.name)) continue;
    AZ_ASSIGN_OR_RETURN(const data::DatasetSource source, Typed(recipe, said));
    StatusOr<data::Dataset> dataset = data::LoadDataset(source);
    if (!dataset.ok()) return said.place.At(dataset.status());
    if (const Status fits = BindToModel(*dataset, model); !fits.ok()) return said.place.At(fits);
    evidence::DataFacts facts;
    facts.name = said.name;
    for (const std::string& path : PathsOf(said)) {
      const std::string file = recipe.Resolve(path);
      AZ_ASSIGN_OR_RETURN(const Digest digest, Sha256OfFile(file));
      struct stat info{};
      const int64_t bytes =
          ::stat(file.c_str(), &info) == 0 ? static_cast<int64_t>(info.st_size) : 0;
      facts.files.push_back({"", Hex(digest), bytes});
      loaded.sha256_by_path[path] = Hex(digest);
      loaded.paths.push_back(path);
    }
    loaded.facts.push_back(std::move(facts));
    auto owned = std::make_unique<data::Dataset>(*std::move(dataset));
    pointers[said.name] = owned.get();
    loaded.sets[said.name] = std::move(owned);
  }
  std::vector<data::SplitRequest> requests;
  for (const recipe::Split& split : recipe.splits) {
    if (!split.rows_file.empty()) loaded.paths.push_back(split.rows_file);
    AZ_ASSIGN_OR_RETURN(data::SplitRequest request, Request(recipe, split));
    requests.push_back(std::move(request));
  }
  StatusOr<data::Splits> splits = data::MakeSplits(pointers, requests);
  if (!splits.ok()) return Annotate(splits.status(), recipe.origin + ": splits");
  loaded.splits = *std::move(splits);
  for (const data::SplitRecord& record : loaded.splits.records) {
    evidence::SplitFacts facts;
    facts.name = record.name;
    facts.from = record.from;
    facts.rows = record.rows;
    facts.digest = Hex(record.selection);
    facts.record = record.ToJson();
    facts.description = evidence::WithholdFileNames(
        loaded.sets.at(record.from)->Describe(loaded.splits.rows.at(record.name)), record.from);
    loaded.split_facts.push_back(std::move(facts));
  }
  return loaded;
}

StatusOr<pass::Pipeline> RecipePipeline(const recipe::Recipe& recipe) {
  std::vector<pass::PipelineItem> items;
  for (const recipe::PassUse& use : recipe.passes) {
    pass::PipelineItem item;
    item.name = use.name;
    for (const recipe::PassOption& option : use.options)
      item.options.emplace_back(option.name, option.text);
    // One at a time first, so that an error stands at the pass's own place in the file. What the
    // recipe says wrongly is bad input, not a wrong command line.
    if (const auto alone = pass::Pipeline::FromItems({item}, passes::AllPasses()); !alone.ok()) {
      return use.place.At(InvalidArgument("{}", Message(alone.status())));
    }
    items.push_back(std::move(item));
  }
  return pass::Pipeline::FromItems(items, passes::AllPasses());
}

StatusOr<std::vector<eval::Criterion>> RecipeCriteria(const recipe::Recipe& recipe) {
  std::vector<eval::Criterion> criteria;
  for (const recipe::Criterion& said : recipe.criteria) {
    AZ_ASSIGN_OR_RETURN(eval::Criterion typed, policy::TypedCriterion(said));
    criteria.push_back(std::move(typed));
  }
  return criteria;
}

}  // namespace assize::flow
