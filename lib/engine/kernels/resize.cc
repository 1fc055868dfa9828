// Tests: tests/engine/resize_test.cc.
#include "lib/engine/kernels/resize.h"

#include <algorithm>
#include <cstring>

#include "lib/engine/kernels/simd.h"
#include "lib/engine/kernels/strided.h"
#include "lib/engine/kernels/vector_math.h"
#include "lib/support/parallel.h"

namespace assize::engine {
namespace {

using vec::D16;

// Elements quantized at a time, where they do not lie in runs.
constexpr int64_t kBlock = 256;
// Bytes that are worth waking a thread for.
constexpr int64_t kCopyGrain = 1 << 17;

// Lines of the source that make one row.
struct Lines {
  const int64_t* offset;
  const double* weight;
  int64_t count;
};

AZ_INLINE D16 Wide(const float* p, int64_t lanes) {
  return vec::Wide(vec::LoadUpTo(p, lanes, 0.0f));
}

// line = sum of weight * line of the source.
AZ_INLINE void CombineFloatsBody(const float* src, const Lines& lines, int64_t length,
                                 double* line) {
  for (int64_t i = 0; i < length; i += 16) {
    const int64_t lanes = length - i;
    D16 sum = Wide(src + lines.offset[0] + i, lanes) * lines.weight[0];
    for (int64_t t = 1; t < lines.count; ++t)
      sum += Wide(src + lines.offset[t] + i, lanes) * lines.weight[t];
    vec::StoreDoublesUpTo(line + i, sum, lanes);
  }
}
AZ_VARIANTS(CombineFloats, (const float* src, const Lines& lines, int64_t length, double* line),
            (src, lines, length, line))

AZ_INLINE D16 WideBytes(const ResizeBytes& b, const uint8_t* p, int64_t lanes) {
  // A signed byte with its highest bit turned is an unsigned one, 128 higher.
  const uint8_t flip = b.is_signed ? 0x80 : 0;
  const int32_t zero = b.zero_point + (b.is_signed ? 128 : 0);
  const vec::I16 q = __builtin_convertvector(vec::LoadBytesUpTo(p, lanes) ^ flip, vec::I16) - zero;
  return __builtin_convertvector(__builtin_convertvector(q, vec::F16) * b.scale, D16);
}
AZ_INLINE void CombineBytesBody(const ResizeBytes& b, const uint8_t* src, const Lines& lines,
                                int64_t length, double* line) {
  for (int64_t i = 0; i < length; i += 16) {
    const int64_t lanes = length - i;
    D16 sum = WideBytes(b, src + lines.offset[0] + i, lanes) * lines.weight[0];
    for (int64_t t = 1; t < lines.count; ++t)
      sum += WideBytes(b, src + lines.offset[t] + i, lanes) * lines.weight[t];
    vec::StoreDoublesUpTo(line + i, sum, lanes);
  }
}
AZ_VARIANTS(CombineBytes,
            (const ResizeBytes& b, const uint8_t* src, const Lines& lines, int64_t length,
             double* line),
            (b, src, lines, length, line))

// Positions [begin, end) of a row, from its line.
struct Stretch {
  const double* line;
  const int32_t* index;
  const double* weight;
  int64_t out, count, run, begin, end;
};

AZ_INLINE D16 Weighed(const Stretch& s, int64_t at, int64_t i, int64_t lanes) {
  D16 sum = vec::LoadDoublesUpTo(s.line + s.index[at] * s.run + i, lanes) * s.weight[at];
  for (int64_t k = 1; k < s.count; ++k) {
    const int64_t tap = k * s.out + at;
    sum += vec::LoadDoublesUpTo(s.line + s.index[tap] * s.run + i, lanes) * s.weight[tap];
  }
  return sum;
}
AZ_INLINE void RunsToFloatsBody(const Stretch& s, float* y) {
  for (int64_t at = s.begin; at < s.end; ++at, y += s.run) {
    for (int64_t i = 0; i < s.run; i += 16) {
      const D16 sum = Weighed(s, at, i, s.run - i);
      vec::StoreUpTo(y + i, vec::Narrow(sum), s.run - i);
    }
  }
}
AZ_VARIANTS(RunsToFloats, (const Stretch& s, float* y), (s, y))

AZ_INLINE void RunsToBytesBody(const Stretch& s, const simd::ByteGrid& grid, uint8_t* y) {
  for (int64_t at = s.begin; at < s.end; ++at, y += s.run) {
    for (int64_t i = 0; i < s.run; i += 16) {
      const D16 sum = Weighed(s, at, i, s.run - i);
      const vec::B16 bytes = vec::ToBytes(vec::Narrow(sum), grid);
      vec::StoreBytesUpTo(y + i, bytes, s.run - i);
    }
  }
}
AZ_VARIANTS(RunsToBytes, (const Stretch& s, const simd::ByteGrid& grid, uint8_t* y), (s, grid, y))

// The same where a run is one element.
AZ_INLINE void OnesToFloatsBody(const Stretch& s, float* y) {
  const double* line = s.line;
  const int64_t width = s.end - s.begin;
  const int32_t* index = s.index + s.begin;
  const double* weight = s.weight + s.begin;
  if (s.count == 2) {
    const int32_t* index2 = index + s.out;
    const double* weight2 = weight + s.out;
    for (int64_t i = 0; i < width; ++i)
      y[i] = static_cast<float>(line[index[i]] * weight[i] + line[index2[i]] * weight2[i]);
    return;
  }
  for (int64_t i = 0; i < width; ++i) {
    double sum = line[index[i]] * weight[i];
    for (int64_t k = 1; k < s.count; ++k) sum += line[index[k * s.out + i]] * weight[k * s.out + i];
    y[i] = static_cast<float>(sum);
  }
}
AZ_VARIANTS(OnesToFloats, (const Stretch& s, float* y), (s, y))

void StretchToFloats(const Stretch& s, float* y) {
  return s.run == 1 ? OnesToFloats(s, y) : RunsToFloats(s, y);
}
void StretchToBytes(const Stretch& s, const simd::ByteGrid& grid, uint8_t* y) {
  if (s.run != 1) return RunsToBytes(s, grid, y);
  float values[kBlock];
  for (Stretch part = s; part.begin < s.end; part.begin = part.end) {
    part.end = std::min(s.end, part.begin + kBlock);
    const int64_t count = part.end - part.begin;
    OnesToFloats(part, values);
    simd::Quantize(values, y + (part.begin - s.begin), count, grid.scale, grid.low, grid.high,
                   grid.zero);
  }
}

// The lines of rows, one row after the other.
class RowLines {
 public:
  explicit RowLines(const ResizePlan& plan) : plan_(plan) {
    const size_t most = static_cast<size_t>(plan.combined());
    for (auto* list : {&offset_, &next_offset_}) list->reserve(most);
    for (auto* list : {&weight_, &next_weight_}) list->reserve(most);
  }
  // False when the row lies outside of the input.
  bool Seek(int64_t row) {
    offset_.assign(1, 0);
    weight_.assign(1, 1.0);
    int64_t below = plan_.rows();
    for (const ResizePlan::Dim& dim : plan_.outer) {
      below /= dim.out;
      const int64_t at = row / below % dim.out;
      if (dim.taps.count == 0) {
        for (int64_t& offset : offset_) offset += at * dim.src_stride;
        continue;
      }
      if (dim.taps.outside[static_cast<size_t>(at)] != 0) return false;
      next_offset_.clear(), next_weight_.clear();
      for (size_t i = 0; i < offset_.size(); ++i) {
        for (int64_t k = 0; k < dim.taps.count; ++k) {
          const size_t tap = static_cast<size_t>(k * dim.taps.out + at);
          next_offset_.push_back(offset_[i] + dim.taps.index[tap] * dim.src_stride);
          next_weight_.push_back(weight_[i] * dim.taps.weight[tap]);
        }
      }
      offset_.swap(next_offset_), weight_.swap(next_weight_);
    }
    return true;
  }
  Lines lines() const {
    return {offset_.data(), weight_.data(), static_cast<int64_t>(offset_.size())};
  }

