// Splits: disjoint row selections for calibration, tuning and evaluation.
//
// Rows with identical content, and rows of one declared group (one person), stay together. Draws
// are a partial Fisher-Yates shuffle of the groups by Philox, so a seed means the same rows
// everywhere. Rows of calibration or tuning whose content or group also occurs in evaluation are
// dropped from the former, counted and recorded. Tests: tests/data/splits_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/data/dataset.h"
#include "lib/support/json.h"

namespace assize::data {

struct SplitRequest {
  std::string name;  // "calibration", "tuning", "evaluation" (the one nothing may overlap)
  std::string from;  // data set name
  std::optional<int64_t> rows;  // draw at most so many, groups kept whole; absent: see MakeSplits
  uint64_t seed = 0;
  std::optional<std::vector<int64_t>> listed;  // exactly these rows, in this order
};

// Counts and digests only.
struct SplitRecord {
  std::string name;
  std::string from;
  std::string rule;   // "all", "rest", "drawn", "listed"
  int64_t asked = 0;  // rows wanted before dropping
  int64_t rows = 0;
  int64_t groups = 0;           // distinct groups of identical rows (or people) among them
  int64_t dropped_overlap = 0;  // rows dropped because they also occur in evaluation
  int64_t dropped_taken = 0;    // rows dropped because an earlier request has them
  uint64_t seed = 0;            // of a drawn split
  Digest selection{};           // Dataset::SelectionDigest of the rows
  Json ToJson() const;
};

struct Splits {
  std::map<std::string, std::vector<int64_t>> rows;  // by split name
  std::map<std::string, std::string> from;           // by split name
  std::vector<SplitRecord> records;                  // in request order
};

// A split without `rows` and without list takes all rows of `from`; evaluation takes the rest when
// calibration or tuning takes part of the same set by number or list. InvalidArgument: unknown set,
// row out of range or listed twice, fewer rows than asked, an empty split.
StatusOr<Splits> MakeSplits(const std::map<std::string, const Dataset*>& sets,
                            const std::vector<SplitRequest>& requests);

// Row numbers from a file: a JSON array, an object of arrays (`key` picks one), or one number per
// line.
StatusOr<std::vector<int64_t>> ReadRowList(const std::string& path, const std::string& key = {});

}  // namespace assize::data
