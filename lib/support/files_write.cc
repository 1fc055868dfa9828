// Writing: whole or not at all. Everything is made under a temporary name in the target's own
// folder, flushed to disk, and renamed; each failure removes what was made. Tests:
// tests/support/files_test.cc.
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "lib/support/files.h"
#include "lib/support/files_internal.h"

namespace assize {
namespace support_internal {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.Release();
  }
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

std::string ErrnoText(int error) { return std::generic_category().message(error); }

Status WriteAll(int fd, std::string_view bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Unavailable("{}: cannot write: {}", name, ErrnoText(errno));
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return OkStatus();
}

}  // namespace support_internal

using support_internal::Descriptor;
using support_internal::ErrnoText;

namespace {

// Ten random letters for a temporary name; distinct between processes and calls.
StatusOr<std::string> RandomLetters() {
  unsigned char bytes[10];
  if (::getrandom(bytes, sizeof(bytes), 0) != static_cast<ssize_t>(sizeof(bytes))) {
    return Unavailable("no random bytes for a temporary name: {}", ErrnoText(errno));
  }
  std::string letters;
  for (unsigned char byte : bytes) letters += static_cast<char>('a' + byte % 26);
  return letters;
}

// The file mode creation mask, without changing it (umask() would, for all threads).
mode_t CreationMask() {
  mode_t mask = 022;
  std::unique_ptr<FILE, int (*)(FILE*)> status(std::fopen("/proc/self/status", "re"), std::fclose);
  char line[256];
  unsigned value = 0;
  while (status != nullptr && std::fgets(line, sizeof(line), status.get()) != nullptr) {
    if (std::sscanf(line, "Umask: %o", &value) == 1) return static_cast<mode_t>(value & 0777);
  }
  return mask;
}

// Renames without ever replacing `to`. EEXIST when it exists.
int RenameNoReplace(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // File systems without the flag: look first. Two writers of one name are the journal's matter,
  // not ours.
  struct stat info;
  if (::lstat(to.c_str(), &info) == 0) return EEXIST;
  return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

Status SyncFolder(const std::string& folder) {
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return Unavailable("{}: cannot open the folder: {}", folder, ErrnoText(errno));
  // Some file systems cannot sync folders and say EINVAL; there the rename is all there is.
  if (::fsync(fd.get()) != 0 && errno != EINVAL) {
    return Unavailable("{}: cannot flush the folder: {}", folder, ErrnoText(errno));
  }
  return OkStatus();
}

Status SyncTree(const std::string& folder) {
  std::error_code error;
  for (auto entry = std::filesystem::recursive_directory_iterator(folder, error);
       !error && entry != std::filesystem::recursive_directory_iterator(); entry.increment(error)) {
    const std::string path = entry->path().string();
    if (entry->is_symlink())
      return InvalidArgument("{}: a symbolic link cannot be published", path);
    if (entry->is_directory()) {
      AZ_RETURN_IF_ERROR(SyncFolder(path));
      continue;
    }
    AZ_ASSIGN_OR_RETURN(const int opened, OpenRegular(path));
    const Descriptor fd(opened);
    if (::fsync(fd.get()) != 0) return Unavailable("{}: cannot flush: {}", path, ErrnoText(errno));
  }
  if (error) return Unavailable("{}: cannot list: {}", folder, error.message());
  return SyncFolder(folder);
}

// Replacing an entry of /dev or /proc would damage the machine that runs us as root.
Status RefuseSystemFolder(const std::string& path) {
  char resolved[PATH_MAX];
  if (::realpath(FolderOf(path).c_str(), resolved) == nullptr) return OkStatus();
  const std::string folder = std::string(resolved) + "/";
  for (const char* system : {"/dev/", "/proc/", "/sys/"}) {
    if (folder.starts_with(system) && !folder.starts_with("/dev/shm/")) {
      return InvalidArgument("{}: files below {} are not written", path, system);
    }
  }
  return OkStatus();
}

Status CreateFailure(const std::string& path, int error) {
  const std::string folder = FolderOf(path);
  if (error == ENOENT) return NotFound("{}: cannot write: no folder {}", path, folder);
  if (error == ENOTDIR)
    return InvalidArgument("{}: cannot write: {} is not a folder", path, folder);
  return Unavailable("{}: cannot write into {}: {}", path, folder, ErrnoText(error));
}

// Creates the folders of `path` that are missing, outermost first, and notes them in `made`.
Status MakeMissing(const std::string& path, std::vector<std::string>& made) {
  struct stat info;
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return OkStatus();
    return InvalidArgument("{}: a file, expected a folder", path);
  }
  const std::string parent = FolderOf(path);
  if (parent != path) AZ_RETURN_IF_ERROR(MakeMissing(parent, made));
  if (::mkdir(path.c_str(), 0777) != 0) {
    if (errno == EEXIST && FolderExists(path)) return OkStatus();
    if (errno == ENOTDIR || errno == EEXIST)
      return InvalidArgument("{}: a file, expected a folder", path);
    return Unavailable("{}: cannot make the folder: {}", path, ErrnoText(errno));
  }
  made.push_back(path);
  return OkStatus();
}

void RemoveEmpty(const std::vector<std::string>& made) {
  for (size_t i = made.size(); i > 0; --i) ::rmdir(made[i - 1].c_str());
}

}  // namespace

