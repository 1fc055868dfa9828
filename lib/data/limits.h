// Limits on dataset files: every refusal names one of these. Tests: tests/data/npz_test.cc,
// csv_test.cc, idx_test.cc.
#pragma once

#include <cstdint>

namespace assize::data {

struct DataLimits {
  uint64_t max_file_bytes = uint64_t{4} << 30;      // a data file on disk
  uint64_t max_array_bytes = uint64_t{4} << 30;     // one array in memory
  uint64_t max_archive_bytes = uint64_t{16} << 30;  // sum of the declared sizes of an npz
  uint64_t max_npy_header_bytes = uint64_t{64} << 10;
  int64_t max_rank = 32;       // numpy's own bound
  int64_t max_members = 1000;  // arrays in an npz
  // Deflate reaches 1032:1 on constant bytes, and honest label arrays (sorted int64) come close:
  // the ratio binds only members that would unpack to more than this.
  uint64_t max_ratio = 200;
  uint64_t ratio_free_bytes = uint64_t{64} << 20;
  int64_t max_csv_field_bytes = 4096;
  int64_t max_csv_columns = 100'000;
};

}  // namespace assize::data
