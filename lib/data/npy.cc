// The .npy header is a Python literal; this reads the only shape of it that NumPy writes. Tests:
// tests/data/npy_test.cc.
#include "lib/data/npy.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "lib/support/files.h"

namespace assize::data {
namespace {

constexpr unsigned char kMagic[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

struct Header {
  std::optional<std::string> descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<int64_t>> shape;
};

// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } and nothing cleverer.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, const std::string& origin, const DataLimits& limits)
      : text_(text), origin_(origin), limits_(limits) {}

  StatusOr<Header> Read() {
    Header header;
    AZ_RETURN_IF_ERROR(Expect('{'));
    while (!Accept('}')) {
      AZ_ASSIGN_OR_RETURN(const std::string key, Text());
      AZ_RETURN_IF_ERROR(Expect(':'));
      if (key == "descr" && !header.descr) {
        if (Peek() == '[') return Fail("record types are not supported");
        AZ_ASSIGN_OR_RETURN(header.descr, Text());
      } else if (key == "fortran_order" && !header.fortran_order) {
        AZ_ASSIGN_OR_RETURN(header.fortran_order, Truth());
      } else if (key == "shape" && !header.shape) {
        AZ_ASSIGN_OR_RETURN(header.shape, Shape());
      } else {
        return Fail(fmt::format("key '{}' is unknown or repeated", key));
      }
      if (!Accept(',') && Peek() != '}') return Fail("expected ',' or '}'");
    }
    SkipSpace();
    if (at_ != text_.size()) return Fail("bytes after the dictionary");
    if (!header.descr || !header.fortran_order || !header.shape) {
      return Fail("expected the keys 'descr', 'fortran_order' and 'shape'");
    }
    return header;
  }

 private:
  void SkipSpace() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  char Peek() {
    SkipSpace();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool Accept(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }
  Status Fail(const std::string& what) const {
    return InvalidArgument("{}: npy header, byte {}: {}", origin_, at_, what);
  }
  Status Expect(char c) {
    if (Accept(c)) return OkStatus();
    return Fail(fmt::format("expected '{}'", c));
  }
  StatusOr<std::string> Text() {
    const char quote = Peek();
    if (quote != '\'' && quote != '"') return Fail("expected a quoted text");
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos || end - at_ > 64) return Fail("unterminated text");
    const std::string value(text_.substr(at_ + 1, end - at_ - 1));
    for (const char c : value) {
      if (c < 0x20 || c > 0x7e || c == '\\') return Fail("text is not plain ASCII");
    }
    at_ = end + 1;
    return value;
  }
  StatusOr<bool> Truth() {
    SkipSpace();
    for (const std::string_view word : {"True", "False"}) {
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return word == "True";
      }
    }
    return Fail("expected True or False");
  }
  StatusOr<std::vector<int64_t>> Shape() {
    std::vector<int64_t> shape;
    AZ_RETURN_IF_ERROR(Expect('('));
    while (!Accept(')')) {
      SkipSpace();
      int64_t dim = 0;
      const char* first = text_.data() + at_;
      const char* last = text_.data() + text_.size();
      const auto [end, error] = std::from_chars(first, last, dim);
      if (error != std::errc() || dim < 0) {
        return Fail("expected a dimension from 0 to 2^63 - 1");
      }
      at_ += static_cast<size_t>(end - first);
      if (static_cast<int64_t>(shape.size()) >= limits_.max_rank) {
        return ResourceExhausted("{}: npy header: more than {} dimensions (limit max_rank)",
                                 origin_, limits_.max_rank);
      }
      shape.push_back(dim);
      if (!Accept(',') && Peek() != ')') return Fail("expected ',' or ')'");
    }
    return shape;
  }

