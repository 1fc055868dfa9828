// Data sources: one file format each, named arrays, declared preprocessing; and the splits over
// them. Tests: tests/recipe/data_source_test.cc.
#include "lib/recipe/data_source.h"

#include <algorithm>
#include <array>
#include <set>

#include "lib/recipe/reading.h"
#include "lib/support/suggest.h"

namespace assize::recipe {
namespace {

constexpr std::array<DataFormat, 4> kFormats = {DataFormat::kNpz, DataFormat::kNpy,
                                                DataFormat::kIdx, DataFormat::kCsv};
const std::vector<std::string> kPreprocessingKeys = {"layout", "scale",   "affine", "mean",
                                                     "std",    "reshape", "dtype"};

bool IsSourceName(const std::string& name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

// A number, or a list of them.
StatusOr<std::vector<double>> ReadNumbers(const YamlNode& node, const std::string& what) {
  std::vector<double> numbers;
  if (node.kind() != YamlNode::Kind::kSequence) {
    AZ_ASSIGN_OR_RETURN(const double number, node.AsNumber(what));
    numbers.push_back(number);
    return numbers;
  }
  if (node.items().empty())
    return node.Error(what + ": an empty list, expected one number per channel");
  for (size_t i = 0; i < node.items().size(); ++i) {
    AZ_ASSIGN_OR_RETURN(const double number,
                        node.items()[i].AsNumber(fmt::format("{}[{}]", what, i)));
    numbers.push_back(number);
  }
  return numbers;
}

StatusOr<std::vector<int64_t>> ReadReshape(const YamlNode& node, const std::string& what) {
  if (node.kind() != YamlNode::Kind::kSequence || node.items().empty()) {
    return node.Error(what + ": expected a list of the dimensions of one row, [ 1, 28, 28 ]");
  }
  std::vector<int64_t> dimensions;
  int open = 0;
  for (size_t i = 0; i < node.items().size(); ++i) {
    const YamlNode& item = node.items()[i];
    AZ_ASSIGN_OR_RETURN(const int64_t dimension, item.AsInt(fmt::format("{}[{}]", what, i)));
    if (dimension == 0 || dimension < -1 || (dimension == -1 && ++open > 1)) {
      return item.Error(fmt::format("{}[{}]: found {}, expected a positive dimension, or -1 once",
                                    what, i, dimension));
    }
    dimensions.push_back(dimension);
  }
  return dimensions;
}

StatusOr<Preprocessing> ReadPreprocessing(const YamlNode& node, const std::string& what) {
  Preprocessing result;
  if (const YamlNode* layout = node.Find("layout")) {
    AZ_ASSIGN_OR_RETURN(result.layout, ReadText(*layout, what + ".layout"));
  }
  if (const YamlNode* scale = node.Find("scale")) {
    AZ_ASSIGN_OR_RETURN(result.scale, scale->AsNumber(what + ".scale"));
    if (*result.scale == 0) return scale->Error(what + ".scale: 0 would erase the data");
  }
  if (const YamlNode* affine = node.Find("affine")) {
    if (result.scale.has_value())
      return affine->Error(what + ": both scale and affine, expected one of them");
    AZ_RETURN_IF_ERROR(affine->CheckKeys(what + ".affine", {"scale", "zero_point"}));
    AZ_ASSIGN_OR_RETURN(const YamlNode* scale, Need(*affine, what + ".affine", "scale"));
    AZ_ASSIGN_OR_RETURN(result.scale, scale->AsNumber(what + ".affine.scale"));
    if (*result.scale == 0) return scale->Error(what + ".affine.scale: 0 would erase the data");
    AZ_ASSIGN_OR_RETURN(const YamlNode* zero_point, Need(*affine, what + ".affine", "zero_point"));
    AZ_ASSIGN_OR_RETURN(result.zero_point, zero_point->AsNumber(what + ".affine.zero_point"));
  }
  if (const YamlNode* mean = node.Find("mean")) {
    AZ_ASSIGN_OR_RETURN(result.mean, ReadNumbers(*mean, what + ".mean"));
  }
  if (const YamlNode* std = node.Find("std")) {
    AZ_ASSIGN_OR_RETURN(result.std, ReadNumbers(*std, what + ".std"));
    for (double value : result.std) {
      if (value <= 0)
        return std->Error(fmt::format("{}.std: found {}, expected above 0", what, value));
    }
  }
  if (const YamlNode* reshape = node.Find("reshape")) {
    AZ_ASSIGN_OR_RETURN(result.reshape, ReadReshape(*reshape, what + ".reshape"));
  }
  if (const YamlNode* dtype = node.Find("dtype")) {
    AZ_ASSIGN_OR_RETURN(result.dtype, ReadText(*dtype, what + ".dtype"));
  }
  return result;
}

// `inputs: { image: array }` or `inputs: { image: { array: ..., layout: ... } }`.
Status ReadInputs(const YamlNode& node, const std::string& what, DataSource& source,
                  const std::string& path) {
  if (node.kind() != YamlNode::Kind::kMap || node.members().empty()) {
    return node.Error(what + ": expected a map, model input -> array");
  }
  for (const auto& [input, value] : node.members()) {
    InputArray array;
    array.input = input;
    array.source.path = path;
    array.place = PlaceOf(value);
    const std::string name = what + "." + input;
    if (value.kind() == YamlNode::Kind::kScalar) {
      AZ_ASSIGN_OR_RETURN(array.source.array, ReadText(value, name));
    } else {
      std::vector<std::string> keys = kPreprocessingKeys;
      keys.insert(keys.begin(), "array");
      AZ_RETURN_IF_ERROR(value.CheckKeys(name, keys));
      AZ_ASSIGN_OR_RETURN(const YamlNode* member, Need(value, name, "array"));
      AZ_ASSIGN_OR_RETURN(array.source.array, ReadText(*member, name + ".array"));
      AZ_ASSIGN_OR_RETURN(array.preprocessing, ReadPreprocessing(value, name));
    }
    source.inputs.push_back(std::move(array));
  }
  return OkStatus();
}

// Labels or groups: an array or column of the same file, or a file of their own (npy, IDX).
StatusOr<std::optional<ArrayRef>> ReadSide(const YamlNode& node, const std::string& what,
                                           const char* key, DataFormat format,
                                           const std::string& path) {
  const YamlNode* member = node.Find(key);
  if (member == nullptr) return std::optional<ArrayRef>();
  AZ_ASSIGN_OR_RETURN(const std::string text, ReadText(*member, what + "." + key));
  ArrayRef reference;
  if (format == DataFormat::kNpz || format == DataFormat::kCsv) {
    reference.path = path;
    reference.array = text;
  } else {
    reference.path = text;
  }
  return std::optional<ArrayRef>(std::move(reference));
}

Status ReadDigests(const YamlNode& node, const std::string& what, DataSource& source,
                   const std::string& path) {
  const YamlNode* member = node.Find("sha256");
  if (member == nullptr) return OkStatus();
  if (member->kind() != YamlNode::Kind::kMap) {
    AZ_ASSIGN_OR_RETURN(source.sha256[path], ReadSha256(*member, what + ".sha256"));
    return OkStatus();
  }
  std::vector<std::string> files = {path};
  for (const std::optional<ArrayRef>* side : {&source.labels, &source.groups}) {
    if (side->has_value() && (*side)->path != path) files.push_back((*side)->path);
  }
  AZ_RETURN_IF_ERROR(member->CheckKeys(what + ".sha256", files));
  for (const auto& [file, digest] : member->members()) {
    AZ_ASSIGN_OR_RETURN(source.sha256[file], ReadSha256(digest, what + ".sha256." + file));
  }
  return OkStatus();
}

StatusOr<DataSource> ReadSource(const YamlNode& node, const std::string& name) {
  const std::string what = "data." + name;
  if (node.kind() != YamlNode::Kind::kMap) {
    return node.Error(what + ": expected a map, { npz: FILE, input: ARRAY, labels: ARRAY }");
  }
  DataSource source;
  source.name = name;
  source.place = PlaceOf(node);
  const YamlNode* file = nullptr;
  for (DataFormat format : kFormats) {
    const YamlNode* member = node.Find(DataFormatName(format));
    if (member == nullptr) continue;
    if (file != nullptr) {
      return member->Error(fmt::format("{}: both {} and {}, expected one file format", what,
                                       DataFormatName(source.format), DataFormatName(format)));
    }
    file = member;
    source.format = format;
  }
  std::vector<std::string> keys = {"npz", "npy", "idx", "csv", "labels", "groups", "sha256"};
  keys.insert(keys.end(), kPreprocessingKeys.begin(), kPreprocessingKeys.end());
  if (file == nullptr || source.format == DataFormat::kNpz)
    keys.insert(keys.end(), {"input", "inputs"});
  if (file == nullptr || source.format == DataFormat::kCsv)
    keys.insert(keys.end(), {"columns", "skip"});
  AZ_RETURN_IF_ERROR(node.CheckKeys(what, keys));
  if (file == nullptr) return node.Error(what + ": no file, expected npz, npy, idx or csv");
  AZ_ASSIGN_OR_RETURN(const std::string path,
                      ReadText(*file, what + "." + DataFormatName(source.format)));
  AZ_ASSIGN_OR_RETURN(source.labels, ReadSide(node, what, "labels", source.format, path));
  AZ_ASSIGN_OR_RETURN(source.groups, ReadSide(node, what, "groups", source.format, path));
  AZ_RETURN_IF_ERROR(ReadDigests(node, what, source, path));

  if (const YamlNode* inputs = node.Find("inputs")) {
    for (const std::string& key : kPreprocessingKeys) {
      if (const YamlNode* member = node.Find(key)) {
        return member->Error(
            fmt::format("{}.{}: with several inputs, say it at the input it is for", what, key));
      }
    }
    if (const YamlNode* input = node.Find("input")) {
      return input->Error(what + ": both input and inputs, expected one of them");
    }
    AZ_RETURN_IF_ERROR(ReadInputs(*inputs, what + ".inputs", source, path));
    return source;
  }
  InputArray array;
  array.source.path = path;
  array.place = source.place;
  AZ_ASSIGN_OR_RETURN(array.preprocessing, ReadPreprocessing(node, what));
  if (source.format == DataFormat::kNpz) {
    AZ_ASSIGN_OR_RETURN(const YamlNode* input, Need(node, what, "input"));
    AZ_ASSIGN_OR_RETURN(array.source.array, ReadText(*input, what + ".input"));
  }
  if (const YamlNode* columns = node.Find("columns")) {
    AZ_ASSIGN_OR_RETURN(array.source.columns, ReadTexts(*columns, what + ".columns"));
    if (array.source.columns.empty()) return columns->Error(what + ".columns: an empty list");
  }
  if (const YamlNode* skip = node.Find("skip")) {
    if (!array.source.columns.empty()) {
      return skip->Error(what + ": both columns and skip, expected one of them");
    }
    AZ_ASSIGN_OR_RETURN(array.source.skip, ReadTexts(*skip, what + ".skip"));
  }
  source.inputs.push_back(std::move(array));
  return source;
}

StatusOr<Split> ReadSplit(const YamlNode& node, const std::string& name, const Recipe& recipe) {
  const std::string what = "data.splits." + name;
  Split split;
  split.name = name;
  split.place = PlaceOf(node);
  split.seed = recipe.seed;
  const YamlNode* from = &node;
  if (node.kind() != YamlNode::Kind::kScalar) {
    AZ_RETURN_IF_ERROR(
        node.CheckKeys(what, {"from", "rows", "seed", "rows_file", "key", "exclude_rows_of"}));
    AZ_ASSIGN_OR_RETURN(from, Need(node, what, "from"));
  }
  AZ_ASSIGN_OR_RETURN(split.from, ReadText(*from, what + ".from"));
  if (recipe.FindData(split.from) == nullptr) {
    std::vector<std::string> names;
    for (const DataSource& source : recipe.data) names.push_back(source.name);
    return from->Error(fmt::format("{}.from: no data source \"{}\"{}", what, split.from,
                                   DidYouMean(split.from, names)));
  }
  const YamlNode* rows = node.Find("rows");
  const YamlNode* rows_file = node.Find("rows_file");
  if (rows != nullptr) {
    AZ_ASSIGN_OR_RETURN(split.rows, ReadIntFrom(*rows, what + ".rows", 1));
  }
  if (const YamlNode* seed = node.Find("seed")) {
    AZ_ASSIGN_OR_RETURN(const int64_t value, ReadIntFrom(*seed, what + ".seed", 0));
    if (rows == nullptr) return seed->Error(what + ".seed: a seed without rows; nothing is drawn");
    split.seed = static_cast<uint64_t>(value);
  }
  if (rows_file != nullptr) {
    if (rows != nullptr)
      return rows_file->Error(what + ": both rows and rows_file, expected one of them");
    AZ_ASSIGN_OR_RETURN(split.rows_file, ReadText(*rows_file, what + ".rows_file"));
  }
  if (const YamlNode* key = node.Find("key")) {
    if (rows_file == nullptr) return key->Error(what + ".key: a key without rows_file");
    AZ_ASSIGN_OR_RETURN(split.key, ReadText(*key, what + ".key"));
  }
  if (const YamlNode* other = node.Find("exclude_rows_of")) {
    if (rows_file != nullptr) {
      return other->Error(what + ": both rows_file and exclude_rows_of, expected one of them");
    }
    AZ_ASSIGN_OR_RETURN(split.exclude_rows_of, ReadText(*other, what + ".exclude_rows_of"));
  }
  return split;
}

// The splits that are left out must be there, draw from the same source, and not refer back.
Status CheckExclusions(const YamlNode& node, const Recipe& recipe) {
  for (const Split& split : recipe.splits) {
    if (split.exclude_rows_of.empty()) continue;
    const YamlNode& place = *node.Find(split.name)->Find("exclude_rows_of");
    const std::string what = "data.splits." + split.name + ".exclude_rows_of";
    const Split* other = recipe.FindSplit(split.exclude_rows_of);
    if (other == nullptr || other == &split) {
      std::vector<std::string> names;
      for (const Split& candidate : recipe.splits) {
        if (&candidate != &split) names.push_back(candidate.name);
      }
      return place.Error(fmt::format("{}: no other split \"{}\"{}", what, split.exclude_rows_of,
                                     DidYouMean(split.exclude_rows_of, names)));
    }
    if (other->from != split.from) {
      return place.Error(
          fmt::format("{}: {} takes its rows from {}, {} from {}; there is nothing to leave out",
                      what, other->name, other->from, split.name, split.from));
    }
    if (!other->exclude_rows_of.empty()) {
      return place.Error(
          fmt::format("{}: {} leaves rows out itself; only one of the two may", what, other->name));
    }
  }
  return OkStatus();
}

}  // namespace

const char* DataFormatName(DataFormat format) {
  switch (format) {
    case DataFormat::kNpz:
      return "npz";
    case DataFormat::kNpy:
      return "npy";
    case DataFormat::kIdx:
      return "idx";
    case DataFormat::kCsv:
      return "csv";
  }
  return "";
}

Status ReadData(const YamlNode& node, Recipe& recipe) {
  if (node.kind() != YamlNode::Kind::kMap)
    return node.Error("data: expected a map of sources and splits");
  for (size_t i = 0; i < node.members().size(); ++i) {
    const auto& [name, value] = node.members()[i];
    if (name == "splits") continue;
    if (!IsSourceName(name)) {
      return value.Error(
          fmt::format("data: \"{}\" is no name of a source, expected at most 64 of A-Z a-z 0-9 _ -",
                      name.substr(0, 80)));
    }
    AZ_ASSIGN_OR_RETURN(DataSource source, ReadSource(value, name));
    recipe.data.push_back(std::move(source));
  }
  if (recipe.data.empty()) return node.Error("data: no source, expected at least one");
  AZ_ASSIGN_OR_RETURN(const YamlNode* splits, Need(node, "data", "splits"));
  const std::vector<std::string> names = {"calibration", "tuning", "evaluation"};
  AZ_RETURN_IF_ERROR(splits->CheckKeys("data.splits", names));
  for (const std::string& name : names) {
    const YamlNode* member = splits->Find(name);
    if (member == nullptr) continue;
    AZ_ASSIGN_OR_RETURN(Split split, ReadSplit(*member, name, recipe));
    recipe.splits.push_back(std::move(split));
  }
  if (recipe.FindSplit("evaluation") == nullptr) {
    return splits->Error(
        "data.splits: \"evaluation\" is missing: criteria are decided on its rows");
  }
  return CheckExclusions(*splits, recipe);
}

}  // namespace assize::recipe
