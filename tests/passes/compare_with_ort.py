"""Runs pairs of models on the same random inputs in ONNX Runtime: LIST holds lines `name<TAB>before<TAB>after`.

Outputs must agree within 1e-5 of the largest magnitude; a pair whose outputs are all zero proves nothing and fails.
"""

import sys

import numpy as np
import onnx
import onnxruntime as ort

TYPES = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64}


def feeds(path: str) -> dict:
    model = onnx.load(path)
    constants = {t.name for t in model.graph.initializer}
    rng = np.random.default_rng(20261123)
    out = {}
    for value in model.graph.input:
        if value.name in constants:
            continue
        dims = [d.dim_value if d.HasField("dim_value") else 2 for d in value.type.tensor_type.shape.dim]
        dtype = TYPES[value.type.tensor_type.elem_type]
        out[value.name] = rng.standard_normal(dims).astype(dtype)
    return out


def session(path: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def main() -> int:
    agree, wrong = 0, 0
    with open(sys.argv[1], encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    for name, before, after in rows:
        try:
            onnx.checker.check_model(after, full_check=False)
            values = feeds(before)
            a, b = session(before).run(None, values), session(after).run(None, values)
            if not any(np.any(x) for x in a):
                raise AssertionError("all outputs are zero: this proves nothing")
            for x, y in zip(a, b, strict=True):
                if x.shape != y.shape or x.dtype != y.dtype:
                    raise AssertionError(f"{x.dtype} {x.shape}, after {y.dtype} {y.shape}")
                scale = float(np.max(np.abs(x.astype(np.float64)))) or 1.0
                gap = float(np.max(np.abs(x.astype(np.float64) - y.astype(np.float64))))
                if not gap <= 1e-5 * scale:
                    raise AssertionError(f"differ by {gap}, largest magnitude {scale}")
            agree += 1
        except Exception as error:  # noqa: BLE001 -- any failure is a finding
            print(f"{name}: {type(error).__name__}: {str(error)[:400]}")
            wrong += 1
    print(f"{agree} pairs agree, {wrong} do not")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
