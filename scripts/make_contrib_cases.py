#!/usr/bin/env python3
"""Writes test cases for the com.microsoft ops: seeded random one-node models with ONNX Runtime's results.

Called by scripts/make_node_cases.py, in the same layout. data.json may hold `steps` beside rtol and atol: by how much
an integer may be off, for ops whose runtime works in float or by tables where the definition is exact. Variants cover
optional inputs present and absent, attributes, element types and broadcasting.
"""

import itertools
import json
import pathlib
import zlib

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper

DOMAIN = "com.microsoft"
F32, F16, I32, I64 = np.float32, np.float16, np.int32, np.int64
U8, S8 = np.uint8, np.int8


class Cases:
    def __init__(self, output: pathlib.Path):
        self.output, self.count = output, 0

    def add(self, name, op, inputs, outputs=1, attributes=None, constants=(), rtol=1e-4, atol=1e-5, steps=0,
            domain=DOMAIN):
        """`inputs`: arrays in order, None for an omitted one. `constants`: positions of those that the model holds.
        `outputs`: their number, or their names, "" for an omitted one."""
        inputs = [None if x is None else np.asarray(x) for x in inputs]
        names = [f"x{i}" if x is not None else "" for i, x in enumerate(inputs)]
        results = [f"y{i}" for i in range(outputs)] if isinstance(outputs, int) else outputs
        node = helper.make_node(op, names, results, domain=domain, **(attributes or {}))
        info = lambda n, x: helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        fed = [(n, x) for i, (n, x) in enumerate(zip(names, inputs)) if n and i not in constants]
        held = [numpy_helper.from_array(inputs[i], names[i]) for i in constants if inputs[i] is not None]
        named = [r for r in results if r]

        def model(infos):
            graph = helper.make_graph([node], "case", [info(n, x) for n, x in fed], infos, held)
            imports = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)]
            return helper.make_model(graph, opset_imports=imports, ir_version=9)

        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        untyped = [onnx.ValueInfoProto(name=n) for n in named]
        session = ort.InferenceSession(model(untyped).SerializeToString(), options,
                                       providers=["CPUExecutionProvider"])
        values = session.run(named, dict(fed))
        folder = self.output / name
        data = folder / "test_data_set_0"
        data.mkdir(parents=True)
        whole = model([info(n, x) for n, x in zip(named, values)])
        (folder / "model.onnx").write_bytes(whole.SerializeToString(deterministic=True))
        (folder / "data.json").write_text(json.dumps({"atol": atol, "rtol": rtol, "steps": steps}) + "\n")
        for prefix, arrays in (("input", [x for _, x in fed]), ("output", values)):
            for i, x in enumerate(arrays):
                (data / f"{prefix}_{i}.pb").write_bytes(numpy_helper.from_array(x).SerializeToString(deterministic=True))
        self.count += 1


def seeded(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


def normal(rng, *shape, spread=1.0):
    return (spread * rng.standard_normal(shape)).astype(F32)


def quantized(rng, shape, dtype):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max + 1, shape, dtype=dtype)


def real(value):
    return np.array(value, dtype=F32)


def zero(dtype, value):
    """A zero point, given as for uint8."""
    return np.array(value if dtype == U8 else value - 128, dtype=dtype)


