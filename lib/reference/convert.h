// Elements in and out of tensors: numbers as double or int64, and cells of any type that are only
// moved.
//
// Every function is total over the numeric types (floats, integers, bool, the packed and small
// types), so a kernel cannot be made to crash by an element type. Writing rounds once.
// Tests: tests/reference/numbers_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/ir/tensor.h"

namespace assize::reference {

// True for types that Reals and Ints read: everything but strings and complex.
bool IsNumeric(ir::DType dtype);
bool IsUnsigned(ir::DType dtype);
// Least and greatest value of an integer type, as int64 (uint64's greatest is clamped to int64's).
int64_t LowestInt(ir::DType dtype);
int64_t HighestInt(ir::DType dtype);

// Elements as double; 64-bit integers round to nearest.
std::vector<double> Reals(const ir::Tensor& tensor);
// Elements as int64; uint64 keeps its bit pattern; floats truncate toward zero, saturating, NaN as
// 0.
std::vector<int64_t> Ints(const ir::Tensor& tensor);

// Rounds each value once to `dtype`: to nearest, ties to even. Integer types truncate toward zero
// and saturate; the 8-bit and smaller floats saturate when `saturate`.
ir::Tensor FromReals(ir::DType dtype, ir::Shape dims, std::span<const double> values,
                     bool saturate = true);
// Keeps the low bits of integer types (two's complement); floats round to nearest.
ir::Tensor FromInts(ir::DType dtype, ir::Shape dims, std::span<const int64_t> values);
ir::Tensor FromBools(ir::Shape dims, std::span<const uint8_t> values);

// Float nearest to `value` with the last bit made odd when inexact: rounding that to a shorter
// format equals rounding `value` once (Boldo and Melquiond 2008).
float RoundToOdd(double value);

// Reads cells of any type, packed ones included, without looking at them. The tensor must outlive
// the reader.
class CellReader {
 public:
  explicit CellReader(const ir::Tensor& tensor);
  ir::DType dtype() const { return dtype_; }

 private:
  friend class CellWriter;
  ir::DType dtype_;
  int64_t width_ = 0;
  const std::byte* base_ = nullptr;
  std::vector<std::byte> unpacked_;
  const std::vector<std::string>* strings_ = nullptr;
};

// Builds a tensor cell by cell; cells not written are zero (or the empty string).
class CellWriter {
 public:
  CellWriter(ir::DType dtype, int64_t count);
  void Copy(int64_t to, const CellReader& from, int64_t index);
  void CopyRun(int64_t to, const CellReader& from, int64_t index, int64_t count);
  ir::Tensor Finish(ir::Shape dims) &&;

 private:
  ir::DType dtype_;
  int64_t width_ = 0;
  std::vector<std::byte> cells_;
  std::vector<std::string> strings_;
};

// Tensor of shape `dims` whose element i is element index[i] of `source`; where index[i] < 0 it is
// `fill`'s only element, or zero when `fill` is null.
ir::Tensor Select(const ir::Tensor& source, ir::Shape dims, std::span<const int64_t> index,
                  const ir::Tensor* fill = nullptr);

}  // namespace assize::reference
