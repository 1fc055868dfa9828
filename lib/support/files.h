// Files: bounded reads, memory maps, atomic writes, temporary folders. Regular files only: a FIFO,
// device or folder is refused before it can block. Tests: tests/support/files_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/support/status.h"

namespace assize {

inline constexpr uint64_t kDefaultMaxFileBytes = uint64_t{512} << 20;

// Opens a regular file for reading without ever blocking on a FIFO or device; the caller closes the
// descriptor.
StatusOr<int> OpenRegular(const std::string& path);

// Whole file as bytes. NotFound, InvalidArgument (not regular), ResourceExhausted (above
// max_bytes), Unavailable.
StatusOr<std::string> ReadFile(const std::string& path, uint64_t max_bytes = kDefaultMaxFileBytes);

// A read-only private memory map of a regular file; shared by all tensors that view it.
class MappedFile {
 public:
  static StatusOr<std::shared_ptr<const MappedFile>> Open(const std::string& path,
                                                          uint64_t max_bytes);
  // Same, for an already opened descriptor (takes ownership of fd).
  static StatusOr<std::shared_ptr<const MappedFile>> FromDescriptor(int fd, const std::string& name,
                                                                    uint64_t max_bytes);
  // Copies the file into a sealed memfd and maps that: what was hashed is what is used, whatever
  // happens to the path afterwards.
  static StatusOr<std::shared_ptr<const MappedFile>> OpenSealed(const std::string& path,
                                                                uint64_t max_bytes);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const std::byte> bytes() const { return bytes_; }
  const std::string& path() const { return path_; }

 private:
  MappedFile() = default;
  std::string path_;
  std::span<const std::byte> bytes_;
};

// Pages of a read-only file mapping that lie wholly in `mapped` leave memory; they are read from
// the file again when they are needed.
void DropPages(std::span<const std::byte> mapped);

// Opens `name` (relative, `/` separators) strictly beneath folder `root`: no symlink in any
// component, no
// "..", regular file, one hard link. The way external data is opened.
StatusOr<int> OpenBeneath(const std::string& root, const std::string& name);

// Writes `path` whole or not at all: temporary file in the same folder, fsync, rename, fsync of the
// folder. An existing file is replaced only with `overwrite`. A symlink at `path` is replaced,
// never followed.
Status WriteFileAtomic(const std::string& path, std::string_view bytes, bool overwrite = true);
// Same, bytes produced by pieces.
Status WriteFileAtomic(const std::string& path,
                       const std::vector<std::span<const std::byte>>& pieces,
                       bool overwrite = true);

// A folder that disappears with its owner unless it was published (renamed to its final place).
class StagingFolder {
 public:
  // Creates `parent`/.staging-XXXXXX (parent is created if needed), mode 0700.
  static StatusOr<StagingFolder> Create(const std::string& parent);
  StagingFolder(StagingFolder&& other) noexcept;
  StagingFolder& operator=(StagingFolder&& other) noexcept;
  ~StagingFolder();
  const std::string& path() const { return path_; }
  // fsyncs every file and folder below, renames to `final_path` (which must not exist:
  // AlreadyExists), fsyncs the parent. Atomic: `final_path` is absent or whole.
  Status Publish(const std::string& final_path);

 private:
  StagingFolder() = default;
  void Remove();
  std::string path_;
  std::vector<std::string> made_parents_;  // outermost first; removed again if they stay empty
};

// All regular files below `root`, relative, `/` separators, sorted by bytes. A symlink, FIFO or
// device is InvalidArgument.
StatusOr<std::vector<std::string>> ListFiles(const std::string& root);

Status MakeFolders(const std::string& path);
bool FileExists(const std::string& path);  // regular file
bool FolderExists(const std::string& path);
std::string JoinPath(const std::string& folder, const std::string& name);  // absolute `name` wins
std::string FolderOf(const std::string& path);                             // "." when there is none
std::string BaseName(const std::string& path);

}  // namespace assize
