// PassRecord: what one pass did, as evidence. The chain of records is the provenance of a model.
//
// Everything outside `measurements` is the same on every run of the same inputs. Tests:
// tests/pass/manager_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/support/json.h"
#include "lib/support/sha256.h"

namespace assize::pass {

// How a pass's promise was checked on the spot.
struct NumericCheck {
  std::string kind;  // "bitwise", "bounded", "none" (function changes: judged by criteria on data)
  std::string outcome;  // "passed", "mistrusted" (the run proves little), "skipped"
  std::string reason;   // why skipped or mistrusted
  double max_abs_difference = 0;
  double bound = 0;
};

struct PassRecord {
  std::string pass;    // flag, "fuse-conv-bn"
  std::string folder;  // the promise: simplify, fuse, prune, quantize, distill, check
  std::map<std::string, std::string> options;  // effective, every default written out
  uint64_t seed = 0;
  Digest input{}, output{};  // structural hashes
  bool changed = false;      // input != output, computed
  int64_t nodes_before = 0, nodes_after = 0;
  int64_t bytes_before = 0, bytes_after = 0;  // of initializers and constants
  std::map<std::string, int64_t>
      statistics;  // counters the pass names: "rewritten", "declined" ...
  NumericCheck check;
  Json facts = Json::object();  // what the pass reports for the record (digests, layer tables)
  struct Measurements {
    int64_t duration_us = 0;
    int64_t peak_bytes = 0;
  } measurements;

  Json ToJson() const;
};

Json RecordsToJson(const std::vector<PassRecord>& records);

}  // namespace assize::pass
