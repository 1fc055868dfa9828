// The journal's file: locked while a build runs, appended to line by line. Private to this room.
// Tests: tests/release/store_test.cc.
#pragma once

#include <string>

#include "lib/support/status.h"

namespace assize::release {

class JournalFile {
 public:
  // Opens (creates) and locks. Unavailable when another build holds it.
  static StatusOr<JournalFile> Open(const std::string& path);
  JournalFile(JournalFile&& other) noexcept;
  JournalFile& operator=(JournalFile&& other) noexcept;
  ~JournalFile();

  // All lines; what a torn write left after the last newline is cut off first.
  StatusOr<std::string> ReadAndMend();
  // Whole and flushed, or not at all.
  Status Append(const std::string& line);
  // Removes the file again if it is empty: nothing is left of a build that never began.
  void RemoveIfEmpty();

 private:
  JournalFile() = default;
  std::string path_;
  int fd_ = -1;
};

}  // namespace assize::release
