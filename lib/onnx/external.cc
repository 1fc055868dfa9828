// External data, read and laid out. Tests: tests/onnx/external_test.cc.
#include "lib/onnx/external.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

namespace assize::onnx {
namespace {

// A loader maps whole pages, so large tensors begin on one; small ones on a cache line.
constexpr uint64_t kPage = 4096;
constexpr uint64_t kLine = 64;
constexpr uint64_t kPageAlignFrom = uint64_t{1} << 20;

// ONNX Runtime writes an address of its own memory behind this marker: never a file.
constexpr std::string_view kMemoryMarker = "_ORT_MEM_ADDR_";

StatusOr<uint64_t> ParseNumber(const std::string& key, const std::string& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return InvalidArgument(
        "external_data {} is \"{}\", expected a decimal number that is not negative", key,
        text.substr(0, 40));
  }
  return value;
}

}  // namespace

Status CheckLocation(const std::string& location) {
  const auto refuse = [&](std::string_view why) {
    return InvalidArgument(
        "external_data location \"{}\" {}, expected a relative name beneath the model's folder",
        location.substr(0, 200), why);
  };
  if (location.empty()) return refuse("is empty");
  if (location.find(kMemoryMarker) != std::string::npos) return refuse("names memory, not a file");
  if (location.find('\0') != std::string::npos) return refuse("holds a NUL byte");
  if (location.find('\\') != std::string::npos) return refuse("holds a backslash");
  if (location[0] == '/') return refuse("is absolute");
  if (location.size() > 1 && location[1] == ':') return refuse("has a drive letter");
  size_t begin = 0;
  while (begin <= location.size()) {
    const size_t end = std::min(location.find('/', begin), location.size());
    const std::string part = location.substr(begin, end - begin);
    if (part == "..") return refuse("leads out with \"..\"");
    if (part.empty() || part == ".") return refuse("has an empty or \".\" component");
    begin = end + 1;
  }
  return OkStatus();
}

StatusOr<ExternalReference> ParseExternal(
    const std::vector<std::pair<std::string, std::string>>& entries, uint64_t want,
    bool& has_length) {
  ExternalReference reference;
  std::vector<std::string> seen;
  has_length = false;
  for (const auto& [key, value] : entries) {
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) {
      return InvalidArgument("external_data gives {} more than once", key);
    }
    seen.push_back(key);
    if (key == "location") {
      reference.location = value;
    } else if (key == "offset") {
      AZ_ASSIGN_OR_RETURN(reference.offset, ParseNumber(key, value));
    } else if (key == "length") {
      AZ_ASSIGN_OR_RETURN(reference.length, ParseNumber(key, value));
      has_length = true;
    } else if (key != "checksum") {
      return InvalidArgument(
          "external_data key \"{}\", expected location, offset, length or checksum",
          key.substr(0, 40));
    }
  }
  AZ_RETURN_IF_ERROR(CheckLocation(reference.location));
  if (has_length && reference.length != want) {
    return InvalidArgument("external_data length is {}, expected {} for the tensor's dims and type",
                           reference.length, want);
  }
  return reference;
}

StatusOr<std::shared_ptr<const MappedFile>> ExternalFiles::Open(const std::string& location) {
  if (const auto it = files_.find(location); it != files_.end()) return it->second;
  if (folder_.empty()) {
    return InvalidArgument("external data in \"{}\", but this model must not refer to files",
                           location);
  }
  AZ_ASSIGN_OR_RETURN(const int fd, OpenBeneath(folder_, location));
  const uint64_t left = options_.limits.max_external_bytes - total_;
  StatusOr<std::shared_ptr<const MappedFile>> opened = std::shared_ptr<const MappedFile>();
  if (options_.sealed) {
    // Through the descriptor that was checked, not through the path again.
    opened = MappedFile::OpenSealed(fmt::format("/proc/self/fd/{}", fd), left);
    ::close(fd);
  } else {
    opened = MappedFile::FromDescriptor(fd, JoinPath(folder_, location), left);
  }
  if (opened.status().code() == StatusCode::kResourceExhausted) {
    return ResourceExhausted(
        "external data \"{}\": all external files together pass the limit max_external_bytes of {}",
        location, options_.limits.max_external_bytes);
  }
  AZ_RETURN_IF_ERROR(opened.status());
  total_ += (*opened)->bytes().size();
  files_.emplace(location, *opened);
  return *opened;
}

StatusOr<std::pair<std::span<const std::byte>, std::shared_ptr<const void>>> ExternalFiles::Read(
    const std::vector<std::pair<std::string, std::string>>& entries, uint64_t want) {
  bool has_length = false;
  AZ_ASSIGN_OR_RETURN(const ExternalReference reference, ParseExternal(entries, want, has_length));
  AZ_ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, Open(reference.location));
  const uint64_t size = file->bytes().size();
  if (reference.offset > size || want > size - reference.offset) {
    return InvalidArgument("external data \"{}\": bytes {} to {} wanted, but the file has {}",
                           reference.location, reference.offset,
                           fmt::format("{}+{}", reference.offset, want), size);
  }
  if (!has_length && size - reference.offset != want) {
    return InvalidArgument(
        "external data \"{}\": without a length the rest of the file counts, {} bytes, expected {}",
        reference.location, size - reference.offset, want);
  }
  return std::pair{file->bytes().subspan(reference.offset, want),
                   std::shared_ptr<const void>(file)};
}

uint64_t ExternalLayout::Place(const std::string& location, const ir::Tensor& tensor) {
  File& file = files_[location];
  const uint64_t size = tensor.bytes().size();
  const uint64_t align = size >= kPageAlignFrom ? kPage : kLine;
  const uint64_t offset = (file.size + align - 1) / align * align;
  file.pieces.emplace_back(offset, tensor);
  file.size = offset + size;
  return offset;
}

}  // namespace assize::onnx
