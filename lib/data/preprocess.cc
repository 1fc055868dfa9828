// Declared preprocessing, one row map for all rows of a batch. Tests:
// tests/data/preprocess_test.cc.
#include "lib/data/preprocess.h"

#include <algorithm>
#include <cmath>

#include "lib/support/parallel.h"

namespace assize::data {
namespace {

// How one result row is gathered from one stored row.
struct RowMap {
  std::vector<int64_t> row_shape;
  std::vector<int64_t> source;   // stored element of each result element; empty: the same order
  std::vector<int32_t> channel;  // channel of each result element; empty: no per-channel numbers
};

StatusOr<std::vector<int64_t>> Reshaped(const std::vector<int64_t>& reshape,
                                        std::vector<int64_t> row_shape) {
  if (reshape.empty()) return row_shape;
  AZ_ASSIGN_OR_RETURN(const int64_t elements, ElementCount(row_shape));
  std::vector<int64_t> result = reshape;
  std::vector<int64_t> known;
  int64_t* open = nullptr;
  for (int64_t& dim : result) {
    if (dim == -1 && open == nullptr) {
      open = &dim;
    } else if (dim < 1) {
      return InvalidArgument(
          "reshape {}: dimensions are positive, one may be -1 (rows are not listed)",
          ShapeText(reshape));
    } else {
      known.push_back(dim);
    }
  }
  AZ_ASSIGN_OR_RETURN(const int64_t product, ElementCount(known));
  if (open != nullptr && elements % product == 0) *open = elements / product;
  if (open != nullptr ? elements % product != 0 : product != elements) {
    return InvalidArgument("reshape {}: a stored row {} has {} elements, not {}{}",
                           ShapeText(reshape), ShapeText(row_shape), elements,
                           open != nullptr ? "a multiple of " : "", product);
  }
  return result;
}

Status CheckNumbers(const Preprocessing& p) {
  const auto finite = [](double value) { return std::isfinite(value); };
  if ((p.zero_point && !finite(*p.zero_point)) || (p.scale && !finite(*p.scale)) ||
      !std::all_of(p.mean.begin(), p.mean.end(), finite) ||
      !std::all_of(p.std.begin(), p.std.end(), finite)) {
    return InvalidArgument("zero_point, scale, mean and std must be finite");
  }
  if (p.scale && *p.scale == 0) return InvalidArgument("scale must not be 0");
  for (const double value : p.std) {
    if (!(value > 0)) return InvalidArgument("std must be above 0, found {}", value);
  }
  if (p.mean.size() > 1 && p.std.size() > 1 && p.mean.size() != p.std.size()) {
    return InvalidArgument("mean has {} values, std {}: one each, or one per channel",
                           p.mean.size(), p.std.size());
  }
  return OkStatus();
}

StatusOr<RowMap> MakeRowMap(const Preprocessing& p, std::span<const int64_t> shape, bool gather) {
  AZ_RETURN_IF_ERROR(CheckNumbers(p));
  if (shape.empty()) return InvalidArgument("a scalar has no rows");
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> stored,
                      Reshaped(p.reshape, std::vector<int64_t>(shape.begin() + 1, shape.end())));
  RowMap map;
  map.row_shape = stored;
  int channel = stored.empty() ? -1 : 0;  // without letters: the first dimension after the rows
  bool moved = false;
  std::vector<int> source;
  if (!p.layout.empty()) {
    AZ_ASSIGN_OR_RETURN(const Layout layout, ParseLayout(p.layout));
    if (layout.source_rank != stored.size()) {
      return InvalidArgument("layout {}: it names {} dimensions of a row, which is {}", p.layout,
                             layout.source_rank, ShapeText(stored));
    }
    source = layout.source;
    channel = layout.channel;
    map.row_shape.clear();
    int last = -1;
    for (const int from : source) {
      map.row_shape.push_back(from < 0 ? 1 : stored[static_cast<size_t>(from)]);
      if (from >= 0) {
        moved = moved || from < last;
        last = from;
      }
    }
  }
  const size_t per_channel = std::max(p.mean.size(), p.std.size());
  if (per_channel > 1) {
    const int64_t channels = channel < 0 ? 1 : map.row_shape[static_cast<size_t>(channel)];
    if (channels != static_cast<int64_t>(per_channel)) {
      return InvalidArgument("mean/std have {} values, but a row {} has {} channels{}", per_channel,
                             ShapeText(map.row_shape), channels,
                             p.layout.empty() ? "; say which dimension is C by layout" : "");
    }
  }
  if (!gather) return map;
  AZ_ASSIGN_OR_RETURN(const int64_t elements, ElementCount(map.row_shape));
  const size_t rank = map.row_shape.size();
  std::vector<int64_t> stride(rank, 0);
  if (source.empty()) {
    for (size_t i = 0; i < rank; ++i) source.push_back(static_cast<int>(i));
  }
  for (size_t i = 0; i < rank; ++i) {
    if (source[i] < 0) continue;
    stride[i] = 1;
    for (size_t j = static_cast<size_t>(source[i]) + 1; j < stored.size(); ++j) {
      stride[i] *= stored[j];
    }
  }
  if (moved) map.source.resize(static_cast<size_t>(elements));
  if (per_channel > 1) map.channel.resize(static_cast<size_t>(elements));
  std::vector<int64_t> index(rank, 0);
  for (size_t out = 0; out < static_cast<size_t>(elements); ++out) {
    if (moved) {
      int64_t from = 0;
      for (size_t i = 0; i < rank; ++i) from += index[i] * stride[i];
      map.source[out] = from;
    }
    if (per_channel > 1) {
      map.channel[out] = static_cast<int32_t>(index[static_cast<size_t>(channel)]);
    }
    for (size_t i = rank; i-- > 0;) {
      if (++index[i] < map.row_shape[i]) break;
      index[i] = 0;
    }
  }
  return map;
}

double At(const std::vector<double>& values, size_t channel, double absent) {
  if (values.empty()) return absent;
  return values.size() == 1 ? values[0] : values[channel];
}

// One batch: stored rows of T to float.
template <typename T, typename Load>
void Transform(const Preprocessing& p, const RowMap& map, const Array& raw,
               std::span<const int64_t> rows, Load load, std::vector<float>& out) {
  const size_t elements = static_cast<size_t>(raw.row_elements());
  const T* values = reinterpret_cast<const T*>(raw.bytes.data());
  const double zero_point = p.zero_point.value_or(0);
  const double scale = p.scale.value_or(1);
  ParallelFor(static_cast<int64_t>(rows.size()), [&](int64_t i) {
    const T* row = values + static_cast<size_t>(rows[static_cast<size_t>(i)]) * elements;
    float* result = out.data() + static_cast<size_t>(i) * elements;
    for (size_t e = 0; e < elements; ++e) {
      const T stored = row[map.source.empty() ? e : static_cast<size_t>(map.source[e])];
      const size_t channel = map.channel.empty() ? 0 : static_cast<size_t>(map.channel[e]);
      double value = (static_cast<double>(load(stored)) - zero_point) * scale;
      if (!p.mean.empty()) value -= At(p.mean, channel, 0);
      if (!p.std.empty()) value /= At(p.std, channel, 1);
      result[e] = static_cast<float>(value);
    }
  });
}

Status TransformAny(const Preprocessing& p, const RowMap& map, const Array& raw,
                    std::span<const int64_t> rows, std::vector<float>& out) {
  const auto plain = [](auto value) { return value; };
  switch (raw.dtype) {
    case DType::kBool:
    case DType::kU8:
      Transform<uint8_t>(p, map, raw, rows, plain, out);
      break;
    case DType::kI8:
      Transform<int8_t>(p, map, raw, rows, plain, out);
      break;
    case DType::kI16:
      Transform<int16_t>(p, map, raw, rows, plain, out);
      break;
    case DType::kI32:
      Transform<int32_t>(p, map, raw, rows, plain, out);
      break;
    case DType::kI64:
      Transform<int64_t>(p, map, raw, rows, plain, out);
      break;
    case DType::kU16:
      Transform<uint16_t>(p, map, raw, rows, plain, out);
      break;
    case DType::kU32:
      Transform<uint32_t>(p, map, raw, rows, plain, out);
      break;
    case DType::kU64:
      Transform<uint64_t>(p, map, raw, rows, plain, out);
      break;
    case DType::kF16:
      Transform<uint16_t>(p, map, raw, rows, HalfToFloat, out);
      break;
    case DType::kF32:
      Transform<float>(p, map, raw, rows, plain, out);
      break;
    case DType::kF64:
      Transform<double>(p, map, raw, rows, plain, out);
      break;
  }
  return OkStatus();
}

StatusOr<Array> Gathered(const RowMap& map, const Array& raw, std::span<const int64_t> rows) {
  AZ_ASSIGN_OR_RETURN(Array taken, TakeRows(raw, rows));
  std::vector<int64_t> shape = {static_cast<int64_t>(rows.size())};
  shape.insert(shape.end(), map.row_shape.begin(), map.row_shape.end());
  if (map.source.empty()) {
    return Array::View(taken.dtype, std::move(shape), taken.bytes, taken.owner);
  }
  const size_t size = SizeOf(taken.dtype);
  const size_t elements = map.source.size();
  std::vector<std::byte> bytes(taken.bytes.size());
  for (size_t row = 0; row < rows.size(); ++row) {
    for (size_t e = 0; e < elements; ++e) {
      std::memcpy(bytes.data() + (row * elements + e) * size,
                  taken.bytes.data() + (row * elements + static_cast<size_t>(map.source[e])) * size,
                  size);
    }
  }
  return Array::FromBytes(taken.dtype, std::move(shape), std::move(bytes));
}

}  // namespace

