// Reading npz archives with libzip over the mapped file, writing them by hand so that no library
// version changes the bytes. Tests: tests/data/npz_test.cc.
#include "lib/data/npz.h"

#include <zip.h>
#include <zlib.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "lib/data/npy.h"
#include "lib/support/files.h"
#include "lib/support/suggest.h"

namespace assize::data {
namespace {

std::string ZipError(zip_error_t* error) {
  std::string text = zip_error_strerror(error);
  zip_error_fini(error);
  return text;
}

Status CheckMemberName(const std::string& name, const std::string& path) {
  const auto bad = [&](const char* why) {
    return InvalidArgument("{}: member name \"{}\" {}", path, name.substr(0, 80), why);
  };
  if (name.empty() || name.size() > 1024) return bad("is empty or longer than 1024 bytes");
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return bad("has control characters");
  }
  if (name[0] == '/' || name.find('\\') != std::string::npos ||
      (name.size() > 1 && name[1] == ':')) {
    return bad("is not a relative path");
  }
  for (size_t start = 0; start <= name.size();) {
    const size_t end = std::min(name.find('/', start), name.size());
    if (name.substr(start, end - start) == "..") return bad("climbs with \"..\"");
    start = end + 1;
  }
  if (name.size() < 5 || name.substr(name.size() - 4) != ".npy") {
    return bad("does not end in .npy: not an archive that NumPy wrote");
  }
  return OkStatus();
}

struct Member {
  uint64_t index;
  uint64_t size;
};

}  // namespace

struct NpzFile::Impl {
  std::string path;
  DataLimits limits;
  std::shared_ptr<const MappedFile> file;
  Digest digest{};
  std::vector<std::string> names;
  std::map<std::string, Member> members;
  zip_t* archive = nullptr;
  std::mutex mutex;  // a zip_t serves one thread at a time
  ~Impl() {
    if (archive != nullptr) zip_discard(archive);
  }
};

NpzFile::NpzFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NpzFile::~NpzFile() = default;
const std::vector<std::string>& NpzFile::names() const { return impl_->names; }
bool NpzFile::Has(const std::string& name) const { return impl_->members.contains(name); }
const Digest& NpzFile::digest() const { return impl_->digest; }

StatusOr<std::shared_ptr<const NpzFile>> NpzFile::Open(const std::string& path,
                                                       const DataLimits& limits) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->limits = limits;
  AZ_ASSIGN_OR_RETURN(impl->file, MappedFile::Open(path, limits.max_file_bytes));
  const std::span<const std::byte> bytes = impl->file->bytes();
  // libzip takes an empty file for an empty archive.
  if (bytes.size() < 22) {
    return InvalidArgument("{}: {} bytes are too few for an npz archive", path, bytes.size());
  }
  impl->digest = Sha256(bytes);
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  if (source == nullptr) return Unavailable("{}: {}", path, ZipError(&error));
  impl->archive = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
  if (impl->archive == nullptr) {
    zip_source_free(source);
    return InvalidArgument("{}: not a readable npz archive: {}", path, ZipError(&error));
  }
  zip_error_fini(&error);
  const int64_t entries = zip_get_num_entries(impl->archive, ZIP_FL_UNCHANGED);
  if (entries > limits.max_members) {
    return ResourceExhausted("{}: {} members (limit max_members = {})", path, entries,
                             limits.max_members);
  }
  uint64_t declared = 0, packed = 0;
  for (int64_t i = 0; i < entries; ++i) {
    zip_stat_t stat;
    zip_stat_init(&stat);
    constexpr uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                                 ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    if (zip_stat_index(impl->archive, static_cast<uint64_t>(i), ZIP_FL_UNCHANGED | ZIP_FL_ENC_RAW,
                       &stat) != 0 ||
        (stat.valid & kNeeded) != kNeeded) {
      return InvalidArgument("{}: the directory entry of member {} is damaged", path, i);
    }
    const std::string name = stat.name;
    AZ_RETURN_IF_ERROR(CheckMemberName(name, path));
    if (stat.encryption_method != ZIP_EM_NONE) {
      return InvalidArgument("{}: member \"{}\" is encrypted", path, name);
    }
    if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE) {
      return InvalidArgument(
          "{}: member \"{}\" has compression method {} (stored or deflated only)", path, name,
          stat.comp_method);
    }
    if (stat.size > limits.max_array_bytes) {
      return ResourceExhausted("{}: member \"{}\" unpacks to {} bytes (limit max_array_bytes = {})",
                               path, name, stat.size, limits.max_array_bytes);
    }
    if (stat.size > limits.ratio_free_bytes && stat.size / limits.max_ratio > stat.comp_size) {
      return ResourceExhausted(
          "{}: member \"{}\" unpacks from {} to {} bytes (limit max_ratio = {} above {} bytes)",
          path, name, stat.comp_size, stat.size, limits.max_ratio, limits.ratio_free_bytes);
    }
    declared += stat.size;
    if (declared > limits.max_archive_bytes) {
      return ResourceExhausted("{}: unpacks to more than {} bytes (limit max_archive_bytes)", path,
                               limits.max_archive_bytes);
    }
    // Members that overlap (one packed stream named many times) cannot all fit side by side.
    if (stat.comp_size > bytes.size() || packed + stat.comp_size > bytes.size()) {
      return InvalidArgument("{}: members overlap or lie about their size", path);
    }
    packed += stat.comp_size;
    const std::string array = name.substr(0, name.size() - 4);
    if (!impl->members.emplace(array, Member{static_cast<uint64_t>(i), stat.size}).second) {
      return InvalidArgument("{}: member \"{}\" occurs twice", path, name);
    }
    impl->names.push_back(array);
  }
  return std::shared_ptr<const NpzFile>(new NpzFile(std::move(impl)));
}

