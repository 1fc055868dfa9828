// GraphProto, NodeProto, AttributeProto and FunctionProto to and from the IR.
// Tests: tests/onnx/graph_test.cc, tests/onnx/round_trip_test.cc.
#pragma once

#include <onnx/onnx-ml.pb.h>

#include "lib/ir/model.h"
#include "lib/onnx/tensor_codec.h"

namespace assize::onnx {

// Fills an empty graph. Refused: names given twice, nodes without op type; a name that nothing
// produces becomes a capture, at the top level too (the verifier reports it there). The order of
// nodes is kept, even a wrong one.
StatusOr<ir::Graph> ReadGraph(const ::onnx::GraphProto& proto, TensorSource& source);
StatusOr<ir::Function> ReadFunction(const ::onnx::FunctionProto& proto, TensorSource& source);
StatusOr<std::vector<ir::OpsetImport>> ReadOpsets(
    const google::protobuf::RepeatedPtrField<::onnx::OperatorSetIdProto>& protos,
    int64_t max_opset);

void WriteGraph(const ir::Graph& graph, const TensorTarget& target, ::onnx::GraphProto& proto);
void WriteFunction(const ir::Function& function, const TensorTarget& target,
                   ::onnx::FunctionProto& proto);
void WriteOpsets(const std::vector<ir::OpsetImport>& opsets,
                 google::protobuf::RepeatedPtrField<::onnx::OperatorSetIdProto>& out);

// Local functions call each other without a cycle, at most max_call_depth deep, calls inside
// subgraphs included.
Status CheckCalls(const ir::Model& model, const ImportLimits& limits);

}  // namespace assize::onnx
