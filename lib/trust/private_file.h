// Files that only their owner may read: private keys. Tests: tests/trust/keys_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "lib/support/status.h"

namespace assize::trust {

// AlreadyExists when anything, a dangling symlink included, is at `path`.
Status CheckPathIsFree(const std::string& path);

// Writes `bytes` to `path` with mode 0600 from the first moment, whole or not at all. AlreadyExists
// when anything, a dangling symlink included, is at `path`; it is never replaced. Unavailable when
// the disk or folder refuses.
Status WritePrivateFile(const std::string& path, std::string_view bytes);

}  // namespace assize::trust
