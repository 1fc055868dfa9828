#!/usr/bin/env python3
"""Runs the same files through assize, ONNX Runtime and OpenVINO in one interleaved run; prints ratios.

  scripts/setup bench && cmake --preset bench && cmake --build --preset bench
  .deps/peers/bin/python benchmarks/graphs/make.py --assize build/bench/assize
  .deps/peers/bin/python benchmarks/peers/run.py [--quick] [--only REGEX] [--write]

A case is a file, a batch (1 and 8) and a number of threads (1 and 2). The table goes to standard output; --write
also writes benchmarks/results/DATE-CPU.json and docs/performance.md. A ratio above 1 says that assize is faster.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import sys
import tempfile

sys.dont_write_bytecode = True
import report  # noqa: E402
import workers  # noqa: E402

try:
    import numpy as np
except ImportError:  # --render needs it not
    np = None

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def cases(manifest, folder, only, batches, threads):
    # The small real models first, then by name.
    for name, entry in sorted(manifest["graphs"].items(), key=lambda item: (item[1]["kind"] != "data", item[0])):
        for precision in ("fp32", "int8"):
            if precision not in entry or not re.search(only, f"{name}.{precision}"):
                continue
            fixed = not any(isinstance(dims[0], str) for dims in entry[precision]["inputs"].values())
            for count in threads:
                for batch in [1] if fixed else batches:
                    yield {"model": name, "kind": entry["kind"], "precision": precision, "batch": batch,
                           "threads": count, "file": str(folder / entry[precision]["file"]),
                           "sha256": entry[precision]["sha256"], "multiply_adds": entry["fp32"]["multiply_adds"]}


def feeds_for(case, folder, scratch):
    """The first rows of the calibration feed, repeated up to the batch, as a file."""
    with np.load(folder / f"{case['model']}.calibration.npz") as arrays:
        feeds = {k: np.resize(v, (case["batch"],) + v.shape[1:]) for k, v in arrays.items()}
    path = scratch / "feeds.npz"
    np.savez(path, **feeds)
    return str(path)


def agreement(ours, theirs):
    """The largest difference between two sets of outputs, as a share of the largest value."""
    with np.load(ours) as a, np.load(theirs) as b:
        if sorted(a.files) != sorted(b.files) or any(a[k].shape != b[k].shape for k in a.files):
            return None
        return max(float(np.abs(a[k].astype(np.float64) - b[k]).max() / max(np.abs(b[k]).max(), 1e-30))
                   for k in a.files)


def measure(case, pool, folder, scratch, arguments):
    feeds = feeds_for(case, folder, scratch)
    request = {"model": case["file"], "feeds": feeds, "threads": case["threads"]}
    ready, failed = [], {}
    for worker in list(pool.values()):
        try:
            worker.ask(do="load", **request)
            ready.append(worker)
        except workers.WorkerError as error:
            failed[worker.name] = str(error)
            if worker.process.poll() is not None:
                pool[worker.name] = workers.Worker(worker.name, arguments.worker)
    figures = workers.interleaved(ready, arguments.rounds, arguments.seconds, arguments.budget) if ready else {}
    for name, text in failed.items():
        figures[name] = {"error": text}
    names = [w.name for w in ready]
    if "assize" in names and "onnxruntime" in names:
        paths = {n: str(scratch / f"{n}.npz") for n in ("assize", "onnxruntime")}
        for name, path in paths.items():
            pool[name].ask(do="outputs", path=path)
        case["difference"] = agreement(paths["assize"], paths["onnxruntime"])
    if "assize" in names:
        runs = max(1, min(50, int(0.2e6 / figures["assize"]["median_us"])))
        case["profile"] = pool["assize"].ask(do="profile", runs=runs)["steps"][:6]
    if not arguments.no_memory and case["batch"] == 1 and case["threads"] == 1:
        for worker in ready:
            figures[worker.name] |= workers.fresh(worker.name, arguments.worker, request,
                                                  1 if arguments.quick else 3)
    return case | {"figures": figures}


def call_overhead(pool, scratch, arguments):
    """A model that does next to nothing: what a call costs, microseconds."""
    import onnx
    path = str(scratch / "nothing.onnx")
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "nothing",
                                   [value("x", 1, ["batch", 8])], [value("y", 1, ["batch", 8])])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8), path)
    feeds = str(scratch / "nothing.npz")
    np.savez(feeds, x=np.ones((1, 8), np.float32))
    for worker in pool.values():
        worker.ask(do="load", model=path, feeds=feeds, threads=1)
    figures = workers.interleaved(list(pool.values()), arguments.rounds, arguments.seconds, arguments.budget)
    return {name: f["median_us"] for name, f in figures.items()}


def cpu_name():
    fields = {}
    with open("/proc/cpuinfo") as file:
        for line in file:
            if ":" in line:
                key, value = line.split(":", 1)
                fields.setdefault(key.strip(), value.strip())
    return (f"{fields.get('model name', platform.machine())} "
            f"(family {fields.get('cpu family', '?')}, model {fields.get('model', '?')})")


def find_worker(asked):
    for path in [asked, ROOT / "build/bench/benchmarks/assize_worker"]:
        if path and pathlib.Path(path).is_file():
            return str(path)
    raise SystemExit("no assize_worker: build the bench preset, or name one with --worker")


def write_json(path, result):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")


def numbers(text):
    return [int(part) for part in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=pathlib.Path, default=ROOT / ".deps/graphs")
    parser.add_argument("--worker", help="the assize_worker binary")
    parser.add_argument("--only", default="", help="cases whose MODEL.PRECISION this regular expression finds")
    parser.add_argument("--batch", type=numbers, default=[1, 8])
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--runtimes", default="assize,onnxruntime,openvino",
                        help="also openvino-static: reshaped to the batch before it is compiled")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--seconds", type=float, default=0.03, help="of runs in a round")
    parser.add_argument("--budget", type=float, default=4, help="seconds a runtime may spend on a case")
    parser.add_argument("--quick", action="store_true", help="7 rounds, 1 second a case, memory once")
    parser.add_argument("--no-memory", action="store_true", help="no load times, no peak memory")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures here, case by case")
    parser.add_argument("--markdown", type=pathlib.Path, help="write the table here")
    parser.add_argument("--note", default="", help="what the reader must know of this run, for the page")
    parser.add_argument("--write", action="store_true",
                        help="figures into benchmarks/results, the page to docs/performance.md")
    parser.add_argument("--render", type=pathlib.Path, help="measure nothing: print the table of this JSON file")
    arguments = parser.parse_args()
    if arguments.render:
        text = report.markdown(json.loads(arguments.render.read_text()))
        if arguments.markdown:
            arguments.markdown.write_text(text)
        print(text)
        return
    if arguments.quick:
        arguments.rounds, arguments.seconds, arguments.budget = 7, 0.02, 1
    arguments.worker = find_worker(arguments.worker)
    manifest = json.loads((arguments.graphs / "manifest.json").read_text())
    pool = {name: workers.Worker(name, arguments.worker) for name in arguments.runtimes.split(",")}
    result = {"date": datetime.date.today().isoformat(), "cpu": cpu_name(), "cores": os.cpu_count(),
              "system": f"{platform.system()} {platform.release()}", "note": arguments.note, "runtimes": {}, "cases": []}
    for name, worker in pool.items():
        result["runtimes"][name] = worker.ask(do="version")
    with tempfile.TemporaryDirectory() as temporary:
        scratch = pathlib.Path(temporary)
        result["call_overhead_us"] = call_overhead(pool, scratch, arguments)
        for case in cases(manifest, arguments.graphs, arguments.only, arguments.batch, arguments.threads):
            measured = measure(case, pool, arguments.graphs, scratch, arguments)
            measured["file"] = pathlib.Path(measured["file"]).name
            result["cases"].append(measured)
            print(report.line(measured), file=sys.stderr, flush=True)
            if arguments.json:  # what was measured is kept, whatever happens to the rest
                write_json(arguments.json, result)
    for worker in pool.values():
        worker.close()
    if arguments.write:
        cpu = re.sub(r"[^a-z0-9]+", "-", result["cpu"].lower()).strip("-")
        write_json(ROOT / f"benchmarks/results/{result['date']}-{cpu}.json", result)
        arguments.markdown = ROOT / "docs/performance.md"
    text = report.markdown(result)
    if arguments.json:
        write_json(arguments.json, result)
    if arguments.markdown:
        arguments.markdown.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
