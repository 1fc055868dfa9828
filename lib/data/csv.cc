// A strict CSV reader. Tests: tests/data/csv_test.cc.
#include "lib/data/csv.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <set>

#include "lib/support/files.h"
#include "lib/support/sha256.h"
#include "lib/support/suggest.h"

namespace assize::data {
namespace {

// One pass over the text; a record is a vector of fields with the columns where they start.
class Reader {
 public:
  Reader(std::string_view text, const std::string& origin, const DataLimits& limits)
      : text_(text), origin_(origin), limits_(limits) {}

  bool AtEnd() const { return at_ == text_.size(); }
  int64_t line() const { return line_; }

  Status Record(std::vector<std::string>& fields, std::vector<int64_t>& columns) {
    fields.clear();
    columns.clear();
    for (;;) {
      if (static_cast<int64_t>(fields.size()) >= limits_.max_csv_columns) {
        return ResourceExhausted("{}:{}: more than {} fields (limit max_csv_columns)", origin_,
                                 line_, limits_.max_csv_columns);
      }
      columns.push_back(Column());
      std::string field;
      AZ_RETURN_IF_ERROR(Field(field));
      fields.push_back(std::move(field));
      if (AtEnd()) return OkStatus();
      const char c = text_[at_++];
      if (c == ',') continue;
      if (c == '\r') ++at_;  // Field stopped here only because a line feed follows
      ++line_;
      line_start_ = at_;
      return OkStatus();
    }
  }

 private:
  int64_t Column() const { return static_cast<int64_t>(at_ - line_start_) + 1; }
  Status Fail(const std::string& what) const {
    return InvalidArgument("{}:{}:{}: {}", origin_, line_, Column(), what);
  }
  bool AtLineEnd() const {
    return text_[at_] == '\n' ||
           (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n');
  }
  Status Append(std::string& field, char c) {
    if (static_cast<int64_t>(field.size()) >= limits_.max_csv_field_bytes) {
      return ResourceExhausted("{}:{}:{}: field longer than {} bytes (limit max_csv_field_bytes)",
                               origin_, line_, Column(), limits_.max_csv_field_bytes);
    }
    field += c;
    return OkStatus();
  }
  Status Field(std::string& field) {
    if (!AtEnd() && text_[at_] == '"') {
      ++at_;
      for (;;) {
        if (AtEnd()) return Fail("a quoted field is not closed");
        const char c = text_[at_];
        if (c == '\0') return Fail("a NUL byte: is this UTF-16 or a binary file?");
        if (c == '"') {
          ++at_;
          if (AtEnd() || text_[at_] != '"') break;
        }
        AZ_RETURN_IF_ERROR(Append(field, c));
        ++at_;
        if (c == '\n') {
          ++line_;
          line_start_ = at_;
        }
      }
      if (!AtEnd() && text_[at_] != ',' && !AtLineEnd()) {
        return Fail("text after a closing quote");
      }
      return OkStatus();
    }
    while (!AtEnd() && text_[at_] != ',' && !AtLineEnd()) {
      const char c = text_[at_];
      if (c == '"') return Fail("a quote inside an unquoted field");
      if (c == '\r') return Fail("a carriage return without a line feed");
      if (c == '\0') return Fail("a NUL byte: is this UTF-16 or a binary file?");
      AZ_RETURN_IF_ERROR(Append(field, c));
      ++at_;
    }
    return OkStatus();
  }

  std::string_view text_;
  const std::string& origin_;
  const DataLimits& limits_;
  size_t at_ = 0;
  size_t line_start_ = 0;
  int64_t line_ = 1;
};

// The whole field as a finite number; spaces around it are tolerated.
std::optional<double> ParseNumber(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (!text.empty() && text.front() == '+') {
    text.remove_prefix(1);
    if (!text.empty() && text.front() == '-') return std::nullopt;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() ||
      !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

StatusOr<CsvTable> CsvTable::Parse(std::string_view text, const std::string& origin,
                                   const DataLimits& limits) {
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
  if (text.substr(0, 2) == "\xff\xfe" || text.substr(0, 2) == "\xfe\xff") {
    return InvalidArgument("{}: UTF-16 text; save it as UTF-8", origin);
  }
  CsvTable table;
  table.origin_ = origin;
  Reader reader(text, table.origin_, limits);
  if (reader.AtEnd()) return InvalidArgument("{}: empty file, expected a header line", origin);
  std::vector<std::string> fields;
  std::vector<int64_t> starts;
  AZ_RETURN_IF_ERROR(reader.Record(fields, starts));
  std::set<std::string> seen;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].empty()) {
      return InvalidArgument("{}:1:{}: column {} has no name", origin, starts[i], i + 1);
    }
    if (!seen.insert(fields[i]).second) {
      return InvalidArgument("{}:1:{}: column \"{}\" occurs twice", origin, starts[i], fields[i]);
    }
  }
  table.columns_ = fields;
  while (!reader.AtEnd()) {
    const int64_t line = reader.line();
    AZ_RETURN_IF_ERROR(reader.Record(fields, starts));
    if (fields.size() != table.columns_.size()) {
      return InvalidArgument("{}:{}:{}: {} fields, expected {} as in the header", origin, line,
                             starts.back(), fields.size(), table.columns_.size());
    }
    table.lines_.push_back(line);
    for (size_t i = 0; i < fields.size(); ++i) {
      table.fields_.push_back(std::move(fields[i]));
      table.field_columns_.push_back(starts[i]);
    }
  }
  return table;
}

StatusOr<CsvTable> CsvTable::Read(const std::string& path, const DataLimits& limits) {
  AZ_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, limits.max_file_bytes));
  return Parse(text, path, limits);
}

