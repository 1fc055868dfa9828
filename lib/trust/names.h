// Names of files that may stand in a release: safe in every shell, archive, listing and JSON
// pointer. Tests: tests/trust/names_test.cc.
#pragma once

#include <string_view>

#include "lib/support/status.h"

namespace assize::trust {

// A relative path as release-format names it: components of [A-Za-z0-9._-] between single `/`, none
// empty, none `.` or `..`, none beginning with a dash, at most 255 bytes each and 1,024 in all.
// InvalidArgument with the offending component or byte.
Status CheckReleaseName(std::string_view name);

// The wider rule for folders that others signed: relative, `/` between non-empty components, valid
// UTF-8, no
// `.` or `..`, no backslash and no control character (sha256sum would print an escaped line for
// it).
Status CheckPortableName(std::string_view name);

}  // namespace assize::trust