StatusOr<Array> NpzFile::Read(const std::string& name) const {
  const auto found = impl_->members.find(name);
  if (found == impl_->members.end()) {
    return NotFound("{}: no array \"{}\"{}; it holds {}", impl_->path, name,
                    DidYouMean(name, impl_->names), fmt::join(impl_->names, ", "));
  }
  const std::string origin = fmt::format("{}[{}]", impl_->path, name);
  auto bytes = std::make_shared<std::vector<std::byte>>(found->second.size);
  {
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    zip_file_t* member = zip_fopen_index(impl_->archive, found->second.index, ZIP_FL_UNCHANGED);
    if (member == nullptr) {
      return InvalidArgument("{}: {}", origin, zip_strerror(impl_->archive));
    }
    // The read after the last byte makes libzip compare the CRC; one byte more would be a lie about
    // the size.
    size_t at = 0;
    std::byte extra{};
    Status status;
    for (;;) {
      const bool full = at == bytes->size();
      const int64_t got = full ? zip_fread(member, &extra, 1)
                               : zip_fread(member, bytes->data() + at, bytes->size() - at);
      if (got < 0) {
        status = InvalidArgument("{}: {}", origin, zip_error_strerror(zip_file_get_error(member)));
        break;
      }
      if (got == 0) {
        if (!full) {
          status = InvalidArgument("{}: {} bytes were declared, {} are there", origin,
                                   bytes->size(), at);
        }
        break;
      }
      if (full) {
        status = InvalidArgument("{}: more than the declared {} bytes are there", origin, at);
        break;
      }
      at += static_cast<size_t>(got);
    }
    zip_fclose(member);
    AZ_RETURN_IF_ERROR(status);
  }
  const std::span<const std::byte> view(*bytes);
  return ParseNpy(view, std::move(bytes), origin, impl_->limits);
}

StatusOr<std::map<std::string, Array>> ReadNpz(const std::string& path, const DataLimits& limits) {
  AZ_ASSIGN_OR_RETURN(const auto file, NpzFile::Open(path, limits));
  std::map<std::string, Array> arrays;
  for (const std::string& name : file->names()) {
    AZ_ASSIGN_OR_RETURN(arrays[name], file->Read(name));
  }
  return arrays;
}

namespace {

void Put(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xff);
}

// The fields that a local header and a directory entry share. 1980-01-01 00:00 is the format's
// zero; flag 0x800 says the name is UTF-8.
void PutCommon(std::string& out, uint32_t crc, uint64_t size, size_t name_size) {
  Put(out, 20, 2);      // version needed
  Put(out, 0x0800, 2);  // flags
  Put(out, 0, 2);       // stored
  Put(out, 0, 2);       // time
  Put(out, 0x0021, 2);  // date
  Put(out, crc, 4);
  Put(out, size, 4);
  Put(out, size, 4);
  Put(out, name_size, 2);
}

uint32_t Crc32(std::string_view bytes) {
  uLong crc = crc32_z(0, nullptr, 0);
  crc = crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  return static_cast<uint32_t>(crc);
}

}  // namespace

StatusOr<std::string> NpzBytes(const std::map<std::string, Array>& arrays) {
  constexpr uint64_t kMaxBytes = UINT32_MAX;
  if (arrays.size() > 65'534) {
    return ResourceExhausted("{} arrays are too many for an npz (limit 65534)", arrays.size());
  }
  uint64_t total = 0;
  for (const auto& [name, array] : arrays) {
    AZ_RETURN_IF_ERROR(CheckMemberName(name + ".npy", "npz output"));
    total += array.bytes.size() + 2 * name.size() + 65'536 + 128;
    if (total > kMaxBytes) {
      return ResourceExhausted("the arrays do not fit in an npz of {} bytes (limit of zip32)",
                               kMaxBytes);
    }
  }
  std::string out, directory;
  for (const auto& [array_name, array] : arrays) {
    const std::string name = array_name + ".npy";
    const std::string body = NpyBytes(array);
    const uint32_t crc = Crc32(body);
    const uint64_t offset = out.size();
    Put(out, 0x04034b50, 4);
    PutCommon(out, crc, body.size(), name.size());
    Put(out, 0, 2);  // extra
    out += name;
    out += body;
    Put(directory, 0x02014b50, 4);
    Put(directory, 20, 2);  // made by: MS-DOS, so no system's attributes
    PutCommon(directory, crc, body.size(), name.size());
    Put(directory, 0, 2);  // extra
    Put(directory, 0, 2);  // comment
    Put(directory, 0, 2);  // disk
    Put(directory, 0, 2);  // internal attributes
    Put(directory, 0, 4);  // external attributes
    Put(directory, offset, 4);
    directory += name;
  }
  const uint64_t directory_offset = out.size();
  out += directory;
  Put(out, 0x06054b50, 4);
  Put(out, 0, 2);
  Put(out, 0, 2);
  Put(out, arrays.size(), 2);
  Put(out, arrays.size(), 2);
  Put(out, directory.size(), 4);
  Put(out, directory_offset, 4);
  Put(out, 0, 2);
  return out;
}

Status WriteNpz(const std::string& path, const std::map<std::string, Array>& arrays) {
  AZ_ASSIGN_OR_RETURN(const std::string bytes, NpzBytes(arrays));
  return WriteFileAtomic(path, bytes);
}

}  // namespace assize::data
