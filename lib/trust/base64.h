// Standard base64 (RFC 4648, section 4), one text per value. Tests: tests/trust/dsse_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "lib/support/status.h"

namespace assize::trust {

std::string Base64Encode(std::string_view bytes);
// Refuses the URL-safe alphabet, white space, missing or surplus padding and unused bits that are
// not zero, so every value has exactly one text. InvalidArgument with the offset.
StatusOr<std::string> Base64Decode(std::string_view text);

}  // namespace assize::trust
