// IDX: the header says how many bytes must follow, and that claim is checked before they are
// unpacked. Tests: tests/data/idx_test.cc.
#include "lib/data/idx.h"

#include <zlib.h>

#include <algorithm>

#include "lib/support/files.h"

namespace assize::data {
namespace {

constexpr uint64_t kMaxDeflateRatio =
    1032;  // what deflate can reach at all (RFC 1951: 258 bytes in 2 bits)

StatusOr<DType> IdxType(uint8_t code, const std::string& origin) {
  switch (code) {
    case 0x08:
      return DType::kU8;
    case 0x09:
      return DType::kI8;
    case 0x0b:
      return DType::kI16;
    case 0x0c:
      return DType::kI32;
    case 0x0d:
      return DType::kF32;
    case 0x0e:
      return DType::kF64;
    default:
      return InvalidArgument("{}: IDX type code 0x{:02x} is unknown (08 09 0b 0c 0d 0e)", origin,
                             code);
  }
}

struct Header {
  DType dtype = DType::kU8;
  size_t header_bytes = 0;
  std::vector<int64_t> shape;
  uint64_t payload_bytes = 0;
};

// `bytes` holds at least the header when it is whole.
StatusOr<Header> ParseHeader(std::span<const std::byte> bytes, const std::string& origin,
                             const DataLimits& limits) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  if (bytes.size() < 4 || at(0) != 0 || at(1) != 0) {
    return InvalidArgument("{}: not an IDX file (it must begin with two zero bytes)", origin);
  }
  Header header;
  AZ_ASSIGN_OR_RETURN(header.dtype, IdxType(at(2), origin));
  const size_t rank = at(3);
  if (rank == 0 || static_cast<int64_t>(rank) > limits.max_rank) {
    return InvalidArgument("{}: IDX rank {} (1 to {}, limit max_rank)", origin, rank,
                           limits.max_rank);
  }
  header.header_bytes = 4 + 4 * rank;
  if (bytes.size() < header.header_bytes) {
    return InvalidArgument("{}: the IDX header needs {} bytes, found {}", origin,
                           header.header_bytes, bytes.size());
  }
  for (size_t i = 4; i < header.header_bytes; i += 4) {
    header.shape.push_back(static_cast<int64_t>(at(i)) << 24 |
                           static_cast<int64_t>(at(i + 1)) << 16 |
                           static_cast<int64_t>(at(i + 2)) << 8 | static_cast<int64_t>(at(i + 3)));
  }
  StatusOr<int64_t> count = ElementCount(header.shape);
  if (!count.ok()) return Annotate(count.status(), origin);
  if (__builtin_mul_overflow(static_cast<uint64_t>(*count), SizeOf(header.dtype),
                             &header.payload_bytes) ||
      header.payload_bytes > limits.max_array_bytes) {
    return ResourceExhausted("{}: {} {} is above {} bytes (limit max_array_bytes)", origin,
                             DTypeName(header.dtype), ShapeText(header.shape),
                             limits.max_array_bytes);
  }
  return header;
}

StatusOr<Array> MakeArray(const Header& header, std::vector<std::byte> payload,
                          const std::string& origin) {
  const size_t size = SizeOf(header.dtype);
  if (size > 1) {
    for (size_t i = 0; i + size <= payload.size(); i += size) {
      std::reverse(payload.begin() + static_cast<ptrdiff_t>(i),
                   payload.begin() + static_cast<ptrdiff_t>(i + size));
    }
  }
  StatusOr<Array> array = Array::FromBytes(header.dtype, header.shape, std::move(payload));
  if (!array.ok()) return Annotate(array.status(), origin);
  return array;
}

// One gzip stream, unpacked in the pieces that are asked for.
class GzipReader {
 public:
  GzipReader(std::span<const std::byte> bytes, const std::string& origin)
      : bytes_(bytes), origin_(origin) {
    open_ = inflateInit2(&stream_, 15 + 16) == Z_OK;  // 16: gzip header and CRC
  }
  ~GzipReader() {
    if (open_) inflateEnd(&stream_);
  }
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  // Fills `out` as far as the stream goes; the number of bytes written.
  StatusOr<size_t> Read(std::span<std::byte> out) {
    if (!open_) return Unavailable("{}: zlib could not start", origin_);
    size_t written = 0;
    constexpr size_t kPiece = size_t{1} << 30;  // zlib counts in 32 bits
    while (written < out.size() && !ended_) {
      const size_t in = std::min(bytes_.size() - consumed_, kPiece);
      const size_t room = std::min(out.size() - written, kPiece);
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes_.data() + consumed_));
      stream_.avail_in = static_cast<uInt>(in);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + written);
      stream_.avail_out = static_cast<uInt>(room);
      const int result = inflate(&stream_, Z_NO_FLUSH);
      consumed_ += in - stream_.avail_in;
      const size_t got = room - stream_.avail_out;
      written += got;
      if (result == Z_STREAM_END) {
        ended_ = true;
      } else if (result != Z_OK || (got == 0 && consumed_ == bytes_.size())) {
        return InvalidArgument("{}: gzip: {}", origin_,
                               stream_.msg != nullptr ? stream_.msg : "the stream is cut off");
      }
    }
    return written;
  }
  bool ended() const { return ended_; }
  size_t left() const { return bytes_.size() - consumed_; }

 private:
  std::span<const std::byte> bytes_;
  const std::string& origin_;
  z_stream stream_{};
  size_t consumed_ = 0;
  bool open_ = false;
  bool ended_ = false;
};

