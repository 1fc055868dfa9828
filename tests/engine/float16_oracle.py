"""Makes a 16-bit model out of a float one and leaves what ONNX Runtime says of it, for tests/engine/float16_test.cc.

usage: float16_oracle.py SHARED SET FORM ROWS OUTPUT_FOLDER

SET is a data set of ort_oracle.py, or "transformer": two encoder layers with LayerNormalization, seeded weights.
FORM  half      everything float16, inputs and outputs too
      ends      float16 between float inputs and outputs
      islands   some ops of the middle stay float, with Casts around them
      bfloat16  weights bfloat16, a Cast to float behind each

Writes model.onnx; x.bin (rows fed, in the model's type); y.f32, what the float model gives with the 16-bit model's
weights in it, which is what "computed in float from border to border" means; o.f32, what ONNX Runtime gives on the
16-bit model itself, rounding after every node; answers.bin (labels, int64); facts.txt (input name, type, dims).
"""
import os
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.transformers import float16

from ort_oracle import load

BFLOAT16 = TensorProto.BFLOAT16


def transformer(layers=2, width=64, heads=4, vocabulary=2048, length=16):
    rng = np.random.default_rng(20261123)
    nodes, weights = [], []

    def weight(name, *dims, scale=None):
        scale = dims[0] ** -0.5 if scale is None else scale
        weights.append(numpy_helper.from_array((rng.standard_normal(dims) * scale).astype(np.float32), name))
        return name

    def op(kind, inputs, output, **attributes):
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def ints(name, values):
        weights.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def norm(x, name):
        weights.append(numpy_helper.from_array((1 + 0.1 * rng.standard_normal(width)).astype(np.float32), name + ".g"))
        return op("LayerNormalization", [x, name + ".g", weight(name + ".b", width, scale=0.1)], name, axis=-1)

    def dense(x, name, inner, outer):
        y = op("MatMul", [x, weight(name + ".w", inner, outer)], name + ".m")
        return op("Add", [y, weight(name + ".bias", outer, scale=0.02)], name)

    x = op("Gather", [weight("table", vocabulary, width, scale=1.0), "ids"], "tokens")
    x = norm(op("Add", [x, weight("positions", length, width, scale=0.3)], "embedded"), "n0")
    split, merge = ints("split", [0, length, heads, width // heads]), ints("merge", [0, length, width])
    weights.append(numpy_helper.from_array(np.array((width // heads) ** 0.5, np.float32), "root"))
    weights.append(numpy_helper.from_array(np.array(2 ** 0.5, np.float32), "root2"))
    weights.append(numpy_helper.from_array(np.array(0.5, np.float32), "half"))
    weights.append(numpy_helper.from_array(np.array(1.0, np.float32), "one"))
    for i in range(layers):
        p = f"l{i}."
        q, k, v = (op("Reshape", [dense(x, p + c, width, width), split], p + c + "4") for c in "qkv")
        q = op("Transpose", [q], p + "qt", perm=[0, 2, 1, 3])
        k = op("Transpose", [k], p + "kt", perm=[0, 2, 3, 1])
        v = op("Transpose", [v], p + "vt", perm=[0, 2, 1, 3])
        s = op("Div", [op("MatMul", [q, k], p + "s"), "root"], p + "sd")
        a = op("MatMul", [op("Softmax", [s], p + "p", axis=-1), v], p + "a")
        a = op("Reshape", [op("Transpose", [a], p + "at", perm=[0, 2, 1, 3]), merge], p + "am")
        x = norm(op("Add", [x, dense(a, p + "o", width, width)], p + "r"), p + "n1")
        f = dense(x, p + "f", width, 4 * width)
        e = op("Add", [op("Erf", [op("Div", [f, "root2"], p + "fd")], p + "fe"), "one"], p + "fa")
        f = op("Mul", [op("Mul", [f, e], p + "fm"), "half"], p + "fg")
        x = norm(op("Add", [x, dense(f, p + "g", 4 * width, width)], p + "r2"), p + "n2")
    x = op("ReduceMean", [x], "mean", axes=[1], keepdims=0)
    nodes.append(helper.make_node("MatMul", [x, weight("head", width, 10)], ["logits"]))
    graph = helper.make_graph(
        nodes, "transformer", [helper.make_tensor_value_info("ids", TensorProto.INT64, ["N", length])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model, rng.integers(0, vocabulary, (512, length)).astype(np.int64)


def to_bfloat16(model):
    """Weights as bfloat16, each behind a Cast to float. Also the float model with the same weights."""
    small, rounded = onnx.ModelProto(), onnx.ModelProto()
    small.CopyFrom(model)
    rounded.CopyFrom(model)
    casts = []
    for old, new in zip(small.graph.initializer, rounded.graph.initializer):
        if old.data_type != TensorProto.FLOAT:
            continue
        bits = numpy_helper.to_array(old).astype(np.float32).view(np.uint32)
        bits = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
        dims, name = list(old.dims), old.name
        wide = (bits.astype(np.uint32) << 16).view(np.float32).reshape(dims)
        new.CopyFrom(numpy_helper.from_array(wide, name))
        old.CopyFrom(TensorProto(name=name + ".bf16", data_type=BFLOAT16, dims=dims, raw_data=bits.tobytes()))
        casts.append(helper.make_node("Cast", [name + ".bf16"], [name], to=TensorProto.FLOAT))
    nodes = casts + list(small.graph.node)
    del small.graph.node[:]
    small.graph.node.extend(nodes)
    return small, rounded


def to_float16(model, form):
    """Converted by ONNX Runtime's tool. Also the float model with the same weights."""
    block = float16.DEFAULT_OP_BLOCK_LIST + (["Add", "Softmax", "Clip"] if form == "islands" else [])
    rounded = onnx.ModelProto()
    rounded.CopyFrom(model)  # the tool changes what it is given
    small = float16.convert_float_to_float16(model, keep_io_types=form != "half", op_block_list=block)
    halves = {t.name: t for t in small.graph.initializer if t.data_type == TensorProto.FLOAT16}
    for tensor in rounded.graph.initializer:
        if tensor.name in halves:
            wide = numpy_helper.to_array(halves[tensor.name]).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(wide, tensor.name))
    return small, rounded


def run(model, feed, x, fixed):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = ort.InferenceSession(model.SerializeToString(), options)
    pieces = [x[i:i + 1] for i in range(len(x))] if fixed else [x]
    return np.concatenate([session.run(None, {feed: piece})[0] for piece in pieces])


def main():
    shared, name, form, rows, out = sys.argv[1:6]
    os.makedirs(out, exist_ok=True)
    if name == "transformer":
        model, x = transformer()
        labels = np.zeros(len(x), np.int64)
    else:
        path, x, labels = load(shared, name)
        model = onnx.load(path)
    small, rounded = to_bfloat16(model) if form == "bfloat16" else to_float16(model, form)
    onnx.save(small, os.path.join(out, "model.onnx"))
    onnx.save(rounded, os.path.join(out, "rounded.onnx"))
    feed = small.graph.input[0]
    fixed = feed.type.tensor_type.shape.dim[0].HasField("dim_value")
    x, labels = np.ascontiguousarray(x[:int(rows)]), labels[:int(rows)].reshape(-1).astype("<i8")
    if form == "half" and x.dtype == np.float32:
        x = x.astype(np.float16)
    wide = x.astype(np.float32) if x.dtype == np.float16 else x
    y = run(rounded, feed.name, wide, fixed)
    own = run(small, feed.name, x, fixed)
    if own.dtype == np.float16:
        y = y.astype(np.float16)
    x.tofile(os.path.join(out, "x.bin"))
    labels.tofile(os.path.join(out, "answers.bin"))
    y.astype("<f4").tofile(os.path.join(out, "y.f32"))
    own.astype("<f4").tofile(os.path.join(out, "o.f32"))
    with open(os.path.join(out, "facts.txt"), "w") as f:
        f.write(f"{feed.name} {x.dtype} {int(fixed)}\n{' '.join(map(str, x.shape))}\n{' '.join(map(str, y.shape))}\n")


if __name__ == "__main__":
    main()
