// CSV after RFC 4180 with a header line: comma, double-quote quoting, LF or CRLF, an optional UTF-8
// byte order mark.
//
// Every row has the header's number of fields; a number is a whole field, finite, in C notation (no
// locale, no thousands separators). Errors read file:line:column. Tests: tests/data/csv_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/data/array.h"
#include "lib/data/limits.h"

namespace assize::data {

class CsvTable {
 public:
  static StatusOr<CsvTable> Parse(std::string_view text, const std::string& origin,
                                  const DataLimits& limits = {});
  static StatusOr<CsvTable> Read(const std::string& path, const DataLimits& limits = {});

  const std::vector<std::string>& columns() const { return columns_; }
  int64_t rows() const { return static_cast<int64_t>(lines_.size()); }
  StatusOr<int64_t> ColumnIndex(const std::string& name) const;  // NotFound with the nearest name
  const std::string& Field(int64_t row, int64_t column) const;

  // f32 [rows, columns.size()]: each field read as double and rounded once.
  StatusOr<Array> Numbers(const std::vector<std::string>& columns) const;
  // i64 [rows] when every field is a whole number, otherwise f32 [rows].
  StatusOr<Array> Labels(const std::string& column) const;
  // i64 [rows]: equal text, equal number, in every file (the first 63 bits of the SHA-256 of the
  // text).
  StatusOr<Array> Groups(const std::string& column) const;

 private:
  Status ErrorAt(int64_t row, int64_t column, const std::string& text) const;
  std::string origin_;
  std::vector<std::string> columns_;
  std::vector<std::string> fields_;     // row-major
  std::vector<int64_t> field_columns_;  // 1-based column in the line where each field starts
  std::vector<int64_t> lines_;          // 1-based line of each row
};

}  // namespace assize::data
