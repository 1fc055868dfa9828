"""ONNX Runtime or OpenVINO behind the requests of assize_worker.cc, with the fastest call each offers from Python:
inputs and outputs stay where they are, nothing is converted in the timed loop.

  python_worker.py onnxruntime|openvino|openvino-static

openvino-static reshapes the model to the fed shapes before compiling it: one shape for good, for a faster run.
"""
import ctypes
import gc
import json
import sys
import time

import numpy as np


def status_bytes(field):
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return 0


class OnnxRuntime:
    def __init__(self):
        import onnxruntime
        self.api = onnxruntime
        self.version = onnxruntime.__version__

    def load(self, path, feeds, threads):
        options = self.api.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Its threads spin while it runs, as by default, but not into the next runtime's turn.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        session = self.api.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        binding = session.io_binding()
        self.feeds = {k: self.api.OrtValue.ortvalue_from_numpy(v) for k, v in feeds.items()}
        for name, value in self.feeds.items():
            binding.bind_ortvalue_input(name, value)
        for output in session.get_outputs():
            binding.bind_output(output.name, "cpu")
        self.run = lambda: session.run_with_iobinding(binding)
        self.binding = binding

    def outputs(self):
        return [v.numpy() for v in self.binding.get_outputs()]

    def unload(self):
        self.run = self.binding = self.feeds = None


class OpenVino:
    def __init__(self, static=False):
        import openvino
        from openvino import _pyopenvino
        self.api = openvino
        # The call below the Python wrapper, which would copy every result into a dictionary.
        self.infer = _pyopenvino.InferRequest.infer
        self.version = openvino.__version__.split("-")[0]
        self.core = openvino.Core()
        self.static = static

    def load(self, path, feeds, threads):
        model = self.core.read_model(path)
        if self.static:
            model.reshape({name: list(value.shape) for name, value in feeds.items()})
        compiled = self.core.compile_model(model, "CPU", {
            "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": "f32"})
        request = compiled.create_infer_request()
        self.tensors = [self.api.Tensor(value, shared_memory=True) for value in feeds.values()]
        for name, tensor in zip(feeds, self.tensors):
            request.set_tensor(name, tensor)
        infer = self.infer
        self.run = lambda: infer(request, {}, True, False)
        self.request, self.count = request, len(compiled.outputs)

    def outputs(self):
        return [np.array(self.request.get_output_tensor(i).data) for i in range(self.count)]

    def unload(self):
        self.request = self.tensors = self.run = None


def main():
    makers = {"onnxruntime": OnnxRuntime, "openvino": OpenVino, "openvino-static": lambda: OpenVino(static=True)}
    runtime = makers[sys.argv[1]]()
    libc = ctypes.CDLL("libc.so.6")
    loaded, base = False, 0

    def answer(request):
        nonlocal loaded, base
        what = request["do"]
        if what == "version":
            return {"version": runtime.version}
        if what == "load":
            if loaded:
                runtime.unload()
                gc.collect()
                libc.malloc_trim(0)
            loaded = False
            feeds = {k: np.ascontiguousarray(v) for k, v in np.load(request["feeds"]).items()}
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")
            base = status_bytes("VmRSS")
            begin = time.perf_counter()
            runtime.load(request["model"], feeds, request["threads"])
            ready = time.perf_counter()
            runtime.run()
            loaded = True
            return {"load_s": ready - begin, "first_s": time.perf_counter() - ready}
        if what == "memory":
            return {"peak": status_bytes("VmHWM"), "base": base}
        if not loaded:
            raise RuntimeError("no model is loaded")
        if what == "round":
            run, clock, times = runtime.run, time.perf_counter_ns, []
            for _ in range(request["warm"]):
                run()
            end = clock() + int(request["seconds"] * 1e9)
            least = request["runs"]
            gc.disable()
            last = clock()
            while last < end or len(times) < least:
                run()
                now = clock()
                times.append(now - last)
                last = clock()
            gc.enable()
            return {"ns": times}
        if what == "outputs":
            runtime.run()
            np.savez(request["path"], **{f"output_{i:03}": v for i, v in enumerate(runtime.outputs())})
            return {}
        raise RuntimeError(f'"{what}" is no request')

    for line in sys.stdin:
        try:
            said = answer(json.loads(line))
        except Exception as error:  # whatever a runtime throws is the other side's to judge
            said = {"error": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