StatusOr<Array> ParseGzip(std::span<const std::byte> bytes, const std::string& origin,
                          const DataLimits& limits) {
  GzipReader reader(bytes, origin);
  std::vector<std::byte> head(4);
  AZ_ASSIGN_OR_RETURN(size_t got, reader.Read(head));
  if (got == 4) {
    const size_t rank = static_cast<uint8_t>(head[3]);
    head.resize(4 + 4 * rank);
    AZ_ASSIGN_OR_RETURN(const size_t more, reader.Read(std::span(head).subspan(4)));
    got += more;
  }
  head.resize(got);
  AZ_ASSIGN_OR_RETURN(const Header header, ParseHeader(head, origin, limits));
  if (header.payload_bytes / kMaxDeflateRatio > bytes.size()) {
    return InvalidArgument("{}: {} {} cannot come from {} gzip bytes", origin,
                           DTypeName(header.dtype), ShapeText(header.shape), bytes.size());
  }
  // One byte more than needed: it shows surplus data, and reading past the end checks the CRC.
  std::vector<std::byte> payload(header.payload_bytes + 1);
  AZ_ASSIGN_OR_RETURN(const size_t unpacked, reader.Read(payload));
  if (unpacked != header.payload_bytes || !reader.ended()) {
    return InvalidArgument("{}: {} {} needs {} bytes, found {}{}", origin, DTypeName(header.dtype),
                           ShapeText(header.shape), header.payload_bytes,
                           unpacked > header.payload_bytes ? "more than " : "",
                           std::min<uint64_t>(unpacked, header.payload_bytes));
  }
  if (reader.left() != 0) {
    return InvalidArgument("{}: {} bytes after the gzip stream", origin, reader.left());
  }
  payload.resize(header.payload_bytes);
  return MakeArray(header, std::move(payload), origin);
}

}  // namespace

StatusOr<Array> ParseIdx(std::span<const std::byte> bytes, const std::string& origin,
                         const DataLimits& limits) {
  if (bytes.size() >= 2 && static_cast<uint8_t>(bytes[0]) == 0x1f &&
      static_cast<uint8_t>(bytes[1]) == 0x8b) {
    return ParseGzip(bytes, origin, limits);
  }
  AZ_ASSIGN_OR_RETURN(const Header header, ParseHeader(bytes, origin, limits));
  const std::span<const std::byte> payload = bytes.subspan(header.header_bytes);
  if (payload.size() != header.payload_bytes) {
    return InvalidArgument("{}: {} {} needs {} bytes, found {}", origin, DTypeName(header.dtype),
                           ShapeText(header.shape), header.payload_bytes, payload.size());
  }
  return MakeArray(header, std::vector<std::byte>(payload.begin(), payload.end()), origin);
}

StatusOr<Array> ReadIdx(const std::string& path, const DataLimits& limits) {
  AZ_ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path, limits.max_file_bytes));
  return ParseIdx(file->bytes(), path, limits);
}

}  // namespace assize::data
