"""Types and shapes that onnx.shape_inference finds, one JSON line a model; paths come on stdin.

Declared types of intermediate values and outputs are dropped first, so that only inference speaks.
"""

import json
import sys

import onnx
from onnx import shape_inference


def describe(info):
    if info.type.WhichOneof("value") != "tensor_type":
        return None
    tensor = info.type.tensor_type
    if not tensor.elem_type:
        return None
    dims = None
    if tensor.HasField("shape"):
        dims = [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]
    return [tensor.elem_type, dims]


for line in sys.stdin:
    path = line.strip()
    record = {"path": path, "values": {}}
    try:
        model = onnx.load(path)
        del model.graph.value_info[:]
        for output in model.graph.output:
            if output.type.WhichOneof("value") == "tensor_type":
                output.type.tensor_type.ClearField("shape")
        inferred = shape_inference.infer_shapes(model, data_prop=True)
        produced = {name for node in inferred.graph.node for name in node.output}
        for info in list(inferred.graph.value_info) + list(inferred.graph.output):
            found = describe(info)
            if found and info.name in produced:
                record["values"][info.name] = found
    except Exception as error:  # an oracle that refuses a model says nothing about it
        record["error"] = str(error)[:200]
    print(json.dumps(record), flush=True)
