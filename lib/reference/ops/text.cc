// StringConcat, StringSplit, StringNormalizer, RegexFullMatch, TfIdfVectorizer.
//
// Strings are bytes of UTF-8. Case changes touch ASCII letters only, whatever the locale, so a
// result does not depend on the machine.
// Tests: tests/reference/numbers_test.cc, tests/conformance/.
#include <algorithm>
#include <map>

#include "lib/reference/ops/common.h"
#include "lib/reference/regex.h"

namespace assize::reference {
namespace {

Status NeedStrings(const OpContext& ctx, size_t i) {
  if (ctx.in(i).dtype() == ir::DType::kString) return OkStatus();
  return InvalidArgument("input {} is {}, expected strings", i, ctx.in(i).TypeText());
}

Status StringConcat(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedStrings(ctx, 0));
  AZ_RETURN_IF_ERROR(NeedStrings(ctx, 1));
  AZ_ASSIGN_OR_RETURN(const ir::Shape dims, BroadcastShapes(ctx.in(0).dims(), ctx.in(1).dims()));
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(ir::DType::kString, dims));
  const BroadcastMap a(ctx.in(0).dims(), dims), b(ctx.in(1).dims(), dims);
  std::vector<std::string> out;
  int64_t bytes = 0;
  for (int64_t i = 0; i < count; ++i) {
    out.push_back(ctx.in(0).strings()[static_cast<size_t>(a(i))] +
                  ctx.in(1).strings()[static_cast<size_t>(b(i))]);
    bytes += static_cast<int64_t>(out.back().size());
    AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kUint8, {bytes / 8}).status());
  }
  ctx.Set(0, ir::Tensor::Strings(dims, std::move(out)));
  return OkStatus();
}

