// Loading, checking and batching of data sets. CheckFeed is in feed_check.cc. Tests:
// tests/data/dataset_test.cc.
#include "lib/data/dataset.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "lib/data/csv.h"
#include "lib/data/idx.h"
#include "lib/data/npy.h"
#include "lib/data/npz.h"
#include "lib/support/files.h"
#include "lib/support/parallel.h"
#include "lib/support/suggest.h"

namespace assize::data {
namespace {

Digest ArrayDigest(const Array& array) {
  Sha256Stream stream;
  stream.UpdateSized(array.ToString());
  stream.Update(array.bytes);
  return stream.Finish();
}

// Opens every file once and remembers its digest.
class Files {
 public:
  Files(const DataLimits& limits, const std::map<std::string, std::string>& pinned)
      : limits_(limits), pinned_(pinned) {}

  enum class Role { kInput, kLabels, kGroups };

  StatusOr<Array> Load(const ArraySource& source, Role role,
                       const std::vector<std::string>& other_columns) {
    AZ_ASSIGN_OR_RETURN(const std::string kind, KindOf(source.path));
    if (kind == "zip") {
      AZ_ASSIGN_OR_RETURN(const auto file, Npz(source.path));
      if (!source.array.empty()) return file->Read(source.array);
      if (file->names().size() == 1) return file->Read(file->names()[0]);
      return InvalidArgument("{}: which array? it holds {}", source.path,
                             fmt::join(file->names(), ", "));
    }
    if (kind == "csv") return LoadCsv(source, role, other_columns);
    if (!source.array.empty()) {
      return InvalidArgument("{}: holds one array without a name, \"{}\" was asked for",
                             source.path, source.array);
    }
    // Hashed and parsed from one map: the digest is that of the very bytes that are used.
    AZ_ASSIGN_OR_RETURN(auto file, MappedFile::Open(source.path, limits_.max_file_bytes));
    const std::span<const std::byte> bytes = file->bytes();
    AZ_RETURN_IF_ERROR(AddDigest(source.path, Sha256(bytes)));
    if (kind == "npy") return ParseNpy(bytes, std::move(file), source.path, limits_);
    return ParseIdx(bytes, source.path, limits_);
  }

  std::vector<Dataset::File> Digests() const {
    std::vector<Dataset::File> files;
    for (const auto& [path, digest] : digests_) files.push_back({BaseName(path), digest});
    std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) {
      return std::tie(a.name, a.digest) < std::tie(b.name, b.digest);
    });
    return files;
  }

 private:
  // By content; what is no known binary format is read as CSV when its name says so.
  StatusOr<std::string> KindOf(const std::string& path) const {
    AZ_ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path, limits_.max_file_bytes));
    const std::span<const std::byte> bytes = file->bytes();
    const std::string_view head(reinterpret_cast<const char*>(bytes.data()),
                                std::min<size_t>(bytes.size(), 8));
    if (head.substr(0, 4) == "PK\x03\x04" || head.substr(0, 4) == "PK\x05\x06") return "zip";
    if (head.substr(0, 6) == "\x93NUMPY") return "npy";
    if (head.substr(0, 2) == "\x1f\x8b") return "idx";
    if (head.size() >= 4 && head[0] == '\0' && head[1] == '\0') return "idx";
    const size_t dot = path.rfind('.');
    std::string suffix = dot == std::string::npos ? "" : path.substr(dot + 1);
    std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (suffix == "csv") return "csv";
    return InvalidArgument(
        "{}: not a data file we read: expected npz, npy, IDX (plain or gzip), or text named .csv",
        path);
  }

  StatusOr<std::shared_ptr<const NpzFile>> Npz(const std::string& path) {
    const auto found = npz_.find(path);
    if (found != npz_.end()) return found->second;
    AZ_ASSIGN_OR_RETURN(const auto file, NpzFile::Open(path, limits_));
    AZ_RETURN_IF_ERROR(AddDigest(path, file->digest()));
    npz_[path] = file;
    return file;
  }

  Status AddDigest(const std::string& path, const Digest& digest) {
    const auto pinned = pinned_.find(path);
    if (pinned != pinned_.end() && pinned->second != Hex(digest)) {
      return DataLoss("{}: its SHA-256 is not the pinned {}", path, pinned->second);
    }
    digests_[path] = digest;
    return OkStatus();
  }

  StatusOr<Array> LoadCsv(const ArraySource& source, Role role,
                          const std::vector<std::string>& other_columns) {
    if (!csv_.contains(source.path)) {
      AZ_ASSIGN_OR_RETURN(const std::string text, ReadFile(source.path, limits_.max_file_bytes));
      AZ_RETURN_IF_ERROR(AddDigest(source.path, Sha256(text)));
      AZ_ASSIGN_OR_RETURN(csv_[source.path], CsvTable::Parse(text, source.path, limits_));
    }
    const CsvTable& table = csv_[source.path];
    if (role == Role::kLabels) return table.Labels(source.array);
    if (role == Role::kGroups) return table.Groups(source.array);
    for (const std::string& name : source.skip) {
      AZ_RETURN_IF_ERROR(table.ColumnIndex(name).status());
    }
    std::vector<std::string> columns = source.columns;
    if (columns.empty() && source.array.empty()) {
      const auto among = [](const std::vector<std::string>& names, const std::string& name) {
        return std::find(names.begin(), names.end(), name) != names.end();
      };
      for (const std::string& name : table.columns()) {
        if (!among(other_columns, name) && !among(source.skip, name)) columns.push_back(name);
      }
    } else if (columns.empty()) {
      for (size_t start = 0; start <= source.array.size();) {
        const size_t end = std::min(source.array.find(',', start), source.array.size());
        std::string name = source.array.substr(start, end - start);
        name.erase(0, name.find_first_not_of(' '));
        name.erase(name.find_last_not_of(' ') + 1);
        columns.push_back(std::move(name));
        start = end + 1;
      }
    }
    if (columns.empty()) return InvalidArgument("{}: no input columns are left", source.path);
    return table.Numbers(columns);
  }

  const DataLimits& limits_;
  const std::map<std::string, std::string>& pinned_;
  std::map<std::string, std::shared_ptr<const NpzFile>> npz_;
  std::map<std::string, CsvTable> csv_;
  std::map<std::string, Digest> digests_;  // by path
};

