#!/usr/bin/env python3
"""Writes ONNX's own test cases to disk, in the layout of its backend test suite.

    .deps/oracles/bin/python scripts/make_node_cases.py [--output .deps/node-cases]

<output>/<case>/model.onnx, <output>/<case>/test_data_set_0/input_<i>.pb and output_<i>.pb, and data.json with the
tolerances {rtol, atol}: the node cases that the installed `onnx` generates (its wheel ships only their code).
The model kinds that the wheel ships as files, or makes from code, go to the folder beside it, <output>/../model-cases/
<kind>/<case>/ (simple, pytorch-converted, pytorch-operator) and .../light/*.onnx; those of make_contrib_cases.py, whose
expected results are ONNX Runtime's, to <output>/../contrib-cases/<case>/.

The same onnx version writes the same bytes. A second run finds the stamp and does nothing; a run that was interrupted
is started over, for the folders appear whole or not at all. Takes about ten seconds.
"""

import argparse
import hashlib
import importlib.metadata
import json
import os
import pathlib
import shutil
import sys
import tempfile
import warnings

import numpy as np
import onnx
from onnx import TensorProto, TypeProto, numpy_helper

FORMAT = 1  # raised when the layout written here changes


def to_proto(value, name: str, declared: TypeProto):
    kind = declared.WhichOneof("value")
    if kind == "map_type":
        return numpy_helper.from_dict(value, name)
    if kind == "sequence_type":
        return numpy_helper.from_list(value, name)
    if kind == "optional_type":
        return numpy_helper.from_optional(value, name)
    if kind != "tensor_type":
        raise ValueError(f"{name}: no layout for values of kind {kind}")
    if isinstance(value, TensorProto):
        return value
    return numpy_helper.from_array(np.asarray(value), name)


def write_case(case, folder: pathlib.Path) -> None:
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString(deterministic=True))
    (folder / "data.json").write_text(json.dumps({"atol": case.atol, "rtol": case.rtol}) + "\n")
    for n, (inputs, outputs) in enumerate(case.data_sets):
        data = folder / f"test_data_set_{n}"
        data.mkdir()
        for prefix, values, infos in (("input", inputs, case.model.graph.input),
                                      ("output", outputs, case.model.graph.output)):
            for i, value in enumerate(values):
                proto = to_proto(value, infos[i].name, infos[i].type)
                (data / f"{prefix}_{i}.pb").write_bytes(proto.SerializeToString(deterministic=True))


def publish(folder: pathlib.Path, write, stamp: str) -> None:
    """Fills a folder beside the final one, then renames: it is there whole or not at all."""
    if (folder / ".stamp").is_file() and (folder / ".stamp").read_text() == stamp:
        print(f"{folder}: up to date")
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = pathlib.Path(tempfile.mkdtemp(prefix=folder.name + ".tmp.", dir=folder.parent))
    try:
        count = write(staging)
        (staging / ".stamp").write_text(stamp)
        staging.chmod(0o755)
        old = None
        if folder.exists():
            old = pathlib.Path(tempfile.mkdtemp(prefix=folder.name + ".old.", dir=folder.parent))
            os.rename(folder, old / "folder")
        os.rename(staging, folder)
        if old is not None:
            shutil.rmtree(old)
        print(f"{folder}: {count} cases written")
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_node_cases(output: pathlib.Path) -> int:
    import onnx.backend.test.case.node as node_cases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the cases divide by zero on purpose
        cases = node_cases.collect_testcases()
    for case in cases:
        write_case(case, output / case.name)
    return len(cases)


def write_model_cases(output: pathlib.Path) -> int:
    import onnx.backend.test.case.model as model_cases

    count = 0
    for case in model_cases.collect_testcases():
        if case.model is not None:  # the others name files that are not in the wheel
            write_case(case, output / case.kind / case.name)
            count += 1
    data = pathlib.Path(onnx.__file__).parent / "backend" / "test" / "data"
    for model in sorted(data.glob("*/*/model.onnx")):
        target = output / model.parent.parent.name / model.parent.name
        if not target.exists():
            shutil.copytree(model.parent, target)
            count += 1
    if (data / "light").is_dir():
        shutil.copytree(data / "light", output / "light")
        count += len(list((output / "light").glob("*.onnx")))
    return count


def write_contrib_cases(output: pathlib.Path) -> int:
    import make_contrib_cases  # imports onnxruntime

    return make_contrib_cases.write_contrib_cases(output)


def main() -> int:
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=root / ".deps" / "node-cases")
    output = parser.parse_args().output.resolve()
    stamp = f"{FORMAT} onnx {onnx.__version__} numpy {np.__version__}\n"
    publish(output, write_node_cases, stamp)
    publish(output.parent / "model-cases", write_model_cases, stamp)
    script = pathlib.Path(__file__).resolve().parent / "make_contrib_cases.py"
    runtime = importlib.metadata.version("onnxruntime")
    stamp += f"onnxruntime {runtime} {hashlib.sha256(script.read_bytes()).hexdigest()}\n"
    publish(output.parent / "contrib-cases", write_contrib_cases, stamp)
    return 0


if __name__ == "__main__":
    sys.exit(main())
