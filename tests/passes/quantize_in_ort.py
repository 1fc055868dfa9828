"""Feeds MODEL the rows of NPZ (x) in ONNX Runtime and prints how many top-1 classes differ from NPZ's y."""

import sys

import numpy as np
import onnxruntime as ort


def main() -> int:
    arrays = np.load(sys.argv[2])
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
    result = session.run(None, {session.get_inputs()[0].name: arrays["x"]})[0]
    print("differ", int((result.argmax(axis=1) != arrays["y"]).sum()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