def qlinear(c):
    for op, dtype, (a, b) in itertools.product(
            ("QLinearAdd", "QLinearMul"), (U8, S8), (((2, 3, 5), (2, 3, 5)), ((4, 1, 7), (3, 1)), ((33,), ()))):
        name = f"{op}_{dtype.__name__}_{len(a)}d_{len(b)}d".lower()
        rng = seeded(name)
        c.add(name, op, [quantized(rng, a, dtype), real(0.01), zero(dtype, 120), quantized(rng, b, dtype), real(0.013),
                         zero(dtype, 131), real(0.02 if op == "QLinearAdd" else 0.04),
                         zero(dtype, 99)], steps=1)
    for op, dtype, attributes in (("QLinearSigmoid", U8, {}), ("QLinearSigmoid", S8, {}), ("QLinearLeakyRelu", U8, {}),
                                  ("QLinearLeakyRelu", S8, {"alpha": 0.3})):
        sigmoid = op == "QLinearSigmoid"
        x = np.arange(256).astype(U8).view(dtype).reshape(4, 64)
        c.add(f"{op}_{dtype.__name__}".lower(), op,
              [x, real(0.05), zero(dtype, 128), real(0.004 if sigmoid else 0.04), zero(dtype, 0 if sigmoid else 100)],
              steps=1, constants=(1, 2, 3, 4), attributes=attributes)
    for dtype, opset, axis in itertools.product((U8, S8), (11, 13), (1, -1)):
        name = f"qlinearsoftmax_{dtype.__name__}_{opset}_{'last' if axis < 0 else axis}"
        c.add(name, "QLinearSoftmax", [quantized(seeded(name), (3, 5, 11), dtype), real(0.04), zero(dtype, 100),
                                       real(1 / 256), zero(dtype, 0)], steps=1, constants=(1, 2, 3, 4),
              attributes={"axis": axis, "opset": opset})
    for dtype in (U8, S8):
        name = f"qlinearwhere_{dtype.__name__}"
        rng = seeded(name)
        c.add(name, "QLinearWhere", [rng.random((3, 1, 6)) < 0.5, quantized(rng, (3, 4, 6), dtype), real(0.02),
                                     zero(dtype, 100), quantized(rng, (4, 1), dtype), real(0.03), zero(dtype, 140),
                                     real(0.025), zero(dtype, 128)], steps=1, constants=(2, 3, 5, 6, 7, 8))
        for axis in (1, -1):
            name = f"qlinearconcat_{dtype.__name__}_{'last' if axis < 0 else axis}"
            rng = seeded(name)
            shapes = ((2, 3, 4), (2, 1, 4), (2, 5, 4)) if axis == 1 else ((2, 3, 4), (2, 3, 1), (2, 3, 2))
            inputs = [real(0.02), zero(dtype, 128)]
            for shape, scale, z in zip(shapes, (0.02, 0.015, 0.03), (128, 90, 140)):
                inputs += [quantized(rng, shape, dtype), real(scale), zero(dtype, z)]
            c.add(name, "QLinearConcat", inputs, steps=1, constants=(0, 1, 3, 4, 6, 7, 9, 10), attributes={"axis": axis})
        for last in (0, 1):
            name = f"qlinearglobalaveragepool_{dtype.__name__}{'_nhwc' if last else ''}"
            c.add(name, "QLinearGlobalAveragePool",
                  [quantized(seeded(name), (2, 5, 6, 3), dtype), real(0.02), zero(dtype, 120), real(0.017),
                   zero(dtype, 128)], steps=1, attributes={"channels_last": last})
        pools = {
            "plain": {"kernel_shape": [2, 2]},
            "strided": {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]},
            "counted": {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1},
            "ceil": {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
            "nhwc": {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "channels_last": 1},
        }
        for tag, attributes in pools.items():
            name = f"qlinearaveragepool_{dtype.__name__}_{tag}"
            c.add(name, "QLinearAveragePool", [quantized(seeded(name), (2, 4, 8, 7), dtype), real(0.02),
                                               zero(dtype, 110), real(0.018), zero(dtype, 128)], steps=1,
                  constants=(1, 2, 3, 4), attributes=attributes)


def linear_quantization(c):
    for dtype, axis in itertools.product((U8, S8, np.uint16, np.int16), (None, 1)):
        name = f"contrib_quantizelinear_{dtype.__name__}_{'axis' if axis else 'tensor'}"
        rng, info = seeded(name), np.iinfo(dtype)
        shape = (3,) if axis else ()
        scale = (rng.random(shape) * 0.05 + 0.01).astype(F32)
        middle = (int(info.max) + int(info.min) + 1) // 2
        zeros = (middle + rng.integers(-20, 20, shape)).astype(dtype)
        attributes = {"axis": axis} if axis else {}
        c.add(name, "QuantizeLinear", [normal(rng, 2, 3, 7, spread=3), scale, zeros], attributes=attributes)
        name = name.replace("quantize", "dequantize")
        c.add(name, "DequantizeLinear", [quantized(rng, (2, 3, 7), dtype), scale, zeros], attributes=attributes)
    rng = seeded("contrib_nozero")
    c.add("contrib_quantizelinear_nozero", "QuantizeLinear", [normal(rng, 5, 6), real(0.02)])
    c.add("contrib_dequantizelinear_int32", "DequantizeLinear",
          [rng.integers(-10**6, 10**6, (4, 5)).astype(I32), real(0.001)])


