// Dataset: inputs by the model's names (stored arrays and their declared preprocessing), labels,
// groups.
//
// The way in for recipes and for `--data`: LoadDataset reads npz, npy, IDX and CSV. The way out is
// Batch, ready to feed. Row contents stay inside: digests and counts are all that records may hold.
// Tests: tests/data/dataset_test.cc.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/data/array.h"
#include "lib/data/limits.h"
#include "lib/data/preprocess.h"
#include "lib/support/json.h"
#include "lib/support/sha256.h"

namespace assize::data {

// Where an array lies. The file's content says what it is: npz (`array` = member name), npy, IDX or
// IDX.gz (`array` empty). CSV labels and groups: `array` = column name; CSV inputs: `columns`, or
// `array` = column names, comma-separated, or neither for every column that is no label, no group
// and not in `skip`.
struct ArraySource {
  std::string path;
  std::string array;
  std::vector<std::string> columns = {}, skip = {};
};

struct InputSource {
  std::string input;  // the model input's name; empty when the model's only input is meant
  ArraySource source;
  Preprocessing preprocessing;
};

struct DatasetSource {
  std::string name;  // "test", for messages and records
  std::vector<InputSource> inputs;
  std::optional<ArraySource> labels;
  std::optional<ArraySource> groups;  // equal value: one person, kept in one split
  // Path -> hex digest that the file must have; DataLoss otherwise.
  std::map<std::string, std::string> sha256;
};

class Dataset {
 public:
  struct Input {
    std::string input;  // model input name, may be empty
    std::string array;  // what the user calls it: member name, column list or file name
    Array raw;
    Preprocessing preprocessing;
  };
  struct File {
    std::string name;  // without folders
    Digest digest;
  };

  // Checks equal lengths (InvalidArgument naming both numbers), preprocessing against shapes, label
  // dtype, and that no label is NaN. labels [n] or [n,1] or, for regression, [n,k].
  static StatusOr<Dataset> Create(std::string name, std::vector<Input> inputs,
                                  std::optional<Array> labels, std::optional<Array> groups,
                                  std::vector<File> files);

  const std::string& name() const { return name_; }
  int64_t rows() const { return rows_; }
  const std::vector<Input>& inputs() const { return inputs_; }
  bool has_labels() const { return labels_.has_value(); }
  bool has_groups() const { return !groups_.empty(); }
  const std::vector<int64_t>& groups() const { return groups_; }  // one value per row, or empty

  // Class labels of these rows: whole numbers >= 0 (stored as integers, or floats that are whole).
  // FailedPrecondition when there are no labels, InvalidArgument naming row and value otherwise.
  StatusOr<std::vector<int64_t>> ClassLabels(std::span<const int64_t> rows) const;
  // Regression targets of these rows, [rows.size(), k] f32.
  StatusOr<Array> Targets(std::span<const int64_t> rows) const;

  // Names the only input (an input called "" or, with one input, any name), so that Batch feeds it
  // under `input`. NotFound when a wanted name has no array; InvalidArgument when an array is left
  // over.
  Status BindInputs(const std::vector<std::string>& model_inputs);
  // From now on `input` is fed as `dtype`: the last step of its preprocessing.
  void FeedAs(const std::string& input, DType dtype);

  // Ready to feed, keyed by input name: arrays [row_numbers.size(), ...]. OutOfRange for a row that
  // is not there.
  StatusOr<std::map<std::string, Array>> Batch(std::span<const int64_t> row_numbers) const;
  StatusOr<FeedType> TypeOf(const Input& input) const;

  // SHA-256 over the stored bytes of one row of all inputs (dtype and row shape included, labels
  // not): equal digests are identical rows, also across data sets. One per row.
  const std::vector<Digest>& RowDigests() const;

  // What a record says: files (name, sha256), inputs (array, dtype, stored shape, preprocessing),
  // labels, the rows' number and digest, and `digest` over all of it. No row contents.
  Json Describe(std::span<const int64_t> rows) const;
  Digest SelectionDigest(std::span<const int64_t> rows) const;  // the `digest` of Describe

 private:
  std::string name_;
  int64_t rows_ = 0;
  std::vector<Input> inputs_;
  std::optional<Array> labels_;
  std::vector<int64_t> groups_;
  std::vector<File> files_;
  Digest labels_digest_{};
  mutable std::vector<Digest> row_digests_;
};

StatusOr<Dataset> LoadDataset(const DatasetSource& source, const DataLimits& limits = {});

// The `--data FILE.npz` form: arrays under input names (or `x` for the only input), labels under
// `y`. `input_arrays` maps input name -> array name, `labels_array` overrides `y`; labels may be
// absent. NotFound lists the arrays.
StatusOr<Dataset> LoadReadyNpz(const std::string& path,
                               const std::vector<std::string>& model_inputs,
                               const std::map<std::string, std::string>& input_arrays = {},
                               const std::string& labels_array = {}, const DataLimits& limits = {});

// Rows 0 .. n-1.
std::vector<int64_t> AllRows(int64_t n);
// SHA-256 of the row numbers (count, then each as int64).
Digest RowsDigest(std::span<const int64_t> rows);

// --- shape matching
// -------------------------------------------------------------------------------------------

// What a model input wants. dims[0] is the rows (fixed or symbolic); symbolic dimensions are -1
// with their name.
struct WantedInput {
  std::string name;
  std::string dtype;  // "f32", as DTypeName
  std::vector<int64_t> dims;
  std::vector<std::string>
      dim_names;  // same length or empty; "" prints N for the first dimension, ? elsewhere
  bool unknown_shape = false;  // no shape declared: only the dtype is compared
};

// OK when every bound input fits. Otherwise InvalidArgument, as
// `images: u8 [624,28,28], input "x" wants f32 [N,1,28,28]; try layout HW->NCHW, scale 1/255`.
Status CheckFeed(const Dataset& dataset, std::span<const WantedInput> wanted);

}  // namespace assize::data
