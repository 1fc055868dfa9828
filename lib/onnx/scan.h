// The scan of untrusted bytes, before protobuf sees any of them.
//
// Walks the wire format by the field tables and refuses: truncated fields, lengths beyond what
// encloses them, varints that are too long, wrong wire types, singular fields given twice (protobuf
// would merge them: one file, two readings), two members of a oneof, invalid UTF-8, NUL in names,
// too deep nesting, too many items. What passes is copied without the payloads of raw_data: these
// stay views of the caller's bytes, and the copy holds their numbers. Tests:
// tests/onnx/scan_test.cc, tests/onnx/corrupt_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/onnx/onnx.h"
#include "lib/onnx/schema.h"
#include "lib/support/status.h"

namespace assize::onnx {

struct Scanned {
  std::string stripped;  // the message, each raw_data replaced by RawReference bytes
  std::vector<std::string_view> payloads;  // by number
  int max_nesting = 0;                     // of messages, the recursion protobuf needs
  // The payload that the four bytes of a stripped raw_data stand for.
  std::string_view Payload(std::string_view reference) const;
};

StatusOr<Scanned> Scan(WireMessage message, std::string_view bytes, const std::string& origin,
                       const ImportLimits& limits);

}  // namespace assize::onnx
