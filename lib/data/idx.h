// The IDX format of MNIST and its kin, plain or gzip: big-endian magic 0 0 type rank, dimensions,
// elements. Tests: tests/data/idx_test.cc.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "lib/data/array.h"
#include "lib/data/limits.h"

namespace assize::data {

StatusOr<Array> ParseIdx(std::span<const std::byte> bytes, const std::string& origin,
                         const DataLimits& limits = {});
// `path` may be gzip-compressed (by content, not by name).
StatusOr<Array> ReadIdx(const std::string& path, const DataLimits& limits = {});

}  // namespace assize::data