 private:
  const ResizePlan& plan_;
  std::vector<int64_t> offset_, next_offset_;
  std::vector<double> weight_, next_weight_;
};

// Rows and parts of rows of the positions [begin, end).
template <typename Body>
void ForRows(const ResizePlan& plan, int64_t begin, int64_t end, const Body& body) {
  const int64_t width = plan.last.out;
  while (begin < end) {
    const int64_t row = begin / width, first = begin - row * width;
    const int64_t past = std::min(width, first + end - begin);
    body(row, first, past);
    begin += past - first;
  }
}

// The taps of a last dim that there is none of: its only element.
const int32_t kFirst = 0;
const double kOne = 1;

template <typename T, typename Combine, typename Finish>
void ResizeWith(const ResizePlan& plan, T fill, const T* src, T* dst, double* scratch,
                int64_t pieces, const Combine& combine, const Finish& finish) {
  const int64_t total = plan.positions(), length = plan.line();
  const bool has_last = plan.last.count > 0;
  ParallelFor(pieces, [&](int64_t piece) {
    double* line = scratch + piece * ResizeScratch(plan);
    RowLines rows(plan);
    ForRows(plan, total * piece / pieces, total * (piece + 1) / pieces,
            [&](int64_t row, int64_t first, int64_t past) {
              T* y = dst + (row * plan.last.out + first) * plan.run;
              if (!rows.Seek(row)) {
                std::fill(y, y + (past - first) * plan.run, fill);
                return;
              }
              combine(src, rows.lines(), length, line);
              finish(Stretch{line, has_last ? plan.last.index.data() : &kFirst,
                             has_last ? plan.last.weight.data() : &kOne, plan.last.out,
                             has_last ? plan.last.count : 1, plan.run, first, past},
                     y);
              for (int64_t at = first; plan.last.any_outside && at < past; ++at) {
                if (plan.last.outside[static_cast<size_t>(at)] != 0)
                  std::fill_n(y + (at - first) * plan.run, plan.run, fill);
              }
            });
  });
}

template <size_t kBytes>
void PickElements(const std::byte* src, const int32_t* index, int64_t count, std::byte* dst) {
  for (int64_t i = 0; i < count; ++i)
    std::memcpy(dst + i * static_cast<int64_t>(kBytes),
                src + index[i] * static_cast<int64_t>(kBytes), kBytes);
}

// Positions whose runs are `bytes` long.
void Pick(const std::byte* src, const int32_t* index, int64_t count, int64_t bytes,
          std::byte* dst) {
  if (bytes == 1) return PickElements<1>(src, index, count, dst);
  if (bytes == 2) return PickElements<2>(src, index, count, dst);
  if (bytes == 4) return PickElements<4>(src, index, count, dst);
  if (bytes == 8) return PickElements<8>(src, index, count, dst);
  if (bytes == 16) return PickElements<16>(src, index, count, dst);
  if (bytes == 32) return PickElements<32>(src, index, count, dst);
  if (bytes == 64) return PickElements<64>(src, index, count, dst);
  for (int64_t i = 0; i < count; ++i)
    std::memcpy(dst + i * bytes, src + index[i] * bytes, static_cast<size_t>(bytes));
}

}  // namespace

int64_t ResizePlan::rows() const {
  int64_t rows = 1;
  for (const Dim& dim : outer) rows *= dim.out;
  return rows;
}

int64_t ResizePlan::combined() const {
  int64_t lines = 1;
  for (const Dim& dim : outer) lines *= std::max<int64_t>(1, dim.taps.count);
  return lines;
}

int64_t ResizeScratch(const ResizePlan& plan) { return (plan.line() + 15) / 16 * 16; }

void ResizeFloats(const ResizePlan& plan, float fill, const float* src, float* dst, double* scratch,
                  int64_t pieces) {
  ResizeWith(plan, fill, src, dst, scratch, pieces, CombineFloats, StretchToFloats);
}

void ResizeQuantized(const ResizePlan& plan, const ResizeBytes& bytes, const uint8_t* src,
                     uint8_t* dst, double* scratch, int64_t pieces) {
  ResizeWith(
      plan, bytes.fill, src, dst, scratch, pieces,
      [&](const uint8_t* from, const Lines& lines, int64_t length, double* line) {
        CombineBytes(bytes, from, lines, length, line);
      },
      [&](const Stretch& s, uint8_t* y) { StretchToBytes(s, bytes.grid, y); });
}

void ResizeNearest(const ResizePlan& plan, int64_t element_bytes, const std::byte* fill,
                   const std::byte* src, std::byte* dst) {
  const int64_t run = plan.run * element_bytes, width = plan.last.out;
  ParallelRanges(plan.positions(), kCopyGrain / run + 1, [&](int64_t begin, int64_t end) {
    RowLines rows(plan);
    int64_t copied = -1;  // offset of the row of the source that the row before is made of
    ForRows(plan, begin, end, [&](int64_t row, int64_t first, int64_t past) {
      std::byte* y = dst + (row * width + first) * run;
      if (!rows.Seek(row)) {
        FillElements(y, (past - first) * plan.run, fill, element_bytes);
        copied = -1;
        return;
      }
      const int64_t offset = rows.lines().offset[0];
      const std::byte* x = src + offset * element_bytes;
      if (offset == copied) {  // the row before, which is whole
        std::memcpy(y, y - width * run, static_cast<size_t>((past - first) * run));
        return;
      }
      if (plan.last.count == 0) {
        std::memcpy(y, x, static_cast<size_t>(run));
      } else {
        Pick(x, plan.last.index.data() + first, past - first, run, y);
        for (int64_t at = first; plan.last.any_outside && at < past; ++at) {
          if (plan.last.outside[static_cast<size_t>(at)] != 0)
            FillElements(y + (at - first) * run, plan.run, fill, element_bytes);
        }
      }
      copied = first == 0 ? offset : -1;
    });
  });
}

}  // namespace assize::engine
