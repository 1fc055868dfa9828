"""MobileNetV2 (Sandler et al. 2018) and EfficientNet-lite0, as exporters write them: normalization folded away.

Both are stacks of inverted residuals: 1x1 expansion, depthwise filter, 1x1 projection without activation, and
the sum with the input where shapes allow. Input "image" [batch, 3, 224, 224], output "logits" [batch, 1000].
"""
import numpy as np
import onnx
from onnx import helper, numpy_helper

import weights

# (expansion, channels, repeats, first stride, kernel)
MOBILENET_V2 = [(1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 32, 3, 2, 3), (6, 64, 4, 2, 3), (6, 96, 3, 1, 3),
                (6, 160, 3, 2, 3), (6, 320, 1, 1, 3)]
EFFICIENTNET_LITE0 = [(1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5),
                      (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)]


class Builder:
    def __init__(self, name, same_upper):
        self.name = name
        self.same_upper = same_upper  # TensorFlow's padding: the odd row at the end, where the stride is 2
        self.nodes, self.constants = [], []

    def constant(self, name, array):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name + "_out"], name=name, **attributes))
        return name + "_out"

    def conv(self, x, name, channels, out, kernel=1, stride=1, groups=1, gain=weights.AFTER_RELU, relu6=True):
        w = weights.filters(self.name, name, (out, channels // groups, kernel, kernel), gain)
        total = kernel - stride if self.same_upper else 2 * (kernel // 2)
        begin = max(total, 0) // 2
        end = max(total, 0) - begin
        y = self.add("Conv", [x, self.constant(name + ".weight", w),
                              self.constant(name + ".bias", weights.normal(self.name, name + ".bias", out, 0.1))],
                     name, kernel_shape=[kernel, kernel], strides=[stride, stride], group=groups,
                     dilations=[1, 1], pads=[begin, begin, end, end])
        return self.add("Clip", [y, "zero", "six"], name + ".relu6") if relu6 else y


def make(name):
    stages = {"mobilenet_v2": MOBILENET_V2, "efficientnet_lite0": EFFICIENTNET_LITE0}[name]
    b = Builder(name, same_upper=name == "efficientnet_lite0")
    b.constant("zero", np.float32(0))
    b.constant("six", np.float32(6))
    x = b.conv("image", "stem", 3, 32, kernel=3, stride=2, gain=1.0)
    channels = 32
    for stage, (expansion, out, repeats, stride, kernel) in enumerate(stages):
        for block in range(repeats):
            prefix = f"features.{stage}.{block}"
            step = stride if block == 0 else 1
            wide = channels * expansion
            y = x
            if expansion > 1:
                y = b.conv(y, prefix + ".expand", channels, wide, gain=1.0)
            y = b.conv(y, prefix + ".depthwise", wide, wide, kernel, step, groups=wide)
            residual = step == 1 and channels == out
            y = b.conv(y, prefix + ".project", wide, out, relu6=False,
                       gain=weights.AFTER_RELU * (0.3 if residual else 1.0))
            x = b.add("Add", [x, y], prefix + ".sum") if residual else y
            channels = out
    x = b.conv(x, "head", channels, 1280, gain=1.0)
    x = b.add("GlobalAveragePool", [x], "pool")
    x = b.add("Flatten", [x], "flatten", axis=1)
    w = weights.filters(name, "classifier", (1000, 1280))
    b.nodes.append(helper.make_node(
        "Gemm", [x, b.constant("classifier.weight", w), b.constant("classifier.bias", np.zeros(1000, np.float32))],
        ["logits"], name="classifier", transB=1))
    graph = helper.make_graph(
        b.nodes, name, [helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, ["batch", 3, 224, 224])],
        [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["batch", 1000])], b.constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8,
                             producer_name="assize-benchmarks")