std::string Preprocessing::ToText() const {
  std::vector<std::string> parts;
  if (zero_point) parts.push_back(fmt::format("zero_point {}", *zero_point));
  if (scale) parts.push_back(fmt::format("scale {}", *scale));
  if (!mean.empty()) parts.push_back(fmt::format("mean [{}]", fmt::join(mean, ",")));
  if (!std.empty()) parts.push_back(fmt::format("std [{}]", fmt::join(std, ",")));
  if (!reshape.empty()) parts.push_back("reshape " + ShapeText(reshape));
  if (!layout.empty()) parts.push_back("layout " + layout);
  if (dtype) parts.push_back(fmt::format("dtype {}", DTypeName(*dtype)));
  return fmt::format("{}", fmt::join(parts, ", "));
}

Json Preprocessing::ToJson() const {
  Json json = Json::object();
  if (zero_point) json["zero_point"] = *zero_point;
  if (scale) json["scale"] = *scale;
  if (!mean.empty()) json["mean"] = mean;
  if (!std.empty()) json["std"] = std;
  if (!reshape.empty()) json["reshape"] = reshape;
  if (!layout.empty()) json["layout"] = layout;
  if (dtype) json["dtype"] = DTypeName(*dtype);
  return json;
}

StatusOr<Preprocessing> Preprocessing::FromJson(const Json& json, const std::string& where) {
  if (!json.is_object()) return InvalidArgument("{}: expected an object", where);
  Preprocessing p;
  const auto numbers = [&](const std::string& member, std::vector<double>& values) -> Status {
    AZ_ASSIGN_OR_RETURN(const Json* array, JsonArray(json, member, where));
    for (const Json& item : *array) {
      if (!item.is_number()) return InvalidArgument("{}/{}: expected numbers", where, member);
      values.push_back(item.get<double>());
    }
    return OkStatus();
  };
  for (const auto& [key, value] : json.items()) {
    if (key == "zero_point") {
      AZ_ASSIGN_OR_RETURN(p.zero_point, JsonNumber(json, key, where));
    } else if (key == "scale") {
      AZ_ASSIGN_OR_RETURN(p.scale, JsonNumber(json, key, where));
    } else if (key == "mean") {
      AZ_RETURN_IF_ERROR(numbers(key, p.mean));
    } else if (key == "std") {
      AZ_RETURN_IF_ERROR(numbers(key, p.std));
    } else if (key == "reshape") {
      if (!value.is_array()) return InvalidArgument("{}/reshape: expected an array", where);
      for (const Json& item : value) {
        if (!item.is_number_integer()) {
          return InvalidArgument("{}/reshape: expected whole numbers", where);
        }
        p.reshape.push_back(item.get<int64_t>());
      }
    } else if (key == "layout") {
      AZ_ASSIGN_OR_RETURN(p.layout, JsonString(json, key, where));
    } else if (key == "dtype") {
      AZ_ASSIGN_OR_RETURN(const std::string name, JsonString(json, key, where));
      AZ_ASSIGN_OR_RETURN(p.dtype, ParseDType(name));
    } else {
      return InvalidArgument("{}: unknown member \"{}\"", where, key);
    }
  }
  AZ_RETURN_IF_ERROR(CheckNumbers(p));
  if (!p.layout.empty()) AZ_RETURN_IF_ERROR(ParseLayout(p.layout).status());
  return p;
}

