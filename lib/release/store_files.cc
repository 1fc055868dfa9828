// POSIX side of the journal: flock, append, fsync, and taking back a write that failed half-way.
#include "lib/release/store_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "lib/release/journal.h"
#include "lib/support/files.h"

namespace assize::release {
namespace {

std::string Reason() { return std::strerror(errno); }

}  // namespace

StatusOr<JournalFile> JournalFile::Open(const std::string& path) {
  JournalFile file;
  file.path_ = path;
  file.fd_ =
      ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
  if (file.fd_ < 0) {
    if (errno == ELOOP) return InvalidArgument("{}: a symbolic link, expected a file", path);
    return Unavailable("{}: cannot open the journal: {}", path, Reason());
  }
  struct stat info;
  if (::fstat(file.fd_, &info) != 0 || !S_ISREG(info.st_mode)) {
    return InvalidArgument("{}: not a regular file", path);
  }
  if (::flock(file.fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return Unavailable("{}: another build holds the store; one store takes one build at a time",
                         path);
    }
    return Unavailable("{}: cannot lock: {}", path, Reason());
  }
  return file;
}

JournalFile::JournalFile(JournalFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

JournalFile& JournalFile::operator=(JournalFile&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    path_ = std::move(other.path_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

JournalFile::~JournalFile() {
  if (fd_ >= 0) ::close(fd_);
}

StatusOr<std::string> JournalFile::ReadAndMend() {
  AZ_ASSIGN_OR_RETURN(std::string text, ReadFile(path_, kMaxJournalBytes));
  if (text.empty() || text.back() == '\n') return text;
  // The writer died within a line: it was never journalled.
  text.resize(text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1);
  if (::ftruncate(fd_, static_cast<off_t>(text.size())) != 0 || ::fsync(fd_) != 0) {
    return Unavailable("{}: cannot mend the torn last line: {}", path_, Reason());
  }
  return text;
}

Status JournalFile::Append(const std::string& line) {
  struct stat before;
  if (::fstat(fd_, &before) != 0) return Unavailable("{}: {}", path_, Reason());
  size_t done = 0;
  while (done < line.size()) {
    const ssize_t written = ::write(fd_, line.data() + done, line.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    done += static_cast<size_t>(written);
  }
  if (done == line.size() && ::fsync(fd_) == 0) return OkStatus();
  const std::string reason = Reason();
  if (::ftruncate(fd_, before.st_size) != 0) {
    return Unavailable("{}: cannot write ({}) nor take back what was written ({})", path_, reason,
                       Reason());
  }
  return Unavailable("{}: cannot write the journal: {}", path_, reason);
}

void JournalFile::RemoveIfEmpty() {
  struct stat info;
  if (fd_ >= 0 && ::fstat(fd_, &info) == 0 && info.st_size == 0) ::unlink(path_.c_str());
}

}  // namespace assize::release
