#!/usr/bin/env python3
"""Writes the benchmark graphs, FP32 and int8, and manifest.json into .deps/graphs (or --out).

  scripts/setup bench
  .deps/peers/bin/python benchmarks/graphs/make.py [--only REGEX] [--assize build/release/assize] [--out FOLDER]

NAME.onnx is the FP32 graph, NAME.int8.onnx its QDQ version made by `assize quantize` from NAME.calibration.npz;
both kinds: the networks of light.py, mobile.py and transformer.py ("graph"), and the small real models of
data_models.py ("data"). The manifest says for each file its SHA-256, parameters, multiply-adds of one row, opset
and who quantized it. The same versions of the tools write the same bytes. What is there already and belongs to
the same generator is kept; --again makes it anew.
"""
import argparse
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import onnx
from onnx import numpy_helper
import onnxruntime

sys.dont_write_bytecode = True
import data_models  # noqa: E402
import light  # noqa: E402
import mobile  # noqa: E402
import transformer  # noqa: E402
import weights  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MOBILE = ["mobilenet_v2", "efficientnet_lite0"]
TRANSFORMERS = ["bert_base", "minilm_l6", "bert_base_layernorm", "minilm_l6_layernorm"]
SEQUENCE = 128
CALIBRATION_ROWS = 8
PROBED = {"Conv", "Gemm", "MatMul"}


def make_graph(name):
    """The model, its calibration feed and one row to probe it with."""
    if name in TRANSFORMERS:
        return (transformer.make(name), transformer.feeds(CALIBRATION_ROWS, SEQUENCE, f"{name}/calibration"),
                transformer.feeds(1, SEQUENCE, f"{name}/probe"))
    if name in light.NAMES + MOBILE:
        model = light.make(name) if name in light.NAMES else mobile.make(name)
        data = model.graph.input[0].name
        return (model, {data: weights.images(f"{name}/calibration", CALIBRATION_ROWS)},
                {data: weights.images(f"{name}/probe", 1)})
    path, rows = data_models.models()[name]
    model = onnx.load(path)
    stored = {i.name for i in model.graph.initializer}
    data = next(i.name for i in model.graph.input if i.name not in stored)
    calibration = np.ascontiguousarray(rows(), np.float32)
    return model, {data: calibration}, {data: calibration[:1]}