StatusOr<Layout> ParseLayout(std::string_view text) {
  const auto fail = [&](const std::string& why) {
    return InvalidArgument("layout \"{}\": {}; expected something like HW->NCHW or HWC->NCHW",
                           text.substr(0, 40), why);
  };
  const size_t arrow = text.find("->");
  if (arrow == std::string_view::npos) return fail("no \"->\"");
  std::string_view left = text.substr(0, arrow);
  std::string_view right = text.substr(arrow + 2);
  if (left.size() > 16 || right.size() > 16) return fail("more than 16 letters on a side");
  for (const std::string_view side : {left, right}) {
    for (size_t i = 0; i < side.size(); ++i) {
      if (side[i] < 'A' || side[i] > 'Z') return fail("letters are A to Z");
      if (side.find(side[i], i + 1) != std::string_view::npos) {
        return fail(fmt::format("{} occurs twice on one side", side[i]));
      }
    }
  }
  if (right.empty() || right[0] != 'N') return fail("the result must begin with N, the rows");
  right.remove_prefix(1);
  if (!left.empty() && left[0] == 'N') left.remove_prefix(1);
  if (left.find('N') != std::string_view::npos) return fail("N, the rows, can only come first");
  Layout layout;
  layout.source_rank = left.size();
  for (const char letter : left) {
    if (right.find(letter) == std::string_view::npos) {
      return fail(fmt::format("{} vanishes", letter));
    }
  }
  for (size_t i = 0; i < right.size(); ++i) {
    const size_t from = left.find(right[i]);
    layout.source.push_back(from == std::string_view::npos ? -1 : static_cast<int>(from));
    if (right[i] == 'C') layout.channel = static_cast<int>(i);
  }
  return layout;
}

