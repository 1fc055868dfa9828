// Reading: regular files only, opened without blocking, below a folder without following links; and
// the small path helpers. Writing is in files_write.cc. Tests: tests/support/files_test.cc.
#include "lib/support/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/support/files_internal.h"

namespace assize {

using support_internal::Descriptor;
using support_internal::ErrnoText;

namespace {

// Symlinks in the path are followed here: paths of this kind are typed by the user.
constexpr int kReadFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

const char* KindOf(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "not a regular file";
}

Status OpenFailure(const std::string& path, int error) {
  if (error == ENOENT || error == ENOTDIR) return NotFound("{}: no such file", path);
  if (error == ELOOP) return InvalidArgument("{}: a symbolic link, expected a regular file", path);
  if (error == ENAMETOOLONG)
    return InvalidArgument("{}...: the name is too long", path.substr(0, 80));
  if (error == ENXIO || error == ENODEV) {
    return InvalidArgument("{}: a socket or device, expected a regular file", path);
  }
  return Unavailable("{}: cannot open: {}", path, ErrnoText(error));
}

Status RefuseNul(const std::string& path) {
  if (path.find('\0') == std::string::npos) return OkStatus();
  return InvalidArgument("a file name holds a NUL byte");
}

StatusOr<uint64_t> RegularSize(int fd, const std::string& path) {
  struct stat info;
  if (::fstat(fd, &info) != 0) return Unavailable("{}: cannot stat: {}", path, ErrnoText(errno));
  if (!S_ISREG(info.st_mode)) {
    return InvalidArgument("{}: {}, expected a regular file", path, KindOf(info.st_mode));
  }
  return static_cast<uint64_t>(info.st_size);
}

Status TooLarge(const std::string& path, uint64_t size, uint64_t max_bytes) {
  return ResourceExhausted("{}: {} bytes, the limit max_bytes is {}", path, size, max_bytes);
}

StatusOr<std::span<const std::byte>> Map(int fd, const std::string& name, uint64_t size) {
  if (size == 0) return std::span<const std::byte>();
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (address == MAP_FAILED) {
    return Unavailable("{}: cannot map {} bytes: {}", name, size, ErrnoText(errno));
  }
  return std::span<const std::byte>(static_cast<const std::byte*>(address), size);
}

Status ListBelow(const std::string& root, const std::string& below, int depth,
                 std::vector<std::string>& names) {
  const std::string folder = below.empty() ? root : root + "/" + below;
  if (depth > 64) return ResourceExhausted("{}: folders nest deeper than 64", folder);
  DIR* handle = ::opendir(folder.c_str());
  if (handle == nullptr) {
    if (errno == ENOENT || errno == ENOTDIR) return NotFound("{}: no such folder", folder);
    return Unavailable("{}: cannot list: {}", folder, ErrnoText(errno));
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> closer(handle, ::closedir);
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(handle);
    if (entry == nullptr) {
      if (errno != 0) return Unavailable("{}: cannot list: {}", folder, ErrnoText(errno));
      return OkStatus();
    }
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const std::string relative = below.empty() ? name : below + "/" + name;
    struct stat info;
    if (::fstatat(::dirfd(handle), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      return Unavailable("{}/{}: cannot stat: {}", root, relative, ErrnoText(errno));
    }
    if (S_ISDIR(info.st_mode)) {
      AZ_RETURN_IF_ERROR(ListBelow(root, relative, depth + 1, names));
    } else if (S_ISREG(info.st_mode)) {
      names.push_back(relative);
    } else {
      return InvalidArgument("{}/{}: {}, expected regular files and folders only", root, relative,
                             KindOf(info.st_mode));
    }
  }
}

}  // namespace

StatusOr<int> OpenRegular(const std::string& path) {
  AZ_RETURN_IF_ERROR(RefuseNul(path));
  Descriptor fd(::open(path.c_str(), kReadFlags));
  if (fd.get() < 0) return OpenFailure(path, errno);
  AZ_ASSIGN_OR_RETURN([[maybe_unused]] const uint64_t size, RegularSize(fd.get(), path));
  return fd.Release();
}

StatusOr<std::string> ReadFile(const std::string& path, uint64_t max_bytes) {
  AZ_ASSIGN_OR_RETURN(const int opened, OpenRegular(path));
  const Descriptor fd(opened);
  AZ_ASSIGN_OR_RETURN(const uint64_t size, RegularSize(fd.get(), path));
  if (size > max_bytes) return TooLarge(path, size, max_bytes);
  std::string bytes;
  bytes.resize(size);
  size_t done = 0;
  while (true) {
    // The file may grow while it is read (and /proc files say size 0): read until the end, not
    // until `size`.
    if (done == bytes.size()) bytes.resize(done + 4096);
    const ssize_t got = ::read(fd.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Unavailable("{}: cannot read: {}", path, ErrnoText(errno));
    if (got == 0) break;
    done += static_cast<size_t>(got);
    if (done > max_bytes) return TooLarge(path, done, max_bytes);
  }
  bytes.resize(done);
  return bytes;
}

void DropPages(std::span<const std::byte> mapped) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(mapped.data()) + page - 1) / page * page;
  const uintptr_t end = reinterpret_cast<uintptr_t>(mapped.data() + mapped.size()) / page * page;
  // A hint: memory that cannot be given back stays.
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

StatusOr<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::string& path,
                                                             uint64_t max_bytes) {
  AZ_ASSIGN_OR_RETURN(const int fd, OpenRegular(path));
  return FromDescriptor(fd, path, max_bytes);
}

StatusOr<std::shared_ptr<const MappedFile>> MappedFile::FromDescriptor(int fd,
                                                                       const std::string& name,
                                                                       uint64_t max_bytes) {
  const Descriptor owned(fd);
  AZ_ASSIGN_OR_RETURN(const uint64_t size, RegularSize(fd, name));
  if (size > max_bytes) return TooLarge(name, size, max_bytes);
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = name;
  AZ_ASSIGN_OR_RETURN(file->bytes_, Map(fd, name, size));
  return std::shared_ptr<const MappedFile>(std::move(file));
}

StatusOr<std::shared_ptr<const MappedFile>> MappedFile::OpenSealed(const std::string& path,
                                                                   uint64_t max_bytes) {
  AZ_ASSIGN_OR_RETURN(const int opened, OpenRegular(path));
  const Descriptor source(opened);
  AZ_ASSIGN_OR_RETURN(const uint64_t size, RegularSize(source.get(), path));
  if (size > max_bytes) return TooLarge(path, size, max_bytes);
  const Descriptor sealed(::memfd_create("assize-sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (sealed.get() < 0)
    return Unavailable("{}: cannot make a sealed copy: {}", path, ErrnoText(errno));
  std::string buffer(size_t{1} << 18, '\0');
  uint64_t total = 0;
  while (true) {
    const ssize_t got = ::read(source.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Unavailable("{}: cannot read: {}", path, ErrnoText(errno));
    if (got == 0) break;
    total += static_cast<uint64_t>(got);
    if (total > max_bytes) return TooLarge(path, total, max_bytes);
    AZ_RETURN_IF_ERROR(support_internal::WriteAll(
        sealed.get(), std::string_view(buffer.data(), static_cast<size_t>(got)), path));
  }
  if (::fcntl(sealed.get(), F_ADD_SEALS,
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
    return Unavailable("{}: cannot seal the copy: {}", path, ErrnoText(errno));
  }
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  AZ_ASSIGN_OR_RETURN(file->bytes_, Map(sealed.get(), path, total));
  return std::shared_ptr<const MappedFile>(std::move(file));
}

StatusOr<int> OpenBeneath(const std::string& root, const std::string& name) {
  AZ_RETURN_IF_ERROR(RefuseNul(root));
  AZ_RETURN_IF_ERROR(RefuseNul(name));
  if (name.empty() || name[0] == '/') {
    return InvalidArgument("\"{}\": expected a relative file name", name);
  }
  const std::string shown = JoinPath(root, name);
  Descriptor folder(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return NotFound("{}: no such folder", root);
    return Unavailable("{}: cannot open the folder: {}", root, ErrnoText(errno));
  }
  // One component at a time, each without following a link: no component can be exchanged in
  // between.
  size_t begin = 0;
  while (true) {
    const size_t end = name.find('/', begin);
    const std::string part = name.substr(begin, end == std::string::npos ? end : end - begin);
    if (part.empty() || part == "." || part == "..") {
      return InvalidArgument("\"{}\": component \"{}\" is not allowed in a file name", name, part);
    }
    if (end == std::string::npos) {
      Descriptor file(::openat(folder.get(), part.c_str(), kReadFlags | O_NOFOLLOW));
      if (file.get() < 0) return OpenFailure(shown, errno);
      struct stat info;
      if (::fstat(file.get(), &info) != 0) {
        return Unavailable("{}: cannot stat: {}", shown, ErrnoText(errno));
      }
      if (!S_ISREG(info.st_mode)) {
        return InvalidArgument("{}: {}, expected a regular file", shown, KindOf(info.st_mode));
      }
      if (info.st_nlink != 1) {
        return InvalidArgument(
            "{}: {} hard links, expected 1 (another name can reach outside the folder)", shown,
            static_cast<uint64_t>(info.st_nlink));
      }
      return file.Release();
    }
    Descriptor next(
        ::openat(folder.get(), part.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (next.get() < 0) {
      struct stat info;
      if (::fstatat(folder.get(), part.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
          S_ISLNK(info.st_mode)) {
        return InvalidArgument("{}: component \"{}\" is a symbolic link", shown, part);
      }
      return OpenFailure(shown, errno);
    }
    folder = std::move(next);
    begin = end + 1;
  }
}

StatusOr<std::vector<std::string>> ListFiles(const std::string& root) {
  AZ_RETURN_IF_ERROR(RefuseNul(root));
  std::vector<std::string> names;
  AZ_RETURN_IF_ERROR(ListBelow(root, "", 0, names));
  std::sort(names.begin(), names.end());
  return names;
}

bool FileExists(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

bool FolderExists(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::string JoinPath(const std::string& folder, const std::string& name) {
  if (folder.empty() || (!name.empty() && name[0] == '/')) return name;
  if (name.empty()) return folder;
  return folder.back() == '/' ? folder + name : folder + "/" + name;
}

std::string FolderOf(const std::string& path) {
  size_t end = path.size();
  while (end > 1 && path[end - 1] == '/') --end;
  const size_t slash = path.rfind('/', end == 0 ? 0 : end - 1);
  if (slash == std::string::npos) return ".";
  size_t folder_end = slash;
  while (folder_end > 1 && path[folder_end - 1] == '/') --folder_end;
  return folder_end == 0 ? "/" : path.substr(0, folder_end);
}

std::string BaseName(const std::string& path) {
  size_t end = path.size();
  while (end > 1 && path[end - 1] == '/') --end;
  const size_t slash = path.rfind('/', end == 0 ? 0 : end - 1);
  if (slash == std::string::npos || end == 1) return path.substr(0, end);
  return path.substr(slash + 1, end - slash - 1);
}

}  // namespace assize
