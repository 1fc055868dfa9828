"""Runs a model in ONNX Runtime on real rows and leaves what it fed and got as .npz, for tests/engine/models_test.cc.

usage: ort_oracle.py SHARED SET ROWS OUTPUT_FOLDER [--int8|--operators|--dynamic]

Writes model.onnx (the source; with --int8 what quantize_static makes of it: QDQ, per-channel int8 weights, uint8
activations; with --operators the same as QLinear operators; with --dynamic what quantize_dynamic makes), x.f32, y.f32
(raw little-endian floats) and shapes.txt (dims of x, then of y, then correct answers).
"""
import gzip
import os
import struct
import sys

import numpy as np
import onnx
import onnx.version_converter
import onnxruntime as ort


def idx(path):
    data = gzip.open(path).read()
    rank = data[3]
    dims = struct.unpack(">" + "I" * rank, data[4:4 + 4 * rank])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(dims)


def load(shared, name):
    """Model path, rows ready to feed, labels."""
    d = os.path.join(shared, "data")
    if name == "mnist":
        x = idx(f"{d}/mnist/t10k-images-idx3-ubyte.gz")[:, None].astype(np.float32)
        return f"{d}/mnist/mnist-8.onnx", x, idx(f"{d}/mnist/t10k-labels-idx1-ubyte.gz")
    if name in ("resnet20", "resnet56", "winml"):
        z = np.load(f"{d}/cifar10/images5000.npz")
        x = z["x"].transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
        if name == "winml":
            return f"{d}/cifar10/winml_cifar_cnn.onnx", (x - np.float32(.5)) / np.float32(.5), z["y"]
        mean = np.array([.485, .456, .406], np.float32).reshape(1, 3, 1, 1)
        std = np.array([.229, .224, .225], np.float32).reshape(1, 3, 1, 1)
        return f"{d}/cifar10/{name}_cifar10.onnx", (x - mean) / std, z["y"]
    if name == "kws":
        z = np.load(f"{d}/kws/kws500.npz")
        x = (z["x"].astype(np.float32) - np.float32(83)) * np.float32(0.5847029)
        return f"{d}/kws/dscnn_kws.onnx", x.reshape(-1, 1, 49, 10), z["y"]
    if name == "pneumonia":
        z = np.load(f"{d}/pneumoniamnist/pneumoniamnist.npz")
        x = z["test_images"][:, None].astype(np.float32) / np.float32(255)
        return f"{d}/pneumoniamnist/pneumonia_cnn.onnx", x, z["test_labels"].reshape(-1)
    if name == "wdbc":
        z = np.load(f"{d}/wdbc/wdbc.npz")
        return f"{d}/wdbc/wdbc_mlp.onnx", z["test_x"].astype(np.float32), z["test_y"]
    if name == "fashion":
        f = "/usr/share/datasets/fashion-mnist"
        for root in (f, "/usr/share/dataset-fashion-mnist", "/usr/share/fashion-mnist"):
            if os.path.isdir(root):
                f = root
        x = idx(f"{f}/t10k-images-idx3-ubyte.gz")[:, None].astype(np.float32) / np.float32(255)
        return f"{d}/fashion-mnist/fashion_mobilenetv2_mini.onnx", x, idx(f"{f}/t10k-labels-idx1-ubyte.gz")
    raise SystemExit(f"unknown set {name}")


class Rows:
    def __init__(self, name, x):
        self.batches = iter([{name: x[i:i + 1]} for i in range(len(x))])

    def get_next(self):
        return next(self.batches, None)


def main():
    shared, name, rows, out = sys.argv[1:5]
    path, x, labels = load(shared, name)
    os.makedirs(out, exist_ok=True)
    target = os.path.join(out, "model.onnx")
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    form = sys.argv[5] if len(sys.argv) > 5 else ""
    if form:
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process
        feed = ort.InferenceSession(path, options).get_inputs()[0].name
        prepared = os.path.join(out, "prepared.onnx")
        raised = os.path.join(out, "raised.onnx")  # per-channel scales need opset 13
        model = onnx.load(path)
        onnx.save(model if model.opset_import[0].version >= 13 else onnx.version_converter.convert_version(model, 13), raised)
        quant_pre_process(raised, prepared, skip_symbolic_shape=True)
        if form == "--dynamic":  # unsigned: the runtime's ConvInteger knows no other weights
            quantize_dynamic(prepared, target, weight_type=QuantType.QUInt8)
        else:
            quantize_static(prepared, target, Rows(feed, x[-100:]), per_channel=True, weight_type=QuantType.QInt8,
                            quant_format=QuantFormat.QOperator if form == "--operators" else QuantFormat.QDQ,
                            activation_type=QuantType.QUInt8)
    else:
        with open(path, "rb") as src, open(target, "wb") as dst:
            dst.write(src.read())
    x, labels = np.ascontiguousarray(x[:int(rows)]), labels[:int(rows)]
    session = ort.InferenceSession(target, options)
    feed = session.get_inputs()[0]
    fixed = isinstance(feed.shape[0], int)
    if fixed:
        y = np.concatenate([session.run(None, {feed.name: x[i:i + 1]})[0] for i in range(len(x))])
    else:
        y = session.run(None, {feed.name: x})[0]
    x.astype("<f4").tofile(os.path.join(out, "x.f32"))
    y.astype("<f4").tofile(os.path.join(out, "y.f32"))
    with open(os.path.join(out, "shapes.txt"), "w") as f:
        f.write(" ".join(map(str, x.shape)) + "\n" + " ".join(map(str, y.shape)) + "\n")
        f.write(f"{int((y.argmax(1) == labels).sum())}\n{feed.name}\n{int(fixed)}\n")


if __name__ == "__main__":
    main()