StatusOr<FeedType> PreprocessedType(const Preprocessing& preprocessing, DType dtype,
                                    std::span<const int64_t> shape) {
  AZ_ASSIGN_OR_RETURN(const RowMap map, MakeRowMap(preprocessing, shape, false));
  FeedType type{preprocessing.ChangesValues() ? DType::kF32 : dtype, map.row_shape};
  if (preprocessing.dtype) type.dtype = *preprocessing.dtype;
  return type;
}

StatusOr<Array> ApplyPreprocessing(const Preprocessing& preprocessing, const Array& raw,
                                   std::span<const int64_t> rows, const std::string& origin) {
  StatusOr<RowMap> map = MakeRowMap(preprocessing, raw.shape, true);
  if (!map.ok()) return Annotate(map.status(), origin);
  for (const int64_t row : rows) {
    if (row < 0 || row >= raw.rows()) {
      return OutOfRange("{}: row {} of {}: rows are 0 to {}", origin, row, raw.ToString(),
                        raw.rows() - 1);
    }
  }
  StatusOr<Array> result = Status(StatusCode::kInternal, "");
  if (preprocessing.ChangesValues()) {
    std::vector<float> values(rows.size() * static_cast<size_t>(raw.row_elements()));
    AZ_RETURN_IF_ERROR(TransformAny(preprocessing, *map, raw, rows, values));
    std::vector<int64_t> shape = {static_cast<int64_t>(rows.size())};
    shape.insert(shape.end(), map->row_shape.begin(), map->row_shape.end());
    result = Array::Of<float>(std::move(shape), values);
  } else {
    result = Gathered(*map, raw, rows);
  }
  if (!result.ok()) return Annotate(result.status(), origin);
  const auto check_finite = [&](const Array& array) -> Status {
    const int64_t element = FirstNonFinite(array);
    if (element < 0) return OkStatus();
    const int64_t per_row = array.row_elements();
    return InvalidArgument("{}: row {}, element {} is {}, which no model can be judged on", origin,
                           rows[static_cast<size_t>(element / per_row)], element % per_row,
                           array.ValueAt(element));
  };
  AZ_RETURN_IF_ERROR(check_finite(*result));
  if (preprocessing.dtype && *preprocessing.dtype != result->dtype) {
    result = Cast(*result, *preprocessing.dtype);
    if (!result.ok()) return Annotate(result.status(), origin);
    AZ_RETURN_IF_ERROR(check_finite(*result));
  }
  return result;
}

}  // namespace assize::data