std::string ArrayTitle(const ArraySource& source) {
  if (!source.array.empty()) return source.array;
  if (!source.columns.empty()) return fmt::format("{}", fmt::join(source.columns, ","));
  return BaseName(source.path);
}

}  // namespace

StatusOr<Dataset> Dataset::Create(std::string name, std::vector<Input> inputs,
                                  std::optional<Array> labels, std::optional<Array> groups,
                                  std::vector<File> files) {
  if (inputs.empty()) return InvalidArgument("data set \"{}\" has no inputs", name);
  Dataset set;
  set.name_ = std::move(name);
  set.files_ = std::move(files);
  std::set<std::string> names;
  for (const Input& input : inputs) {
    if (input.raw.shape.empty() || input.raw.rows() == 0) {
      return InvalidArgument("{}: {}: {} has no rows", set.name_, input.array,
                             input.raw.ToString());
    }
    if (!names.insert(input.input).second) {
      return InvalidArgument("{}: input \"{}\" is given twice", set.name_, input.input);
    }
    if (input.raw.rows() != inputs[0].raw.rows()) {
      return InvalidArgument("{}: {} has {} rows, {} has {}", set.name_, inputs[0].array,
                             inputs[0].raw.rows(), input.array, input.raw.rows());
    }
    StatusOr<FeedType> type =
        PreprocessedType(input.preprocessing, input.raw.dtype, input.raw.shape);
    if (!type.ok()) return Annotate(type.status(), set.name_ + ": " + input.array);
  }
  set.rows_ = inputs[0].raw.rows();
  set.inputs_ = std::move(inputs);
  if (labels) {
    if (labels->rows() != set.rows_) {
      return InvalidArgument("{}: {} rows of inputs ({}), but {} labels ({})", set.name_, set.rows_,
                             set.inputs_[0].array, labels->rows(), labels->ToString());
    }
    if (labels->shape.size() > 2) {
      return InvalidArgument("{}: labels are {}, expected [{}] or [{},k]", set.name_,
                             labels->ToString(), set.rows_, set.rows_);
    }
    const int64_t bad = FirstNonFinite(*labels);
    if (bad >= 0) {
      return InvalidArgument("{}: the label of row {} is {}", set.name_,
                             bad / labels->row_elements(), labels->ValueAt(bad));
    }
    set.labels_digest_ = ArrayDigest(*labels);
    set.labels_ = std::move(labels);
  }
  if (groups) {
    if (groups->rows() != set.rows_ || groups->row_elements() != 1 || IsFloat(groups->dtype)) {
      return InvalidArgument("{}: groups are {}, expected whole numbers [{}]", set.name_,
                             groups->ToString(), set.rows_);
    }
    AZ_ASSIGN_OR_RETURN(const Array whole, Cast(*groups, DType::kI64));
    const std::span<const int64_t> values = whole.As<int64_t>();
    set.groups_.assign(values.begin(), values.end());
  }
  return set;
}