  std::string_view text_;
  const std::string& origin_;
  const DataLimits& limits_;
  size_t at_ = 0;
};

struct StoredType {
  DType dtype;
  bool big_endian;
};

StatusOr<StoredType> ParseDescr(const std::string& descr, const std::string& origin) {
  static constexpr struct {
    std::string_view code;
    DType dtype;
  } kCodes[] = {{"b1", DType::kBool}, {"i1", DType::kI8},  {"i2", DType::kI16},
                {"i4", DType::kI32},  {"i8", DType::kI64}, {"u1", DType::kU8},
                {"u2", DType::kU16},  {"u4", DType::kU32}, {"u8", DType::kU64},
                {"f2", DType::kF16},  {"f4", DType::kF32}, {"f8", DType::kF64}};
  const std::string_view text(descr);
  if (!text.empty() && std::string_view("<>|=").find(text[0]) != std::string_view::npos) {
    for (const auto& row : kCodes) {
      if (text.substr(1) != row.code) continue;
      if (text[0] == '|' && SizeOf(row.dtype) != 1) break;
      return StoredType{row.dtype, text[0] == '>' && SizeOf(row.dtype) > 1};
    }
  }
  if (text.find('O') != std::string_view::npos) {
    return InvalidArgument(
        "{}: element type '{}' is pickled Python objects, which can run code and is never loaded",
        origin, descr);
  }
  return InvalidArgument(
      "{}: element type '{}' is not supported (bool, int8-64, uint8-64, float16-64)", origin,
      descr);
}

void SwapBytes(std::vector<std::byte>& bytes, size_t size) {
  for (size_t i = 0; i + size <= bytes.size(); i += size) {
    std::reverse(bytes.begin() + static_cast<ptrdiff_t>(i),
                 bytes.begin() + static_cast<ptrdiff_t>(i + size));
  }
}

// Fortran order to C order.
std::vector<std::byte> Transposed(std::span<const std::byte> bytes,
                                  const std::vector<int64_t>& shape, size_t size) {
  std::vector<std::byte> result(bytes.size());
  std::vector<int64_t> index(shape.size(), 0);
  std::vector<size_t> stride(shape.size(), size);  // of the source, in bytes
  for (size_t i = 1; i < shape.size(); ++i) {
    stride[i] = stride[i - 1] * static_cast<size_t>(shape[i - 1]);
  }
  for (size_t out = 0; out < result.size(); out += size) {
    size_t from = 0;
    for (size_t i = 0; i < shape.size(); ++i) from += static_cast<size_t>(index[i]) * stride[i];
    std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(from), size,
                result.begin() + static_cast<ptrdiff_t>(out));
    for (size_t i = shape.size(); i-- > 0;) {
      if (++index[i] < shape[i]) break;
      index[i] = 0;
    }
  }
  return result;
}

}  // namespace

