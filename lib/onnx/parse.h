// Protobuf's part of an import: the scanned, stripped copy into a message.
#pragma once

#include <google/protobuf/message_lite.h>

#include <string>

#include "lib/onnx/scan.h"

namespace assize::onnx {

Status ParseScanned(const Scanned& scanned, google::protobuf::MessageLite& message,
                    const std::string& origin);

}  // namespace assize::onnx