std::vector<std::string> SplitAt(const std::string& text, const std::string& delimiter,
                                 int64_t most) {
  std::vector<std::string> parts;
  size_t at = 0;
  const auto full = [&] { return most >= 0 && static_cast<int64_t>(parts.size()) >= most; };
  if (!delimiter.empty()) {
    for (size_t found; !full() && (found = text.find(delimiter, at)) != std::string::npos;
         at = found + delimiter.size()) {
      parts.push_back(text.substr(at, found - at));
    }
    parts.push_back(text.substr(at));
    return parts;
  }
  constexpr const char* kSpace = " \t\n\r\f\v";
  while ((at = text.find_first_not_of(kSpace, at)) != std::string::npos) {
    if (full()) {
      parts.push_back(text.substr(at, text.find_last_not_of(kSpace) + 1 - at));
      break;
    }
    const size_t end = std::min(text.find_first_of(kSpace, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end;
  }
  return parts;
}

Status StringSplit(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedStrings(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  const std::string delimiter = ctx.String("delimiter", "");
  const int64_t most = ctx.Int("maxsplit", -1);
  std::vector<std::vector<std::string>> split;
  size_t widest = 0;
  std::vector<int64_t> counts;
  for (const std::string& text : x.strings()) {
    split.push_back(SplitAt(text, delimiter, most));
    widest = std::max(widest, split.back().size());
    counts.push_back(static_cast<int64_t>(split.back().size()));
  }
  ir::Shape dims = x.dims();
  dims.push_back(static_cast<int64_t>(widest));
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kString, dims).status());
  std::vector<std::string> out;
  for (std::vector<std::string>& parts : split) {
    parts.resize(widest);
    for (std::string& part : parts) out.push_back(std::move(part));
  }
  ctx.Set(0, ir::Tensor::Strings(dims, std::move(out)));
  ctx.Set(1, ir::Tensor::Of<int64_t>(x.dims(), counts));
  return OkStatus();
}

std::string Cased(std::string text, bool upper) {
  for (char& c : text) {
    if (upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (!upper && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// Drops stop words, then changes case; an empty result is one empty string.
Status StringNormalizer(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedStrings(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  if (x.rank() < 1 || x.rank() > 2 || (x.rank() == 2 && x.dims()[0] != 1)) {
    return InvalidArgument("x is {}, expected [C] or [1, C]", x.TypeText());
  }
  const std::string action = ctx.String("case_change_action", "NONE");
  if (action != "NONE" && action != "UPPER" && action != "LOWER") {
    return InvalidArgument(
        "attribute \"case_change_action\" is \"{}\", expected NONE, UPPER or LOWER", action);
  }
  const bool sensitive = ctx.Int("is_case_sensitive", 0) != 0;
  const auto key = [&](const std::string& text) { return sensitive ? text : Cased(text, false); };
  std::vector<std::string> stops;
  for (const std::string& stop : ctx.Strings("stopwords")) stops.push_back(key(stop));
  std::vector<std::string> out;
  for (const std::string& text : x.strings()) {
    if (std::find(stops.begin(), stops.end(), key(text)) != stops.end()) continue;
    out.push_back(action == "NONE" ? text : Cased(text, action == "UPPER"));
  }
  if (out.empty()) out.emplace_back();
  ir::Shape dims = x.dims();
  dims.back() = static_cast<int64_t>(out.size());
  ctx.Set(0, ir::Tensor::Strings(dims, std::move(out)));
  return OkStatus();
}

Status RegexFullMatch(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedStrings(ctx, 0));
  AZ_ASSIGN_OR_RETURN(const Regex regex, Regex::Compile(ctx.String("pattern", "")));
  std::vector<uint8_t> out;
  for (const std::string& text : ctx.in(0).strings()) out.push_back(regex.FullMatch(text));
  ctx.Set(0, FromBools(ctx.in(0).dims(), out));
  return OkStatus();
}

// The pool lists n-grams by length; ngram_counts says where each length starts.
template <typename T>
Status CountGrams(OpContext& ctx, const std::vector<T>& words, const std::vector<T>& pool) {
  const ir::Tensor& x = ctx.in(0);
  const std::vector<int64_t> starts = ctx.Ints("ngram_counts"), indexes = ctx.Ints("ngram_indexes");
  const std::vector<double> weights = ctx.Floats("weights");
  const int64_t shortest = ctx.Int("min_gram_length", 1), longest = ctx.Int("max_gram_length", 1);
  const int64_t skips = ctx.Int("max_skip_count", 0);
  const std::string mode = ctx.String("mode", "TF");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF")
    return InvalidArgument("attribute \"mode\" is \"{}\"", mode);
  if (x.rank() > 2 || shortest < 1 || longest < shortest || skips < 0 || indexes.empty()) {
    return InvalidArgument("x {}, grams of {} to {}, {} skips, {} indexes", x.TypeText(), shortest,
                           longest, skips, indexes.size());
  }
  std::map<std::vector<T>, size_t> grams;
  size_t id = 0;
  for (size_t n = 0; n < starts.size(); ++n) {
    const int64_t end = n + 1 < starts.size() ? starts[n + 1] : static_cast<int64_t>(pool.size());
    if (starts[n] < 0 || end < starts[n] || end > static_cast<int64_t>(pool.size())) {
      return InvalidArgument("ngram_counts {} of a pool of {}", ir::ShapeText(starts), pool.size());
    }
    const auto length = static_cast<int64_t>(n + 1);
    for (int64_t at = starts[n]; at + length <= end; at += length) {
      if (length >= shortest && length <= longest) {
        grams.emplace(std::vector<T>(pool.begin() + at, pool.begin() + at + length), id);
      }
      ++id;
    }
  }
  if (id > indexes.size()) return InvalidArgument("{} grams for {} indexes", id, indexes.size());
  const int64_t width = *std::max_element(indexes.begin(), indexes.end()) + 1;
  if (*std::min_element(indexes.begin(), indexes.end()) < 0)
    return InvalidArgument("an ngram index is negative");
  ir::Shape dims = x.rank() == 2 ? ir::Shape{x.dims()[0], width} : ir::Shape{width};
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(ir::DType::kFloat, dims));
  std::vector<double> out(static_cast<size_t>(count));
  const int64_t rows = x.rank() == 2 ? x.dims()[0] : 1,
                row_size = rows == 0 ? 0 : x.element_count() / rows;
  for (int64_t row = 0; row < rows; ++row) {
    const auto first = words.begin() + row * row_size;
    for (int64_t distance = 1; distance <= std::min(skips + 1, std::max<int64_t>(row_size, 1));
         ++distance) {
      for (int64_t start = 0; start < row_size; ++start) {
        std::vector<T> gram;
        for (int64_t at = start; at < row_size && static_cast<int64_t>(gram.size()) < longest;
             at += distance) {
          gram.push_back(*(first + at));
          // Single words have no distance: they count once.
          if (gram.size() == 1 && distance > 1) continue;
          if (const auto found = grams.find(gram); found != grams.end()) {
            out[static_cast<size_t>(row * width + indexes[found->second])] += 1;
          }
        }
      }
    }
  }
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t column = i % static_cast<size_t>(width);
    const double weight = column < weights.size() ? weights[column] : 1;
    if (mode == "IDF") out[i] = out[i] > 0 ? weight : 0;
    if (mode == "TFIDF") out[i] *= weight;
  }
  ctx.Set(0, FromReals(ir::DType::kFloat, dims, out));
  return OkStatus();
}

Status TfIdfVectorizer(OpContext& ctx) {
  if (ctx.in(0).dtype() == ir::DType::kString)
    return CountGrams(ctx, ctx.in(0).strings(), ctx.Strings("pool_strings"));
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> words, ctx.IntsIn(0, "x"));
  return CountGrams(ctx, words, ctx.Ints("pool_int64s"));
}

const KernelRow kRows[] = {
    {"StringConcat", 20, StringConcat, 2, 2, Takes::kAny},
    {"StringSplit", 20, StringSplit, 1, 1, Takes::kAny},
    {"StringNormalizer", 10, StringNormalizer, 1, 1, Takes::kAny},
    {"RegexFullMatch", 20, RegexFullMatch, 1, 1, Takes::kAny},
    {"TfIdfVectorizer", 9, TfIdfVectorizer, 1, 1, Takes::kAny},
};

}  // namespace

KernelRows TextRows() { return kRows; }

}  // namespace assize::reference