Status WriteFileAtomic(const std::string& path, std::string_view bytes, bool overwrite) {
  return WriteFileAtomic(path, {std::as_bytes(std::span<const char>(bytes.data(), bytes.size()))},
                         overwrite);
}

Status WriteFileAtomic(const std::string& path,
                       const std::vector<std::span<const std::byte>>& pieces, bool overwrite) {
  if (path.empty() || path.back() == '/' || path.find('\0') != std::string::npos) {
    return InvalidArgument("\"{}\": not a file name that can be written", path);
  }
  AZ_RETURN_IF_ERROR(RefuseSystemFolder(path));
  struct stat info;
  if (::lstat(path.c_str(), &info) == 0) {
    if (!overwrite) return AlreadyExists("{}: exists already, and is not overwritten", path);
    if (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode)) {
      return InvalidArgument("{}: not a regular file, and is not replaced", path);
    }
  }
  AZ_ASSIGN_OR_RETURN(const std::string letters, RandomLetters());
  const std::string temporary = JoinPath(FolderOf(path), ".assize-" + letters + ".tmp");
  Descriptor fd(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (fd.get() < 0) return CreateFailure(path, errno);
  auto fail = [&](Status status) {
    ::unlink(temporary.c_str());
    return status;
  };
  for (const std::span<const std::byte>& piece : pieces) {
    const std::string_view text(reinterpret_cast<const char*>(piece.data()), piece.size());
    if (Status status = support_internal::WriteAll(fd.get(), text, path); !status.ok())
      return fail(status);
  }
  if (::fsync(fd.get()) != 0) {
    return fail(Unavailable("{}: cannot flush: {}", path, ErrnoText(errno)));
  }
  if (::close(fd.Release()) != 0) {
    return fail(Unavailable("{}: cannot write: {}", path, ErrnoText(errno)));
  }
  const int error = overwrite ? (::rename(temporary.c_str(), path.c_str()) == 0 ? 0 : errno)
                              : RenameNoReplace(temporary, path);
  if (error == EEXIST)
    return fail(AlreadyExists("{}: exists already, and is not overwritten", path));
  if (error != 0)
    return fail(Unavailable("{}: cannot rename into place: {}", path, ErrnoText(error)));
  return SyncFolder(FolderOf(path));
}

Status MakeFolders(const std::string& path) {
  if (path.empty() || path.find('\0') != std::string::npos) {
    return InvalidArgument("\"{}\": not a folder name", path);
  }
  std::vector<std::string> made;
  Status status = MakeMissing(path, made);
  if (!status.ok()) RemoveEmpty(made);
  return status;
}

StatusOr<StagingFolder> StagingFolder::Create(const std::string& parent) {
  if (parent.empty() || parent.find('\0') != std::string::npos) {
    return InvalidArgument("\"{}\": not a folder name", parent);
  }
  StagingFolder staging;
  std::string name = JoinPath(parent, ".staging-XXXXXX");
  if (Status status = MakeMissing(parent, staging.made_parents_); !status.ok()) {
    staging.Remove();
    return status;
  }
  if (::mkdtemp(name.data()) == nullptr) {
    const int error = errno;
    staging.Remove();
    return Unavailable("{}: cannot make a folder in it: {}", parent, ErrnoText(error));
  }
  staging.path_ = name;
  return staging;
}

StagingFolder::StagingFolder(StagingFolder&& other) noexcept
    : path_(std::move(other.path_)), made_parents_(std::move(other.made_parents_)) {
  other.path_.clear();
  other.made_parents_.clear();
}

StagingFolder& StagingFolder::operator=(StagingFolder&& other) noexcept {
  if (this != &other) {
    Remove();
    path_ = std::move(other.path_);
    made_parents_ = std::move(other.made_parents_);
    other.path_.clear();
    other.made_parents_.clear();
  }
  return *this;
}

StagingFolder::~StagingFolder() { Remove(); }

void StagingFolder::Remove() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  path_.clear();
  RemoveEmpty(made_parents_);
  made_parents_.clear();
}

Status StagingFolder::Publish(const std::string& final_path) {
  AZ_CHECK(!path_.empty(), "Publish of a folder that is published already");
  AZ_RETURN_IF_ERROR(SyncTree(path_));
  const std::string parent = FolderOf(final_path);
  std::vector<std::string> made;
  Status status = MakeMissing(parent, made);
  if (status.ok() && ::chmod(path_.c_str(), 0777 & ~CreationMask()) != 0) {
    status = Unavailable("{}: cannot set the mode: {}", path_, ErrnoText(errno));
  }
  if (status.ok()) {
    const int error = RenameNoReplace(path_, final_path);
    if (error == EEXIST || error == ENOTEMPTY) {
      status = AlreadyExists("{}: exists already, and is not overwritten", final_path);
    } else if (error != 0) {
      status = Unavailable("{}: cannot rename into place: {}", final_path, ErrnoText(error));
    }
  }
  if (!status.ok()) {
    RemoveEmpty(made);
    return status;
  }
  path_.clear();
  made_parents_.clear();
  return SyncFolder(parent);
}

}  // namespace assize
