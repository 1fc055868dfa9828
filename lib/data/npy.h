// NumPy's array format (.npy, versions 1.0 to 3.0): reading with strict limits, writing with fixed
// bytes.
//
// Read: little or big endian (converted), C order or Fortran order (transposed); pickled objects,
// strings, records and complex numbers are refused. Format: NumPy's neps/nep-0001. Tests:
// tests/data/npy_test.cc.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/data/array.h"
#include "lib/data/limits.h"

namespace assize::data {

// Parses a whole .npy. `origin` names it in errors. The result views `bytes` where it can; `owner`
// keeps them alive.
StatusOr<Array> ParseNpy(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                         const std::string& origin, const DataLimits& limits = {});
StatusOr<Array> ReadNpy(const std::string& path, const DataLimits& limits = {});
// The same array gives the same bytes: version 1.0, header padded to 64 bytes as NumPy does.
std::string NpyHeader(const Array& array);
std::string NpyBytes(const Array& array);

}  // namespace assize::data