def probe(model, given, where):
    """The values of one row through the graph as written: value name -> array, of all that PROBED ops read first
    and write."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    known = {o.name for o in watched.graph.output} | {i.name for i in watched.graph.input}
    known |= {i.name for i in watched.graph.initializer}
    for node in model.graph.node:
        for value in [node.input[0], node.output[0]] if node.op_type in PROBED else []:
            if value not in known:
                known.add(value)
                watched.graph.output.append(onnx.helper.make_empty_tensor_value_info(value))
    path = str(where) + ".probe"
    onnx.save(watched, path)
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    finally:
        os.unlink(path)
    names = [o.name for o in session.get_outputs()]
    return given | dict(zip(names, session.run(names, given)))


def check_alive(name, model, values, limits):
    """Refuses a network whose values explode or die on their way: its speed and its int8 would tell nothing.

    `limits`: of the standard deviation of what PROBED ops write."""
    makers = {out: node for node in model.graph.node for out in node.output}
    deviations = []
    for key, array in values.items():
        if not np.isfinite(array).all():
            raise SystemExit(f"{name}: {key} holds values that are not finite")
        if key in makers and makers[key].op_type in PROBED:
            deviations.append((float(array.std()), key))
    low, high = min(deviations), max(deviations)
    if low[0] < limits[0] or high[0] > limits[1]:
        raise SystemExit(f"{name}: standard deviations from {low} to {high}, expected within {limits}")
    return {"smallest": round(low[0], 3), "largest": round(high[0], 3)}


def element_count(model):
    return sum(int(np.prod(i.dims)) for i in model.graph.initializer
               if i.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.INT8, onnx.TensorProto.INT32))


def multiply_adds(model, values):
    """Of Conv, Gemm and MatMul for one row."""
    weight_dims = {i.name: list(i.dims) for i in model.graph.initializer}
    total = 0
    for node in model.graph.node:
        if node.op_type == "Conv":
            total += values[node.output[0]].size * int(np.prod(weight_dims[node.input[1]][1:]))
        elif node.op_type in ("Gemm", "MatMul"):
            total += values[node.output[0]].size * values[node.input[0]].shape[-1]
    return total


def quantize(assize, source, calibration, target):
    """With assize; where it refuses, with ONNX Runtime's quantizer. Returns who did it, and why."""
    said = subprocess.run([assize, "quantize", source, "--data", calibration, "-o", target],
                          capture_output=True, text=True, check=False)
    if said.returncode == 0:
        version = subprocess.run([assize, "--version"], capture_output=True, text=True, check=False).stdout.split()
        return {"by": "assize " + (version[-1] if version else ""), "reason": ""}
    reason = (said.stderr.strip().splitlines() or ["no message"])[-1]
    print(f"  assize quantize exits {said.returncode}: {reason}; ONNX Runtime quantizes instead")
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Rows(CalibrationDataReader):
        def __init__(self):
            arrays = np.load(calibration)
            count = len(next(iter(arrays.values())))
            self.rows = iter([{k: v[i:i + 1] for k, v in arrays.items()} for i in range(count)])

        def get_next(self):
            return next(self.rows, None)
    quantize_static(source, target, Rows(), quant_format=QuantFormat.QDQ, per_channel=True,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    return {"by": "onnxruntime " + onnxruntime.__version__, "reason": reason}


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe(name, path):
    model = onnx.load(path)
    stored = {i.name for i in model.graph.initializer}
    return {
        "file": path.name, "sha256": sha256(path), "bytes": path.stat().st_size,
        "parameters": element_count(model), "nodes": len(model.graph.node),
        "opset": next(o.version for o in model.opset_import if o.domain == ""),
        "inputs": {i.name: [d.dim_param or d.dim_value for d in i.type.tensor_type.shape.dim]
                   for i in model.graph.input if i.name not in stored},
    }


def generator(name):
    """Changes when what makes the graph does."""
    maker = (light if name in light.NAMES else mobile if name in MOBILE else
             transformer if name in TRANSFORMERS else data_models)
    source = pathlib.Path(maker.__file__).read_bytes() + pathlib.Path(weights.__file__).read_bytes()
    return f"{hashlib.sha256(source).hexdigest()[:16]} onnx {onnx.__version__} numpy {np.__version__}"


def find_assize(asked):
    for path in [asked, os.environ.get("ASSIZE_BIN"), ROOT / "build/release/assize", ROOT / "build/bench/assize"]:
        if path and pathlib.Path(path).is_file():
            return str(path)
    raise SystemExit("no assize binary: build the release preset, or name one with --assize")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / ".deps/graphs")
    parser.add_argument("--only", default="", help="names that this regular expression finds")
    parser.add_argument("--assize", help="the binary that quantizes")
    parser.add_argument("--fp32-only", action="store_true", help="do not quantize")
    parser.add_argument("--again", action="store_true", help="also what is there already")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    manifest_path = arguments.out / "manifest.json"
    manifest = json.loads(manifest_path.read_text()) if manifest_path.exists() else {"graphs": {}}
    assize = None if arguments.fp32_only else find_assize(arguments.assize)
    for name in list(data_models.models()) + light.NAMES + MOBILE + TRANSFORMERS:
        if not re.search(arguments.only, name):
            continue
        source, target = arguments.out / f"{name}.onnx", arguments.out / f"{name}.int8.onnx"
        calibration = arguments.out / f"{name}.calibration.npz"
        entry = manifest["graphs"].get(name, {})
        kind, tag = ("graph" if name in light.NAMES + MOBILE + TRANSFORMERS else "data"), generator(name)
        if arguments.again or entry.get("generator") != tag or not source.exists() or not calibration.exists():
            model, rows, one = make_graph(name)
            onnx.checker.check_model(model)
            values = probe(model, one, source)
            deviations = check_alive(name, model, values, limits=(0.02, 200) if kind == "graph" else (0, np.inf))
            macs = multiply_adds(model, values)
            onnx.save(model, source)
            np.savez(calibration, **rows)
            entry = {"generator": tag, "kind": kind, "fp32": describe(name, source) | {"multiply_adds": macs, "std": deviations}}
            print(f"{name}: {entry['fp32']['parameters'] / 1e6:.2f} M parameters, {macs / 1e6:.0f} M multiply-adds, "
                  f"std {deviations['smallest']} to {deviations['largest']}", flush=True)
        if assize and (arguments.again or "int8" not in entry or not target.exists()):
            entry["int8"] = {"quantized": quantize(assize, str(source), str(calibration), str(target))}
            entry["int8"] |= describe(name, target)
            print(f"{name}.int8: {entry['int8']['bytes'] / 1e6:.2f} MB by {entry['int8']['quantized']['by']}",
                  flush=True)
        manifest["graphs"][name] = entry
        manifest_path.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