StatusOr<std::vector<int64_t>> Dataset::ClassLabels(std::span<const int64_t> rows) const {
  if (!labels_) return FailedPrecondition("data set \"{}\" has no labels", name_);
  if (labels_->row_elements() != 1) {
    return InvalidArgument("{}: labels are {}: one class number per row is expected", name_,
                           labels_->ToString());
  }
  std::vector<int64_t> classes;
  classes.reserve(rows.size());
  for (const int64_t row : rows) {
    if (row < 0 || row >= rows_) return OutOfRange("{}: row {} of {}", name_, row, rows_);
    const double value = labels_->ValueAt(row);
    if (value < 0 || value != std::trunc(value) || value > 0x1p31) {
      return InvalidArgument("{}: the label of row {} is {}, expected a class number from 0 on",
                             name_, row, value);
    }
    classes.push_back(static_cast<int64_t>(value));
  }
  return classes;
}

StatusOr<Array> Dataset::Targets(std::span<const int64_t> rows) const {
  if (!labels_) return FailedPrecondition("data set \"{}\" has no labels", name_);
  AZ_ASSIGN_OR_RETURN(const Array taken, TakeRows(*labels_, rows));
  AZ_ASSIGN_OR_RETURN(const Array targets, Cast(taken, DType::kF32));
  return Array::View(DType::kF32, {taken.rows(), taken.row_elements()}, targets.bytes,
                     targets.owner);
}

Status Dataset::BindInputs(const std::vector<std::string>& model_inputs) {
  if (inputs_.size() == 1 && model_inputs.size() == 1 &&
      (inputs_[0].input.empty() || inputs_[0].input == "x")) {
    inputs_[0].input = model_inputs[0];
  }
  for (const Input& input : inputs_) {
    if (std::find(model_inputs.begin(), model_inputs.end(), input.input) == model_inputs.end()) {
      if (input.input.empty()) {
        return InvalidArgument("{}: which input does {} feed? the model has {}", name_, input.array,
                               fmt::join(model_inputs, ", "));
      }
      return InvalidArgument("{}: the model has no input \"{}\"{}; it has {}", name_, input.input,
                             DidYouMean(input.input, model_inputs), fmt::join(model_inputs, ", "));
    }
  }
  for (const std::string& wanted : model_inputs) {
    if (std::none_of(inputs_.begin(), inputs_.end(),
                     [&](const Input& input) { return input.input == wanted; })) {
      return NotFound("{}: no array for the model's input \"{}\"", name_, wanted);
    }
  }
  return OkStatus();
}

void Dataset::FeedAs(const std::string& input, DType dtype) {
  for (Input& each : inputs_) {
    if (each.input == input) each.preprocessing.dtype = dtype;
  }
}

StatusOr<std::map<std::string, Array>> Dataset::Batch(std::span<const int64_t> row_numbers) const {
  std::map<std::string, Array> batch;
  for (const Input& input : inputs_) {
    AZ_ASSIGN_OR_RETURN(batch[input.input],
                        ApplyPreprocessing(input.preprocessing, input.raw, row_numbers,
                                           name_ + ": " + input.array));
  }
  return batch;
}

StatusOr<FeedType> Dataset::TypeOf(const Input& input) const {
  return PreprocessedType(input.preprocessing, input.raw.dtype, input.raw.shape);
}

const std::vector<Digest>& Dataset::RowDigests() const {
  if (row_digests_.empty()) {
    std::vector<Digest> digests(static_cast<size_t>(rows_));
    ParallelFor(rows_, [&](int64_t row) {
      Sha256Stream stream;
      for (const Input& input : inputs_) {
        std::vector<int64_t> shape(input.raw.shape.begin() + 1, input.raw.shape.end());
        stream.UpdateSized(DTypeName(input.raw.dtype) + ShapeText(shape));
        stream.Update(input.raw.bytes.subspan(static_cast<size_t>(row) * input.raw.row_bytes(),
                                              input.raw.row_bytes()));
      }
      digests[static_cast<size_t>(row)] = stream.Finish();
    });
    row_digests_ = std::move(digests);
  }
  return row_digests_;
}

Json Dataset::Describe(std::span<const int64_t> rows) const {
  Json json = Json::object();
  Json files = Json::array();
  for (const File& file : files_) {
    files.push_back({{"name", file.name}, {"sha256", Hex(file.digest)}});
  }
  json["files"] = std::move(files);
  Json inputs = Json::array();
  for (const Input& input : inputs_) {
    inputs.push_back({{"input", input.input},
                      {"array", input.array},
                      {"dtype", DTypeName(input.raw.dtype)},
                      {"shape", input.raw.shape},
                      {"preprocessing", input.preprocessing.ToJson()}});
  }
  json["inputs"] = std::move(inputs);
  if (labels_) {
    json["labels"] = {{"dtype", DTypeName(labels_->dtype)},
                      {"shape", labels_->shape},
                      {"sha256", Hex(labels_digest_)}};
  }
  json["rows"] = {{"count", rows.size()}, {"sha256", Hex(RowsDigest(rows))}};
  json["digest"] = Hex(SelectionDigest(rows));
  return json;
}