StatusOr<Array> ParseNpy(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                         const std::string& origin, const DataLimits& limits) {
  const auto byte_at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  if (bytes.size() < 10) {
    return InvalidArgument("{}: {} bytes are too few for a npy file", origin, bytes.size());
  }
  for (size_t i = 0; i < sizeof kMagic; ++i) {
    if (byte_at(i) != kMagic[i]) {
      return InvalidArgument("{}: not a npy file (the magic bytes differ)", origin);
    }
  }
  const int major = byte_at(6);
  if (major < 1 || major > 3 || byte_at(7) != 0) {
    return InvalidArgument("{}: npy version {}.{} is unknown (1.0 to 3.0)", origin, major,
                           byte_at(7));
  }
  size_t prefix = 10;
  uint64_t length = static_cast<uint64_t>(byte_at(8)) | static_cast<uint64_t>(byte_at(9)) << 8;
  if (major >= 2) {
    prefix = 12;
    if (bytes.size() < prefix) {
      return InvalidArgument("{}: {} bytes are too few for a npy file", origin, bytes.size());
    }
    length |= static_cast<uint64_t>(byte_at(10)) << 16 | static_cast<uint64_t>(byte_at(11)) << 24;
  }
  if (length > limits.max_npy_header_bytes) {
    return ResourceExhausted("{}: npy header of {} bytes (limit max_npy_header_bytes = {})", origin,
                             length, limits.max_npy_header_bytes);
  }
  if (length > bytes.size() - prefix) {
    return InvalidArgument("{}: npy header of {} bytes, but only {} follow", origin, length,
                           bytes.size() - prefix);
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + prefix,
                              static_cast<size_t>(length));
  AZ_ASSIGN_OR_RETURN(const Header header, HeaderReader(text, origin, limits).Read());
  AZ_ASSIGN_OR_RETURN(const StoredType type, ParseDescr(*header.descr, origin));
  // Compare sizes before anything is allocated: the shape is a claim, the bytes are there.
  const std::span<const std::byte> payload = bytes.subspan(prefix + static_cast<size_t>(length));
  StatusOr<int64_t> count = ElementCount(*header.shape);
  if (!count.ok()) return Annotate(count.status(), origin);
  const size_t size = SizeOf(type.dtype);
  if (static_cast<uint64_t>(*count) > UINT64_MAX / size ||
      static_cast<uint64_t>(*count) * size != payload.size()) {
    return InvalidArgument("{}: {} {} needs {} elements of {} bytes, found {} bytes", origin,
                           DTypeName(type.dtype), ShapeText(*header.shape), *count, size,
                           payload.size());
  }
  if (payload.size() > limits.max_array_bytes) {
    return ResourceExhausted("{}: array of {} bytes (limit max_array_bytes = {})", origin,
                             payload.size(), limits.max_array_bytes);
  }
  if (type.dtype == DType::kBool) {
    for (size_t i = 0; i < payload.size(); ++i) {
      if (static_cast<uint8_t>(payload[i]) > 1) {
        return InvalidArgument("{}: element {} of a bool array is {}, expected 0 or 1", origin, i,
                               static_cast<int>(payload[i]));
      }
    }
  }
  const bool transpose = *header.fortran_order && header.shape->size() > 1 && *count > 0;
  StatusOr<Array> array = Status(StatusCode::kInternal, "");
  if (transpose || type.big_endian) {
    std::vector<std::byte> own = transpose ? Transposed(payload, *header.shape, size)
                                           : std::vector<std::byte>(payload.begin(), payload.end());
    if (type.big_endian) SwapBytes(own, size);
    array = Array::FromBytes(type.dtype, *header.shape, std::move(own));
  } else {
    array = Array::View(type.dtype, *header.shape, payload, std::move(owner));
  }
  if (!array.ok()) return Annotate(array.status(), origin);
  return array;
}

StatusOr<Array> ReadNpy(const std::string& path, const DataLimits& limits) {
  AZ_ASSIGN_OR_RETURN(auto file, MappedFile::Open(path, limits.max_file_bytes));
  const std::span<const std::byte> bytes = file->bytes();
  return ParseNpy(bytes, std::move(file), path, limits);
}

std::string NpyHeader(const Array& array) {
  static constexpr const char* kDescr[] = {"|b1", "|i1", "<i2", "<i4", "<i8", "|u1",
                                           "<u2", "<u4", "<u8", "<f2", "<f4", "<f8"};
  std::string shape = fmt::format("{}", fmt::join(array.shape, ", "));
  if (array.shape.size() == 1) shape += ',';
  std::string dict = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
                                 kDescr[static_cast<size_t>(array.dtype)], shape);
  // Magic, version, length, dictionary, spaces and a newline together fill multiples of 64 bytes.
  const size_t unpadded = 10 + dict.size() + 1;
  dict.append((64 - unpadded % 64) % 64, ' ');
  dict += '\n';
  std::string header(reinterpret_cast<const char*>(kMagic), sizeof kMagic);
  header += '\x01';
  header += '\0';
  header += static_cast<char>(dict.size() & 0xff);
  header += static_cast<char>(dict.size() >> 8);
  return header + dict;
}

std::string NpyBytes(const Array& array) {
  std::string bytes = NpyHeader(array);
  bytes.append(reinterpret_cast<const char*>(array.bytes.data()), array.bytes.size());
  return bytes;
}

}  // namespace assize::data
