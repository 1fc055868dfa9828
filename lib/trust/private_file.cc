// Files that only their owner may read, written whole or not at all. Tests:
// tests/trust/keys_test.cc.
#include "lib/trust/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "lib/support/files.h"

namespace assize::trust {
namespace {

Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Unavailable("{}: cannot write: {}", path, strerror(errno));
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  // mkostemp already says 0600; a default access control list on the folder could have widened it.
  if (fchmod(fd, S_IRUSR | S_IWUSR) != 0 || fsync(fd) != 0) {
    return Unavailable("{}: cannot write: {}", path, strerror(errno));
  }
  return OkStatus();
}

// Gives `temporary` the name `path` unless something has it already.
Status MoveInPlace(const std::string& temporary, const std::string& path) {
  if (renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0) {
    return OkStatus();
  }
  // File systems without RENAME_NOREPLACE: a hard link refuses an existing name too.
  if (errno == EINVAL || errno == ENOSYS) {
    if (link(temporary.c_str(), path.c_str()) == 0) {
      unlink(temporary.c_str());
      return OkStatus();
    }
  }
  if (errno == EEXIST) return AlreadyExists("{}: exists already and is never overwritten", path);
  return Unavailable("{}: cannot create: {}", path, strerror(errno));
}

}  // namespace

Status CheckPathIsFree(const std::string& path) {
  struct stat existing{};
  if (lstat(path.c_str(), &existing) != 0) return OkStatus();
  return AlreadyExists("{}: exists already and is never overwritten", path);
}

Status WritePrivateFile(const std::string& path, std::string_view bytes) {
  AZ_RETURN_IF_ERROR(CheckPathIsFree(path));
  const std::string folder = FolderOf(path);
  std::string temporary = JoinPath(folder, ".assize-key-XXXXXX");
  const int fd = mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return Unavailable("{}: cannot create: {}", path, strerror(errno));
  Status status = WriteAll(fd, bytes, path);
  if (close(fd) != 0 && status.ok()) {
    status = Unavailable("{}: cannot write: {}", path, strerror(errno));
  }
  if (status.ok()) status = MoveInPlace(temporary, path);
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  const int folder_fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd >= 0) {
    fsync(folder_fd);
    close(folder_fd);
  }
  return OkStatus();
}

}  // namespace assize::trust
