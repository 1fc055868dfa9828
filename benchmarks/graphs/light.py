"""The ImageNet graphs of the onnx package ("light": every weight is a constant) as models that can be measured.

Changes: seeded weights instead of constants, opset 13 instead of 9 (what exporters write today, and what
per-channel quantization needs), a symbolic batch instead of 1.
"""
import pathlib

import numpy as np
import onnx
from onnx import helper, numpy_helper

import weights

NAMES = ["resnet50", "densenet121", "inception_v1", "inception_v2", "shufflenet", "squeezenet", "vgg19",
         "bvlc_alexnet", "zfnet512"]
OPSET = 13
# What a filter's input may pass through without losing "comes from a ReLU".
TRANSPARENT = {"MaxPool", "AveragePool", "GlobalAveragePool", "Concat", "LRN", "Dropout", "Reshape", "Transpose"}


class Fill:
    """Chooses the values of one graph's weights by what reads them."""

    def __init__(self, name, graph):
        self.name = name
        self.makers = {out: node for node in graph.node for out in node.output}
        self.readers = {}
        for node in graph.node:
            for slot, value in enumerate(node.input):
                self.readers.setdefault(value, []).append((node, slot))

    def after_relu(self, value):
        node = self.makers.get(value)
        if node is None:
            return False
        if node.op_type == "Relu":
            return True
        return node.op_type in TRANSPARENT and self.after_relu(node.input[0])

    def joins_residual(self, value):
        return any(node.op_type == "Sum" for node, _ in self.readers.get(value, []))

    def values(self, tensor, dims):
        node, slot = self.readers[tensor][0]
        if node.op_type in ("Unsqueeze", "Reshape"):  # a weight on its way into its shape
            reader, reader_slot = self.readers[node.output[0]][0]
            node, slot = reader, reader_slot
        if node.op_type in ("Conv", "Gemm"):
            if slot == 2:
                return weights.normal(self.name, tensor, dims, 0.05)
            gain = weights.AFTER_RELU if self.after_relu(node.input[0]) else 1.0
            return weights.filters(self.name, tensor, dims, gain)
        if node.op_type == "BatchNormalization":
            if slot == 1:  # a quiet branch, so that sixteen sums in a row do not double the variance each
                quiet = 0.4 if self.joins_residual(node.output[0]) else 1.0
                return weights.near_one(self.name, tensor, dims, quiet)
            if slot == 4:
                return weights.near_one(self.name, tensor, dims)
            return weights.normal(self.name, tensor, dims, 0.1)
        if node.op_type == "Mul":
            return weights.near_one(self.name, tensor, dims)
        if node.op_type == "Add":
            return weights.normal(self.name, tensor, dims, 0.1)
        raise ValueError(f"{self.name}: no rule for weight {tensor} of {node.op_type} input {slot}")


def upgraded(node, constants):
    """`node` of opset 9 in the form of opset 13; integer operands are added to `constants` (name -> array)."""
    result = onnx.NodeProto()
    result.CopyFrom(node)
    attributes = {a.name: a for a in node.attribute}
    if node.op_type == "Unsqueeze":
        axes = np.array(attributes["axes"].ints, np.int64)
        name = "axes_" + "_".join(str(a) for a in axes)
        constants[name] = axes
        result.input.append(name)
        del result.attribute[:]
    elif node.op_type == "Dropout":  # at inference an identity; the mask has no reader
        del result.attribute[:], result.output[1:]
    elif node.op_type == "Softmax" and "axis" not in attributes:
        result.attribute.append(helper.make_attribute("axis", 1))
    return result


def make(name):
    folder = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"
    source = onnx.load(folder / f"light_{name}.onnx").graph
    stored = {i.name: numpy_helper.to_array(i) for i in source.initializer}
    constants = dict(stored)
    nodes = []
    for node in source.node:
        if node.op_type == "ConstantOfShape":
            constants[node.output[0]] = np.zeros(stored[node.input[0]], np.float32)
            continue
        nodes.append(upgraded(node, constants))
    data = next(i for i in source.input if i.name not in stored)
    graph = helper.make_graph(
        nodes, name,
        [helper.make_tensor_value_info(data.name, onnx.TensorProto.FLOAT, ["batch", 3, 224, 224])],
        [helper.make_tensor_value_info(o.name, onnx.TensorProto.FLOAT,
                                       ["batch"] + [d.dim_value for d in o.type.tensor_type.shape.dim[1:]])
         for o in source.output])
    fill = Fill(name, graph)
    for key in sorted(set(constants) & set(fill.readers)):
        array = constants[key]
        if array.dtype == np.float32:
            array = fill.values(key, array.shape)
        elif any(node.op_type == "Reshape" and node.input[0] in fill.makers for node, _ in fill.readers[key]):
            array = np.concatenate([[0], array[1:]]).astype(np.int64)  # the batch as it comes
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array), key))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8,
                             producer_name="assize-benchmarks")
