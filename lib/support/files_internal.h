// What files.cc and files_write.cc share: an owned descriptor, errno's text, a complete write.
// Tests: tests/support/files_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "lib/support/status.h"

namespace assize::support_internal {

// Closes its descriptor; -1 owns nothing.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  int get() const { return fd_; }
  int Release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

std::string ErrnoText(int error);

// All of `bytes`, or Unavailable naming `name` (no space, size limit, input/output error).
Status WriteAll(int fd, std::string_view bytes, const std::string& name);

}  // namespace assize::support_internal
