// TypeProto to and from ir::Type. Tests: tests/onnx/round_trip_test.cc.
#pragma once

#include <onnx/onnx-ml.pb.h>

#include "lib/ir/type.h"
#include "lib/support/status.h"

namespace assize::onnx {

// A dim_value of -1, which some writers use for "unknown", becomes an unknown dimension; other
// negative ones are refused.
StatusOr<ir::Type> ReadType(const ::onnx::TypeProto& proto);
void WriteType(const ir::Type& type, ::onnx::TypeProto& proto);

}  // namespace assize::onnx