def products(c):
    for dtype_a, dtype_b, column, bias in itertools.product((U8, S8), (U8, S8), (False, True), (False, True)):
        if dtype_a == S8 and dtype_b == U8:
            continue  # the runtime has no kernel for it
        tag = f"{dtype_a.__name__}_{dtype_b.__name__}_{'column' if column else 'tensor'}{'_bias' if bias else ''}"
        rng = seeded(tag)
        a, b = quantized(rng, (2, 5, 24), dtype_a), quantized(rng, (24, 9), dtype_b)
        b_scale = (rng.random(9 if column else ()) * 0.01 + 0.005).astype(F32)
        b_zero = (quantized(rng, 9, dtype_b) // 8 if column else zero(dtype_b, 120)).astype(dtype_b)
        extra = normal(rng, 9) if bias else None
        c.add(f"matmulintegertofloat_{tag}", "MatMulIntegerToFloat",
              [a, b, real(0.02), b_scale, zero(dtype_a, 117), b_zero, extra], constants=(1,), atol=1e-4)
        if dtype_a == U8:
            c.add(f"dynamicquantizematmul_{tag}", "DynamicQuantizeMatMul",
                  [normal(rng, 2, 5, 24), b, b_scale, b_zero, extra], constants=(1,), atol=1e-4)
    rng = seeded("plain products")
    c.add("matmulintegertofloat_nozero", "MatMulIntegerToFloat",
          [quantized(rng, (4, 8), U8), quantized(rng, (8, 3), S8), real(0.1), real(0.2)])
    c.add("dynamicquantizematmul_nozero", "DynamicQuantizeMatMul",
          [normal(rng, 4, 8) + 3, quantized(rng, (8, 3), S8), real(0.2)])
    for dtype_b, trans_a, trans_b, form in itertools.product((U8, S8), (0, 1), (0, 1), ("float", "quantized", "column")):
        name = f"qgemm_{dtype_b.__name__}_{trans_a}{trans_b}_{form}"
        rng = seeded(name)
        m, k, n = 5, 16, 7
        a, b = quantized(rng, (k, m) if trans_a else (m, k), U8), quantized(rng, (n, k) if trans_b else (k, n), dtype_b)
        per = n if form == "column" else ()
        b_scale = (rng.random(per) * 0.01 + 0.005).astype(F32)
        b_zero = np.full(per, zero(dtype_b, 125), dtype_b)
        bias = rng.integers(-3000, 3000, n).astype(I32) if form != "column" else None
        y = [None, None] if form == "float" else [real(0.3), zero(U8, 118)]
        c.add(name, "QGemm", [a, real(0.02), zero(U8, 121), b, b_scale, b_zero, bias, *y], atol=1e-4, steps=1,
              constants=(1, 2, 3, 4, 5, 6, 7, 8), attributes={"transA": trans_a, "transB": trans_b, "alpha": 1.0})
    for bits, block, k in ((4, 16, 64), (4, 32, 80), (4, 128, 128), (8, 32, 64), (8, 16, 40), (2, 16, 64)):
        for zeros, group, bias in ((None, False, False), ("packed", False, True), ("float", False, False),
                                   (None, True, False)):
            if (bits != 4 and (zeros == "float" or group)) or (group and k % block):
                continue
            name = f"matmulnbits_{bits}bit_{block}_{k}_{zeros or 'nozero'}{'_gidx' if group else ''}{'_bias' if bias else ''}"
            rng, n = seeded(name), 9
            blocks = -(-k // block)
            b = rng.integers(0, 256, (n, blocks, block * bits // 8), dtype=U8)
            scales = (rng.random((n, blocks)) * 0.1 + 0.01).astype(F32)
            z = None
            if zeros == "packed":
                z = rng.integers(0, 256, (n, -(-blocks * bits // 8)), dtype=U8)
            elif zeros == "float":
                z = (rng.random((n, blocks)) * 2**bits).astype(F32)
            index = rng.integers(0, blocks, k).astype(I32) if group else None
            c.add(name, "MatMulNBits", [normal(rng, 2, 3, k), b, scales, z, index, normal(rng, n) if bias else None],
                  constants=(1, 2, 3, 4, 5), atol=1e-4, rtol=1e-3,
                  attributes={"K": k, "N": n, "bits": bits, "block_size": block})


def fused(c):
    rng = seeded("gelu")
    x, bias = normal(rng, 3, 4, 16, spread=2), normal(rng, 16)
    c.add("contrib_gelu", "Gelu", [x])
    c.add("biasgelu", "BiasGelu", [x, bias])
    c.add("fastgelu", "FastGelu", [x])
    c.add("fastgelu_bias", "FastGelu", [x, bias])
    c.add("quickgelu", "QuickGelu", [x])
    c.add("quickgelu_alpha", "QuickGelu", [x], attributes={"alpha": 0.8})
    for trans_a, trans_b, batch_a, batch_b in itertools.product((0, 1), repeat=4):
        rng = seeded(f"fused {trans_a}{trans_b}{batch_a}{batch_b}")
        a = [2, 3, 4, 6] if not trans_a else [2, 3, 6, 4]
        b = [2, 3, 6, 5] if not trans_b else [2, 3, 5, 6]
        if batch_a:
            a = [a[2], a[0], a[1], a[3]]
        if batch_b:
            b = [b[2], b[0], b[1], b[3]]
        c.add(f"fusedmatmul_{trans_a}{trans_b}{batch_a}{batch_b}", "FusedMatMul", [normal(rng, *a), normal(rng, *b)],
              attributes={"transA": trans_a, "transB": trans_b, "transBatchA": batch_a, "transBatchB": batch_b,
                          "alpha": 0.5})
    for activation, attributes in (("Relu", {}), ("LeakyRelu", {"activation_alpha": 0.2}), ("Tanh", {}), ("Sigmoid", {})):
        rng = seeded("fusedgemm" + activation)
        c.add(f"fusedgemm_{activation.lower()}", "FusedGemm", [normal(rng, 4, 6), normal(rng, 5, 6), normal(rng, 5)],
              attributes={"activation": activation, "transB": 1, "alpha": 0.7, "beta": 1.3, **attributes})
    for activation, params in (("Relu", None), ("LeakyRelu", [0.2]), ("Tanh", None), ("Sigmoid", None),
                               ("Clip", [-0.5, 0.75]), ("HardSigmoid", [0.3, 0.4])):
        rng = seeded("fusedconv" + activation)
        attributes = {"activation": activation, "kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
        if params:
            attributes["activation_params"] = params
        c.add(f"fusedconv_{activation.lower()}", "FusedConv", [normal(rng, 2, 3, 6, 5), normal(rng, 4, 3, 3, 3), normal(rng, 4)],
              attributes=attributes)
    rng = seeded("fusedconv sum")
    c.add("fusedconv_sum_relu", "FusedConv", [normal(rng, 2, 4, 6, 5), normal(rng, 4, 2, 3, 3), normal(rng, 4),
                                              normal(rng, 2, 4, 4, 3)],
          attributes={"activation": "Relu", "kernel_shape": [3, 3], "group": 2})


def norms(c):
    for op, tag, (shape, skip), bias in itertools.product(
            ("SkipLayerNormalization", "SkipSimplifiedLayerNormalization"), ("", "_sum"),
            (((2, 3, 16), (2, 3, 16)), ((2, 3, 16), (3, 16)), ((2, 3, 16), (1, 3, 16))), (False, True)):
        name = f"{op}{tag}_{len(skip)}d{skip[0]}{'_bias' if bias else ''}".lower()
        rng = seeded(name)
        inputs = [normal(rng, *shape), normal(rng, *skip), normal(rng, 16)]
        if op == "SkipLayerNormalization":
            inputs.append(normal(rng, 16))
        inputs.append(normal(rng, 16) if bias else None)
        c.add(name, op, inputs, ["y0", "", "", "y3"] if tag else 1, {"epsilon": 1e-5})
    rng = seeded("skip without beta")
    c.add("skiplayernormalization_nobeta", "SkipLayerNormalization", [normal(rng, 2, 3, 8), normal(rng, 2, 3, 8), normal(rng, 8)])
    for axis in (-1, 1):
        c.add(f"simplifiedlayernormalization_{'last' if axis < 0 else axis}", "SimplifiedLayerNormalization",
              [normal(rng, 2, 3, 8), normal(rng, *((8,) if axis < 0 else (3, 8)))], domain="", attributes={"axis": axis})
    for segments, mask, positions, total in ((True, True, False, True), (False, False, False, False),
                                             (True, False, True, False), (False, True, True, True)):
        name = f"embedlayernormalization_{int(segments)}{int(mask)}{int(positions)}{int(total)}"
        rng = seeded(name)
        ids = lambda high: rng.integers(0, high, (2, 5)).astype(I32)
        inputs = [ids(20), ids(2) if segments else None, normal(rng, 20, 12), normal(rng, 9, 12),
                  normal(rng, 2, 12) if segments else None, normal(rng, 12), normal(rng, 12),
                  np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0]], I32) if mask else None, ids(9) if positions else None]
        c.add(name, "EmbedLayerNormalization", inputs, ["y0", "y1" if mask else "", "y2"] if total else ["y0", "y1"],
              {"epsilon": 1e-6}, rtol=1e-3)


def masks(batch, length, past, rng):
    total = length + past
    return {
        "nomask": None,
        "ends": np.array([total, total - 2], I32),
        "ends_starts": np.array([total, total - 1, 0, 1], I32),
        "keys": (rng.random((batch, total)) < 0.7).astype(I32),
        "rows": (rng.random((batch, length, total)) < 0.7).astype(I32),
    }


def attentions(c):
    batch, length, inputs, heads, width = 2, 5, 12, 3, 4
    hidden = heads * width
    for past, causal in itertools.product((0, 3), (0, 1)):
        for tag, mask in masks(batch, length, past, seeded(f"mask{past}{causal}")).items():
            if tag == "ends_starts" and past:
                continue
            name = f"contrib_attention_past{past}_causal{causal}_{tag}"
            rng = seeded(name)
            state = normal(rng, 2, batch, heads, past, width) if past else None
            present = ["y0", "y1"] if past else ["y0"]
            attributes = {"num_heads": heads, "unidirectional": causal}
            c.add(name, "Attention", [normal(rng, batch, length, inputs), normal(rng, inputs, 3 * hidden, spread=0.4),
                                      normal(rng, 3 * hidden), mask, state], present, attributes, rtol=1e-3, atol=1e-4)
            if tag in ("nomask", "ends", "keys"):
                scale = (seeded(name).random(3 * hidden) * 0.02 + 0.005).astype(F32) if causal else real(0.02)
                w_zero = zero(S8, 130) if not causal else np.zeros(3 * hidden, S8)
                c.add(name.replace("contrib_", "q"), "QAttention",
                      [quantized(rng, (batch, length, inputs), U8), quantized(rng, (inputs, 3 * hidden), S8),
                       normal(rng, 3 * hidden), real(0.01), scale, mask, zero(U8, 128), w_zero, state], present,
                      attributes, rtol=1e-3, atol=1e-3, constants=(1,))
    rng = seeded("attention forms")
    x, bias = normal(rng, batch, length, inputs), normal(rng, 2 * hidden + 18)
    c.add("contrib_attention_sizes", "Attention", [x, normal(rng, inputs, 2 * hidden + 18, spread=0.4), bias], 1,
          {"num_heads": heads, "qkv_hidden_sizes": [hidden, hidden, 18]}, rtol=1e-3, atol=1e-4)
    c.add("contrib_attention_scale_bias", "Attention",
          [x, normal(rng, inputs, 3 * hidden, spread=0.4), normal(rng, 3 * hidden), None, None,
           normal(rng, 1, heads, length, length)], 1, {"num_heads": heads, "scale": 0.3}, rtol=1e-3, atol=1e-4)
    for past, bias, causal in itertools.product((0, 3), (False, True), (0, 1)):
        name = f"multiheadattention_past{past}_causal{causal}{'_bias' if bias else ''}"
        rng = seeded(name)
        state = [normal(rng, batch, heads, past, width), normal(rng, batch, heads, past, width)] if past else [None, None]
        c.add(name, "MultiHeadAttention",
              [normal(rng, batch, length, hidden), normal(rng, batch, length, hidden), normal(rng, batch, length, hidden),
               normal(rng, 3 * hidden) if bias else None, None, None, *state],
              ["y0", "y1", "y2"] if past else 1, {"num_heads": heads, "unidirectional": causal}, rtol=1e-3, atol=1e-4)
    rng = seeded("cross")
    q, k, v = normal(rng, batch, length, hidden), normal(rng, batch, 7, hidden), normal(rng, batch, 7, 2 * hidden)
    c.add("multiheadattention_cross", "MultiHeadAttention", [q, k, v], 1, {"num_heads": heads}, rtol=1e-3, atol=1e-4)
    c.add("multiheadattention_keys", "MultiHeadAttention",
          [q, k, v, None, np.array([[1] * 6 + [0], [0] + [1] * 6], I32)], 1, {"num_heads": heads}, rtol=1e-3, atol=1e-4)
    c.add("multiheadattention_ends", "MultiHeadAttention", [q, k, v, None, np.array([7, 4], I32)], 1,
          {"num_heads": heads}, rtol=1e-3, atol=1e-4)
    c.add("multiheadattention_score_bias", "MultiHeadAttention", [q, k, v, None, None, normal(rng, 1, heads, length, 7)], 1,
          {"num_heads": heads, "scale": 0.4}, rtol=1e-3, atol=1e-4)
    c.add("multiheadattention_split", "MultiHeadAttention",
          [q, normal(rng, batch, heads, 7, width), normal(rng, batch, heads, 7, width)], 1, {"num_heads": heads},
          rtol=1e-3, atol=1e-4)
    angle = np.arange(20)[:, None] * np.array([1.0, 0.1])[None]
    cos, sin = np.cos(angle).astype(F32), np.sin(angle).astype(F32)
    for interleaved, shape in itertools.product((0, 1), ((batch, length, hidden), (batch, heads, length, width))):
        name = f"contrib_rotaryembedding_{interleaved}_{len(shape)}d"
        rng = seeded(name)
        c.add(name, "RotaryEmbedding", [normal(rng, *shape), np.array([4], I64), cos, sin],
              attributes={"interleaved": interleaved})
        c.add(name + "_ids", "RotaryEmbedding",
              [normal(rng, *shape), rng.integers(0, 20, (batch, length)).astype(I64), cos, sin],
              attributes={"interleaved": interleaved})
    c.add("contrib_rotaryembedding_part", "RotaryEmbedding",
          [normal(rng, batch, length, 2 * 8), np.array([0], I64), cos, sin],
          attributes={"num_heads": 2, "rotary_embedding_dim": 4})


def group_queries(c):
    batch, heads, groups, width = 2, 4, 2, 16
    angle = np.arange(32)[:, None] * (10.0 ** -np.linspace(0, 2, 8))[None]
    cos, sin = np.cos(angle).astype(F32), np.sin(angle).astype(F32)
    forms = {"plain": {}, "rotary": {"do_rotary": 1}, "interleaved": {"do_rotary": 1, "rotary_interleaved": 1},
             "window": {"local_window_size": 3}, "softcap": {"softcap": 2.0, "scale": 0.5}}
    for (tag, attributes), packed, step in itertools.product(forms.items(), (False, True), ("prompt", "token", "buffer")):
        name = f"groupqueryattention_{tag}_{step}{'_packed' if packed else ''}"
        rng = seeded(name)
        length = 5 if step == "prompt" else 1
        seen = np.array([5, 5] if step == "prompt" else [8, 6])  # tokens of each sample after the step
        total = int(seen.max())
        room = {"prompt": 0, "token": total - 1, "buffer": 12}[step]
        if packed:
            new = [normal(rng, batch, length, (heads + 2 * groups) * width), None, None]
        else:
            new = [normal(rng, batch, length, heads * width), normal(rng, batch, length, groups * width),
                   normal(rng, batch, length, groups * width)]
        past = [None, None]
        if room:
            past = [normal(rng, batch, groups, room, width) for _ in range(2)]
        caches = [cos, sin] if attributes.get("do_rotary") else [None, None]
        c.add(name, "GroupQueryAttention", [*new, *past, (seen - 1).astype(I32), np.array(total, I32), *caches],
              3, {"num_heads": heads, "kv_num_heads": groups, **attributes}, rtol=1e-3,
              atol=1e-4)


def write_contrib_cases(output: pathlib.Path) -> int:
    cases = Cases(output)
    for family in (qlinear, linear_quantization, products, fused, norms, attentions, group_queries):
        family(cases)
    return cases.count
