// The recipe: what to build, from which model and data, by which passes, judged by which criteria,
// as typed structures. Parsing is strict (unknown or duplicate keys, wrong types: file:line:column
// and the nearest name).
//
// Only names of passes, metrics and layouts are kept here; the rooms that own them judge them, and
// their errors are placed with At(). File names are kept as written; Resolve() makes them relative
// to the recipe's folder. The format is described by schemas/recipe.schema.json. Tests:
// tests/recipe/recipe_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/support/json.h"
#include "lib/support/status.h"

namespace assize::recipe {

// Where something stands in its file; 1-based, line 0 when it was not read from one.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
  // "recipe.yaml:4:7: <message>", keeping code and payload of `status`.
  Status At(const Status& status) const;
};

struct ModelRef {
  std::string path;
  std::string sha256;  // 64 hex digits, or empty: not pinned
  Place place;
};

// What must happen to a stored row before the model sees it: y = ((x - zero_point) * scale - mean)
// / std, then reshape, layout, dtype. Whether it fits the arrays is for the data room to say.
struct Preprocessing {
  std::string layout;                // "HW->NCHW"; empty: as stored
  std::optional<double> scale;       // `scale: 1/255`, or `affine: {scale, zero_point}`
  std::optional<double> zero_point;  // only by `affine`
  std::vector<double> mean, std;     // one value, or one per channel
  std::vector<int64_t> reshape;      // one row without the batch; one may be -1
  std::string dtype;                 // "f32" ...; empty: not said
};

enum class DataFormat { kNpz, kNpy, kIdx, kCsv };
const char* DataFormatName(DataFormat format);  // "npz" "npy" "idx" "csv"

// One array in a file. `array`: the npz member; empty for npy and IDX. `columns` and `skip` are for
// CSV only: the columns to take (none: all that are not skipped, label or groups).
struct ArrayRef {
  std::string path;
  std::string array;
  std::vector<std::string> columns, skip;
};

struct InputArray {
  std::string input;  // the model input's name; empty: the model's only input
  ArrayRef source;
  Preprocessing preprocessing;
  Place place;
};

struct DataSource {
  std::string name;  // "train", "test": the recipe's own
  DataFormat format = DataFormat::kNpz;
  std::vector<InputArray> inputs;  // at least one
  std::optional<ArrayRef> labels;  // CSV: `array` is the column
  std::optional<ArrayRef> groups;  // equal value: one person. CSV: `array` is the column
  std::map<std::string, std::string>
      sha256;  // path as written -> 64 hex digits, for the pinned files
  Place place;
};

struct Split {
  std::string name;  // "calibration", "tuning" or "evaluation"
  std::string from;  // a data source's name
  std::optional<int64_t>
      rows;  // draw so many by `seed`; absent: the listed rows, or all that remain
  uint64_t seed = 0;
  std::string rows_file;        // JSON or text file of row numbers; excludes `rows`
  std::string key;              // member of the JSON file
  std::string exclude_rows_of;  // the split (same source) whose rows this one leaves out
  Place place;
};

struct PassOption {
  std::string name;
  std::string text;  // the scalar as written; the pass registry types it
  Place place;
};

struct PassUse {
  std::string name;                 // of a pass or a group (`simplify`, `fuse`)
  std::vector<PassOption> options;  // in file order
  Place place;
};

enum class Comparator { kAtLeast, kAtMost, kMaxDrop };
const char* ComparatorName(Comparator comparator);  // "at_least" "at_most" "max_drop"

struct Criterion {
  std::string id;            // given, or "sensitivity-1-at-least"; unique in its list
  std::string metric;        // as written: "top1", "topk", "recall", "sensitivity", "flip_rate" ...
  std::optional<int64_t> k;  // topk
  std::optional<int64_t> class_index;  // `class: 1`
  Comparator comparator = Comparator::kAtLeast;
  double threshold = 0;
  std::string threshold_text;  // exactly as written
  bool against_source = false;
  double confidence = 0.95;  // one-sided
  Place place;
  // {"id","metric","k"?,"class"?,"at_least"|"at_most"|"max_drop","against"?,"confidence"}: reads
  // back the same.
  Json ToJson() const;
};

// What the tool needs a private key for.
struct KeyFiles {
  bool demo = false;  // `keys: demo`: demo keys in the user's data folder, made when missing
  std::string criteria, builder, evaluator, releaser;  // paths as written; empty with `demo`
};

struct Change {
  std::string ticket, requester, reason;
};

struct Limits {
  std::optional<int64_t> max_memory_bytes;
  std::optional<int64_t> max_model_bytes;
};

struct Recipe {
  std::string origin;  // file name, for messages
  std::string folder;  // that relative paths start from
  ModelRef model;
  std::vector<DataSource> data;  // in file order
  std::vector<Split>
      splits;  // calibration, tuning, evaluation, as far as present; evaluation always is
  std::vector<PassUse> passes;      // in order
  std::vector<Criterion> criteria;  // at least one
  std::string name, version;        // release; name [A-Za-z0-9._-]+, version semantic
  KeyFiles keys;
  Change change;                      // empty strings when not said
  std::string classification;         // "public" "deidentified" "phi"
  std::vector<std::string> evidence;  // "iso27001-2022" ...
  Place evidence_place;
  Limits limits;
  uint64_t seed = 0;  // of everything that draws and has no seed of its own

  const DataSource* FindData(std::string_view source) const;  // null when there is none
  const Split* FindSplit(std::string_view split) const;
  std::string Resolve(const std::string& path) const;  // relative to `folder`; absolute stays
};

// All of `text`. InvalidArgument at the place of the first fault.
StatusOr<Recipe> ParseRecipe(std::string_view text, const std::string& origin,
                             const std::string& folder);
// Reads and parses a file of at most 1 MiB; its folder is where relative paths start.
StatusOr<Recipe> ReadRecipe(const std::string& path);

// The recipe with every default written out, in a fixed order; DumpYaml of it parses to the same
// recipe (places apart). Paths stay as written.
Json EffectiveRecipe(const Recipe& recipe);

// `fuse,quantize-static{calibrator=percentile}`: what the pipeline parser reads.
std::string PipelineText(const std::vector<PassUse>& passes);

// MAJOR.MINOR.PATCH[-pre][+build] after semver.org 2.0.0: no leading zeros, nothing missing.
bool IsSemanticVersion(std::string_view text);
// [A-Za-z0-9._-]+ of at most 100 characters, no leading dash or dot.
bool IsReleaseName(std::string_view text);

}  // namespace assize::recipe
