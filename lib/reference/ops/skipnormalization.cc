// com.microsoft SkipLayerNormalization, SkipSimplifiedLayerNormalization, EmbedLayerNormalization,
// and SimplifiedLayerNormalization: layer norms fused with what stands before them.
//
//   layer       (s - mean) / sqrt(variance + epsilon) * gamma + beta     over the last dim
//   simplified  s / sqrt(mean of squares + epsilon) * gamma
// where s is input + skip + bias, or the sum of the embeddings. In double, rounded once.
// Source  Ba et al. 2016; Zhang and Sennrich 2019.        Tests  tests/conformance/.
#include <cmath>

#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

// Rows of `width` elements, normalized in place.
struct Statistics {
  std::vector<double> mean, inverse;  // one a row; the inverse of the standard deviation
};

Statistics Normalize(std::vector<double>& rows, int64_t width, bool simplified, double epsilon,
                     const std::vector<double>& gamma, const std::vector<double>& beta) {
  Statistics out;
  const auto size = static_cast<size_t>(width);
  for (size_t at = 0; size > 0 && at < rows.size(); at += size) {
    double* row = rows.data() + at;
    double mean = 0, spread = 0;
    for (size_t i = 0; i < size && !simplified; ++i) mean += row[i];
    mean /= static_cast<double>(size);
    for (size_t i = 0; i < size; ++i) spread += (row[i] - mean) * (row[i] - mean);
    const double inverse = 1 / std::sqrt(spread / static_cast<double>(size) + epsilon);
    for (size_t i = 0; i < size; ++i)
      row[i] = (row[i] - mean) * inverse * gamma[i] + (beta.empty() ? 0 : beta[i]);
    out.mean.push_back(mean);
    out.inverse.push_back(inverse);
  }
  return out;
}

StatusOr<std::vector<double>> Vector(const OpContext& ctx, size_t i, int64_t width,
                                     std::string_view what) {
  if (!ctx.has(i)) return std::vector<double>();
  if (ctx.in(i).dims() != ir::Shape{width})
    return InvalidArgument("{} is {}, expected [{}]", what, ctx.in(i).TypeText(), width);
  return Reals(ctx.in(i));
}

// input, skip, gamma, (beta,) bias -> y, mean, inverse standard deviation, sum.
template <bool simplified>
Status SkipNormalization(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  AZ_RETURN_IF_ERROR(ctx.SameType(0, 1));
  const ir::Tensor &x = ctx.in(0), &skip = ctx.in(1);
  if (x.rank() < 2 || !BroadcastsTo(skip.dims(), x.dims()) || skip.rank() < 2) {
    return InvalidArgument("input is {} and skip is {}, expected [B, S, H] or [S, H]", x.TypeText(),
                           skip.TypeText());
  }
  const int64_t width = x.dims().back();
  AZ_ASSIGN_OR_RETURN(const std::vector<double> gamma, Vector(ctx, 2, width, "gamma"));
  std::vector<double> beta;
  if (!simplified) {
    AZ_ASSIGN_OR_RETURN(beta, Vector(ctx, 3, width, "beta"));
  }
  AZ_ASSIGN_OR_RETURN(const std::vector<double> bias,
                      Vector(ctx, simplified ? 3 : 4, width, "bias"));
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  const BroadcastMap at(skip.dims(), x.dims());
  std::vector<double> y = Reals(x);
  const std::vector<double> skipped = Reals(skip);
  for (size_t i = 0; i < y.size(); ++i) {
    y[i] += skipped[static_cast<size_t>(at(static_cast<int64_t>(i)))] +
            (bias.empty() ? 0 : bias[i % bias.size()]);
  }
  if (ctx.wants(3)) ctx.Set(3, FromReals(x.dtype(), x.dims(), y));
  const Statistics s = Normalize(y, width, simplified, ctx.Float("epsilon", 1e-12f), gamma, beta);
  ctx.Set(0, FromReals(x.dtype(), x.dims(), y));
  ir::Shape rows = x.dims();
  rows.back() = 1;
  if (ctx.wants(1)) ctx.Set(1, FromReals(ir::DType::kFloat, rows, s.mean));
  if (ctx.wants(2)) ctx.Set(2, FromReals(ir::DType::kFloat, rows, s.inverse));
  return OkStatus();
}

// x, scale -> y, inverse; over the dims from `axis` on.
Status SimplifiedLayerNormalization(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const int64_t axis, ctx.Axis(ctx.Int("axis", -1), x.rank()));
  const int64_t width = Product(x.dims(), static_cast<size_t>(axis), x.dims().size());
  if (ctx.in(1).element_count() != width) {
    return InvalidArgument("scale is {}, expected {} elements", ctx.in(1).TypeText(), width);
  }
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), x.dims()).status());
  std::vector<double> y = Reals(x);
  const Statistics s = Normalize(y, width, true, ctx.Float("epsilon", 1e-5f), Reals(ctx.in(1)), {});
  ctx.Set(0, FromReals(ctx.in(1).dtype(), x.dims(), y));
  ir::Shape rows = x.dims();
  for (size_t d = static_cast<size_t>(axis); d < rows.size(); ++d) rows[d] = 1;
  const ir::DType stash = x.dtype() == ir::DType::kDouble ? ir::DType::kDouble : ir::DType::kFloat;
  if (ctx.wants(1)) ctx.Set(1, FromReals(stash, rows, s.inverse));
  return OkStatus();
}

