// TensorProto and SparseTensorProto to and from the IR: every element type, every data field, exact
// lengths. Tests: tests/onnx/tensor_test.cc.
#pragma once

#include <onnx/onnx-ml.pb.h>

#include <memory>
#include <string>

#include "lib/ir/attribute.h"
#include "lib/onnx/external.h"
#include "lib/onnx/scan.h"

namespace assize::onnx {

// What decoding a tensor needs besides its message.
struct TensorSource {
  const Scanned& scanned;
  ExternalFiles& external;
  std::shared_ptr<const void> owner;  // keeps the scanned bytes alive; null: payloads are copied
  const ImportLimits& limits;
};

StatusOr<ir::NamedTensor> ReadTensor(const ::onnx::TensorProto& proto, TensorSource& source);
StatusOr<ir::SparseTensor> ReadSparseTensor(const ::onnx::SparseTensorProto& proto,
                                            TensorSource& source);

// Decides where a tensor's bytes go. A null layout keeps all inside the protobuf.
struct TensorTarget {
  ExternalLayout* layout = nullptr;
  bool keep_external = true;     // tensors with a location go there again
  bool all_external = false;     // large tensors without one go outside too
  std::string location;          // not empty: instead of every tensor's own
  std::string default_location;  // of tensors that have none
  int64_t threshold_bytes = 1024;
};

void WriteTensor(const ir::NamedTensor& tensor, const TensorTarget& target,
                 ::onnx::TensorProto& proto);
void WriteSparseTensor(const ir::SparseTensor& tensor, ::onnx::SparseTensorProto& proto);

ir::StringPairs ReadPairs(
    const google::protobuf::RepeatedPtrField<::onnx::StringStringEntryProto>& pairs);
void WritePairs(const ir::StringPairs& pairs,
                google::protobuf::RepeatedPtrField<::onnx::StringStringEntryProto>& out);

}  // namespace assize::onnx