Digest Dataset::SelectionDigest(std::span<const int64_t> rows) const {
  Sha256Stream stream;
  stream.UpdateSized("assize data selection 1");
  stream.UpdateInt(static_cast<int64_t>(files_.size()));
  for (const File& file : files_) stream.UpdateSized(Hex(file.digest));
  stream.UpdateInt(static_cast<int64_t>(inputs_.size()));
  for (const Input& input : inputs_) {
    stream.UpdateSized(input.input);
    stream.UpdateSized(input.array);
    stream.UpdateSized(input.raw.ToString());
    stream.UpdateSized(input.preprocessing.ToText());
  }
  stream.UpdateSized(labels_ ? Hex(labels_digest_) : "");
  stream.UpdateSized(Hex(RowsDigest(rows)));
  return stream.Finish();
}

StatusOr<Dataset> LoadDataset(const DatasetSource& source, const DataLimits& limits) {
  Files files(limits, source.sha256);
  // CSV columns that are labels or groups are not inputs.
  std::vector<std::string> other_columns;
  if (source.labels) other_columns.push_back(source.labels->array);
  if (source.groups) other_columns.push_back(source.groups->array);
  std::vector<Dataset::Input> inputs;
  for (const InputSource& input : source.inputs) {
    AZ_ASSIGN_OR_RETURN(Array raw, files.Load(input.source, Files::Role::kInput, other_columns));
    inputs.push_back({input.input, ArrayTitle(input.source), std::move(raw), input.preprocessing});
  }
  std::optional<Array> labels, groups;
  if (source.labels) {
    AZ_ASSIGN_OR_RETURN(labels, files.Load(*source.labels, Files::Role::kLabels, {}));
  }
  if (source.groups) {
    AZ_ASSIGN_OR_RETURN(groups, files.Load(*source.groups, Files::Role::kGroups, {}));
  }
  return Dataset::Create(source.name, std::move(inputs), std::move(labels), std::move(groups),
                         files.Digests());
}

StatusOr<Dataset> LoadReadyNpz(const std::string& path,
                               const std::vector<std::string>& model_inputs,
                               const std::map<std::string, std::string>& input_arrays,
                               const std::string& labels_array, const DataLimits& limits) {
  AZ_ASSIGN_OR_RETURN(const auto file, NpzFile::Open(path, limits));
  for (const auto& [input, array] : input_arrays) {
    if (std::find(model_inputs.begin(), model_inputs.end(), input) == model_inputs.end()) {
      return InvalidArgument("the model has no input \"{}\"{}; it has {}", input,
                             DidYouMean(input, model_inputs), fmt::join(model_inputs, ", "));
    }
  }
  std::vector<Dataset::Input> inputs;
  for (const std::string& input : model_inputs) {
    const auto mapped = input_arrays.find(input);
    std::string array = mapped != input_arrays.end() ? mapped->second : input;
    if (mapped == input_arrays.end() && !file->Has(array) && model_inputs.size() == 1 &&
        file->Has("x")) {
      array = "x";
    }
    if (!file->Has(array)) {
      return NotFound(
          "{}: no array \"{}\" for the model's input \"{}\"; it holds {} (--input NAME=ARRAY maps "
          "another name)",
          path, array, input, fmt::join(file->names(), ", "));
    }
    AZ_ASSIGN_OR_RETURN(Array raw, file->Read(array));
    inputs.push_back({input, array, std::move(raw), {}});
  }
  std::optional<Array> labels;
  if (!labels_array.empty() || file->Has("y")) {
    AZ_ASSIGN_OR_RETURN(labels, file->Read(labels_array.empty() ? "y" : labels_array));
  }
  return Dataset::Create(BaseName(path), std::move(inputs), std::move(labels), std::nullopt,
                         {{BaseName(path), file->digest()}});
}

std::vector<int64_t> AllRows(int64_t n) {
  std::vector<int64_t> rows(static_cast<size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

Digest RowsDigest(std::span<const int64_t> rows) {
  Sha256Stream stream;
  stream.UpdateInt(static_cast<int64_t>(rows.size()));
  for (const int64_t row : rows) stream.UpdateInt(row);
  return stream.Finish();
}

}  // namespace assize::data