StatusOr<int64_t> CsvTable::ColumnIndex(const std::string& name) const {
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i] == name) return static_cast<int64_t>(i);
  }
  return NotFound("{}: no column \"{}\"{}; it has {}", origin_, name, DidYouMean(name, columns_),
                  fmt::join(columns_, ", "));
}

const std::string& CsvTable::Field(int64_t row, int64_t column) const {
  return fields_[static_cast<size_t>(row) * columns_.size() + static_cast<size_t>(column)];
}

Status CsvTable::ErrorAt(int64_t row, int64_t column, const std::string& text) const {
  const size_t at = static_cast<size_t>(row) * columns_.size() + static_cast<size_t>(column);
  return InvalidArgument("{}:{}:{}: {}", origin_, lines_[static_cast<size_t>(row)],
                         field_columns_[at], text);
}

StatusOr<Array> CsvTable::Numbers(const std::vector<std::string>& columns) const {
  std::vector<int64_t> indices;
  for (const std::string& name : columns) {
    AZ_ASSIGN_OR_RETURN(const int64_t index, ColumnIndex(name));
    indices.push_back(index);
  }
  std::vector<float> values;
  values.reserve(static_cast<size_t>(rows()) * indices.size());
  for (int64_t row = 0; row < rows(); ++row) {
    for (const int64_t column : indices) {
      const std::optional<double> value = ParseNumber(Field(row, column));
      const float rounded = value ? static_cast<float>(*value) : 0.0f;
      if (!value || !std::isfinite(rounded)) {
        return ErrorAt(row, column,
                       fmt::format("column \"{}\": expected a finite number, found {}",
                                   columns_[static_cast<size_t>(column)],
                                   Field(row, column).empty()
                                       ? std::string("nothing")
                                       : fmt::format("\"{}\"", Field(row, column).substr(0, 40))));
      }
      values.push_back(rounded);
    }
  }
  return Array::Of<float>({rows(), static_cast<int64_t>(indices.size())}, values);
}

StatusOr<Array> CsvTable::Labels(const std::string& column) const {
  AZ_ASSIGN_OR_RETURN(const int64_t index, ColumnIndex(column));
  AZ_ASSIGN_OR_RETURN(const Array numbers, Numbers({column}));
  std::vector<int64_t> whole;
  for (int64_t row = 0; row < rows(); ++row) {
    const double value = *ParseNumber(Field(row, index));
    if (value != std::trunc(value) || std::abs(value) > 0x1p53) break;
    whole.push_back(static_cast<int64_t>(value));
  }
  if (static_cast<int64_t>(whole.size()) == rows()) return Array::Of<int64_t>({rows()}, whole);
  return Array::View(DType::kF32, {rows()}, numbers.bytes, numbers.owner);
}

StatusOr<Array> CsvTable::Groups(const std::string& column) const {
  AZ_ASSIGN_OR_RETURN(const int64_t index, ColumnIndex(column));
  std::vector<int64_t> groups;
  for (int64_t row = 0; row < rows(); ++row) {
    const Digest digest = Sha256(Field(row, index));
    uint64_t number = 0;
    for (size_t i = 0; i < 8; ++i) number = number << 8 | digest[i];
    groups.push_back(static_cast<int64_t>(number >> 1));
  }
  return Array::Of<int64_t>({rows()}, groups);
}

}  // namespace assize::data