// Adds row ids[i] of table [M, width] to row i of `sum`.
Status AddRows(const OpContext& ctx, const std::vector<int64_t>& ids, size_t table_input,
               std::string_view what, int64_t width, std::vector<double>& sum) {
  const ir::Tensor& table = ctx.in(table_input);
  if (table.rank() != 2 || table.dims()[1] != width)
    return InvalidArgument("{} is {}, expected [M, {}]", what, table.TypeText(), width);
  const std::vector<double> rows = Reals(table);
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= table.dims()[0])
      return OutOfRange("{}: row {} of a table of {}", what, ids[i], table.dims()[0]);
    for (int64_t k = 0; k < width; ++k)
      sum[i * static_cast<size_t>(width) + static_cast<size_t>(k)] +=
          rows[static_cast<size_t>(ids[i] * width + k)];
  }
  return OkStatus();
}

// input_ids, segment_ids, word, position and segment embeddings, gamma, beta, mask, position_ids ->
// y, mask_index (ones of each mask row, 0 without a mask), sum of the embeddings.
Status EmbedLayerNormalization(OpContext& ctx) {
  const ir::Tensor& ids = ctx.in(0);
  AZ_RETURN_IF_ERROR(NeedInputs(ctx, {0, 2, 3, 5, 6}));
  if (ids.rank() != 2 || ctx.in(2).rank() != 2)
    return InvalidArgument("input_ids is {} and word_embedding is {}, expected [B, S] and [M, H]",
                           ids.TypeText(), ctx.in(2).TypeText());
  const int64_t batch = ids.dims()[0], length = ids.dims()[1], width = ctx.in(2).dims()[1];
  const ir::Shape dims{batch, length, width};
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(ctx.in(2).dtype(), dims));
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> words, ctx.IntsIn(0, "input_ids"));
  std::vector<int64_t> positions;
  if (ctx.has(8)) {
    const ir::Shape& given = ctx.in(8).dims();
    if (given != ids.dims() && given != ir::Shape{1, length})
      return InvalidArgument("position_ids is {}, expected [{}, {}]", ctx.in(8).TypeText(), batch,
                             length);
    AZ_ASSIGN_OR_RETURN(positions, ctx.IntsIn(8, "position_ids"));
  } else {
    for (int64_t s = 0; s < length; ++s) positions.push_back(s);
  }
  while (positions.size() < words.size() && !positions.empty())
    positions.push_back(positions[positions.size() - static_cast<size_t>(length)]);
  std::vector<double> y(static_cast<size_t>(count));
  AZ_RETURN_IF_ERROR(AddRows(ctx, words, 2, "word_embedding", width, y));
  if (!words.empty()) {
    AZ_RETURN_IF_ERROR(AddRows(ctx, positions, 3, "position_embedding", width, y));
  }
  if (ctx.has(1) != ctx.has(4))
    return InvalidArgument("segment_ids and segment_embedding are given one without the other");
  if (ctx.has(1)) {
    if (ctx.in(1).dims() != ids.dims())
      return InvalidArgument("segment_ids is {}, input_ids is {}", ctx.in(1).TypeText(),
                             ids.TypeText());
    AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> segments, ctx.IntsIn(1, "segment_ids"));
    AZ_RETURN_IF_ERROR(AddRows(ctx, segments, 4, "segment_embedding", width, y));
  }
  AZ_ASSIGN_OR_RETURN(const std::vector<double> gamma, Vector(ctx, 5, width, "gamma"));
  AZ_ASSIGN_OR_RETURN(const std::vector<double> beta, Vector(ctx, 6, width, "beta"));
  if (ctx.wants(2)) ctx.Set(2, FromReals(ctx.in(2).dtype(), dims, y));
  Normalize(y, width, false, ctx.Float("epsilon", 1e-12f), gamma, beta);
  ctx.Set(0, FromReals(ctx.in(2).dtype(), dims, y));
  std::vector<int64_t> index(static_cast<size_t>(batch));
  if (ctx.has(7)) {
    if (ctx.in(7).dims() != ids.dims())
      return InvalidArgument("mask is {}, input_ids is {}", ctx.in(7).TypeText(), ids.TypeText());
    AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> mask, ctx.IntsIn(7, "mask"));
    for (size_t i = 0; i < mask.size(); ++i) index[i / static_cast<size_t>(length)] += mask[i] == 1;
  }
  if (ctx.wants(1)) ctx.Set(1, FromInts(ir::DType::kInt32, {batch}, index));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"SimplifiedLayerNormalization", 1, SimplifiedLayerNormalization, 2, 2},
    {"SkipLayerNormalization", 1, SkipNormalization<false>, 3, 5, Takes::kNumeric,
     kMicrosoftDomain},
    {"SkipSimplifiedLayerNormalization", 1, SkipNormalization<true>, 3, 4, Takes::kNumeric,
     kMicrosoftDomain},
    {"EmbedLayerNormalization", 1, EmbedLayerNormalization, 1, 9, Takes::kNumeric,
     kMicrosoftDomain},
};

}  // namespace

KernelRows SkipNormalizationRows() { return kRows; }

}  // namespace assize::reference
