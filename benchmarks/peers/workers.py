"""The runtimes as processes that answer requests, one at a time: while one measures, the others wait for input."""
import json
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SETTLE = 0.004  # seconds after a round until threads that still spin have gone to sleep


class WorkerError(Exception):
    pass


class Worker:
    def __init__(self, name, assize_worker):
        self.name = name
        command = [assize_worker] if name == "assize" else [sys.executable, str(HERE / "python_worker.py"), name]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)

    def ask(self, **request):
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerError(f"{self.name} ended with exit code {self.process.wait()}")
        said = json.loads(line)
        if "error" in said:
            raise WorkerError(f"{self.name}: {said['error']}")
        return said

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def interleaved(workers, rounds, seconds, budget):
    """Rounds A B C, B C A, C A B, ... with one model loaded in each: name -> figures in microseconds.

    `seconds` of runs make a round; slow models get one run a round and fewer rounds, so that a runtime spends
    about `budget` seconds. Ratios are medians over the rounds of each round's own ratio: what else the machine
    does comes and goes, but hits neighbours in time alike. On a busy machine the ratio of the least times, given
    beside, tells more.
    """
    slowest = max(w.ask(do="round", seconds=0, runs=1, warm=1)["ns"][0] for w in workers) / 1e9
    warm = 1 if slowest < 0.02 else 0
    turn = max(seconds, slowest) + warm * slowest
    rounds = max(5, min(rounds, int(budget / turn)))
    medians = {w.name: [] for w in workers}
    every = {w.name: [] for w in workers}
    for number in range(rounds):
        order = workers[number % len(workers):] + workers[:number % len(workers)]
        for worker in order:
            times = worker.ask(do="round", seconds=seconds, runs=1, warm=warm)["ns"]
            medians[worker.name].append(statistics.median(times))
            every[worker.name] += times
            time.sleep(SETTLE)
    figures = {}
    for worker in workers:
        name = worker.name
        figures[name] = {
            "median_us": round(statistics.median(medians[name]) / 1e3, 2),
            "p95_us": round(percentile(every[name], 0.95) / 1e3, 2),
            "least_us": round(min(every[name]) / 1e3, 2),
            "runs": len(every[name]), "rounds": rounds,
        }
        if name != "assize" and "assize" in medians:
            pairs = [theirs / ours for theirs, ours in zip(medians[name], medians["assize"])]
            figures[name]["ratio"] = round(statistics.median(pairs), 4)
            figures[name]["least_ratio"] = round(min(every[name]) / min(every["assize"]), 4)
    return figures


def fresh(name, assize_worker, request, repeats=3):
    """Load time (file to first result) and peak memory above the loaded runtime, each in a new process: medians."""
    loads, sessions, peaks = [], [], []
    for _ in range(repeats):
        worker = Worker(name, assize_worker)
        try:
            worker.ask(do="version")
            said = worker.ask(do="load", **request)
            worker.ask(do="round", seconds=0, runs=3, warm=0)
            memory = worker.ask(do="memory")
        finally:
            worker.close()
        loads.append(said["load_s"] + said["first_s"])
        sessions.append(said["load_s"])
        peaks.append(memory["peak"] - memory["base"])
    return {"load_ms": round(statistics.median(loads) * 1e3, 2),
            "session_ms": round(statistics.median(sessions) * 1e3, 2),  # of load_ms, before the first run
            "peak_bytes": int(statistics.median(peaks))}
