"""From the figures of run.py to the page docs/performance.md: tables, geometric means, every loss and where its
time goes."""
import math

PEERS = ["onnxruntime", "openvino", "openvino-static"]
TITLES = {"assize": "assize", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO",
          "openvino-static": "OpenVINO, reshaped"}
TARGETS = {("fp32", "onnxruntime"): 1.0, ("fp32", "openvino"): 1.0, ("int8", "onnxruntime"): 1.3,
           ("int8", "openvino"): 1.0}


def label(case):
    return f"{case['model']} {case['precision']}, batch {case['batch']}, {threads(case['threads'])}"


def threads(count):
    return "1 thread" if count == 1 else f"{count} threads"


def ratio(case, peer):
    return case["figures"].get(peer, {}).get("ratio")


def micros(value):
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def line(case):
    """One case on one line, for the terminal."""
    parts = []
    for name, figure in case["figures"].items():
        if "error" in figure:
            parts.append(f"{name} failed: {figure['error']}")
        else:
            times = f" ({figure['ratio']:.2f}x, least {figure['least_ratio']:.2f}x)" if "ratio" in figure else ""
            parts.append(f"{name} {micros(figure['median_us'])} us{times}")
    difference = case.get("difference")
    tail = "" if difference is None else f"; outputs differ by {difference:.1e}"
    return f"{label(case)}: " + ", ".join(parts) + tail


def geometric_mean(values):
    return math.exp(sum(math.log(v) for v in values) / len(values)) if values else None


def table(head, rows):
    text = "| " + " | ".join(head) + " |\n|" + "|".join("---" if i == 0 else "---:" for i in range(len(head))) + "|\n"
    return text + "".join("| " + " | ".join(row) + " |\n" for row in rows) + "\n"


def means(result, peers):
    rows = []
    for precision in ("fp32", "int8"):
        for peer in peers:
            values = [r for c in result["cases"] if c["precision"] == precision and (r := ratio(c, peer))]
            if not values:
                continue
            groups = []
            for count in sorted({c["threads"] for c in result["cases"]}):
                for batch in sorted({c["batch"] for c in result["cases"]}):
                    some = [r for c in result["cases"] if c["precision"] == precision and c["threads"] == count and
                            c["batch"] == batch and (r := ratio(c, peer))]
                    groups.append(f"{geometric_mean(some):.2f}" if some else "")
            target = TARGETS.get((precision, peer))
            rows.append([f"{precision} over {TITLES[peer]}", f"**{geometric_mean(values):.2f}**",
                         f"{target:.1f}" if target else "", *groups, f"{min(values):.2f}",
                         f"{sum(v < 1 for v in values)} of {len(values)}"])
    configurations = [f"{threads(t)}, batch {b}" for t in sorted({c["threads"] for c in result["cases"]})
                      for b in sorted({c["batch"] for c in result["cases"]})]
    return table(["speed-up, geometric mean", "all", "goal", *configurations, "worst", "slower in"], rows)


def worst(result):
    """Cases by their ratio to the better of the peers that load the same file, smallest first."""
    found = []
    for case in result["cases"]:
        ratios = [r for p in ("onnxruntime", "openvino") if (r := ratio(case, p))]
        if ratios:
            found.append((min(ratios), case))
    return sorted(found, key=lambda pair: pair[0])


def where(case):
    steps = case.get("profile", [])
    total = sum(s["seconds"] for s in steps) or 1
    parts = []
    for step in steps[:4]:
        rate = f" at {step['operations'] / step['seconds'] / 1e9:,.0f} {'GOP/s' if step['integer'] else 'GFLOP/s'}" \
            if step["operations"] and step["seconds"] else ""
        parts.append(f"{step['kernel']} {100 * step['seconds'] / total:.0f} %{rate}")
    return ", ".join(parts)


def losses(result):
    rows = [[label(case), f"{value:.2f}", where(case)] for value, case in worst(result) if value < 1]
    if not rows:
        return "None: no case is slower than the better peer.\n\n"
    return table(["case", "to the better peer", "where our time goes (share of the measured steps)"], rows)


def speeds(result, precision, count, batch, peers):
    rows = []
    for case in result["cases"]:
        if (case["precision"], case["threads"], case["batch"]) != (precision, count, batch):
            continue
        figures = case["figures"]
        row = [case["model"]]
        for name in ["assize", *peers]:
            figure = figures.get(name, {})
            row.append(micros(figure["median_us"]) if "median_us" in figure else "fails")
        ours = figures.get("assize", {})
        row.append(micros(ours["p95_us"]) if "p95_us" in ours else "")
        row.append(f"{2 * case['multiply_adds'] * batch / ours['median_us'] / 1e3:,.0f}" if "median_us" in ours else "")
        for peer in peers:
            r = ratio(case, peer)
            row.append("" if not r else f"{r:.2f}" if r >= 1 else f"**{r:.2f}**")
        rows.append(row)
    if not rows:
        return ""
    unit = "GFLOP/s" if precision == "fp32" else "GOP/s"
    head = ["model", "assize us", *[f"{TITLES[p]} us" for p in peers], "assize p95", unit,
            *[f"x {TITLES[p]}" for p in peers]]
    return f"### {precision}, {threads(count)}, batch {batch}\n\n" + table(head, rows)


def memory(result, peers):
    rows = []
    for case in result["cases"]:
        figures = case["figures"]
        if "load_ms" not in figures.get("assize", {}):
            continue
        row = [f"{case['model']} {case['precision']}"]
        for key, unit in (("load_ms", 1), ("peak_bytes", 1e6)):
            ours = figures["assize"][key]
            for name in ["assize", *peers]:
                value = figures.get(name, {}).get(key)
                text = "" if value is None else f"{value / unit:,.1f}"
                row.append(f"**{text}**" if name == "onnxruntime" and value is not None and value < ours else text)
        rows.append(row)
    if not rows:
        return ""
    names = [TITLES[n] for n in ["assize", *peers]]
    counts = []
    for key, what in (("load_ms", "Load time"), ("peak_bytes", "Peak memory")):
        pairs = [(c["figures"]["assize"][key], c["figures"]["onnxruntime"][key]) for c in result["cases"]
                 if key in c["figures"].get("assize", {}) and key in c["figures"].get("onnxruntime", {})]
        counts.append(f"{what} is higher than ONNX Runtime's for {sum(a > b for a, b in pairs)} of {len(pairs)} files.")
    return " ".join(counts) + "\n\n" + table(["model", *[f"load ms, {n}" for n in names], *[f"peak MB, {n}" for n in names]], rows)


def own(result):
    """assize against itself: int8 over FP32, two threads over one."""
    medians = {(c["model"], c["precision"], c["batch"], c["threads"]): c["figures"]["assize"]["median_us"]
               for c in result["cases"] if "median_us" in c["figures"].get("assize", {})}
    rows = []
    for model in dict.fromkeys(c["model"] for c in result["cases"]):
        row = [model]
        for batch in (1, 8):
            a, b = medians.get((model, "fp32", batch, 1)), medians.get((model, "int8", batch, 1))
            row.append(f"{a / b:.2f}" if a and b else "")
        for precision in ("fp32", "int8"):
            for batch in (1, 8):
                a, b = medians.get((model, precision, batch, 1)), medians.get((model, precision, batch, 2))
                row.append(f"{a / b:.2f}" if a and b else "")
        rows.append(row)
    return table(["model", "int8 over fp32, batch 1", "batch 8", "2 threads over 1, fp32, batch 1", "batch 8",
                  "int8, batch 1", "batch 8"], rows)


def differences(result):
    lines = []
    for precision in ("fp32", "int8"):
        found = [(c["difference"], label(c)) for c in result["cases"]
                 if c["precision"] == precision and c.get("difference") is not None]
        if found:
            value, name = max(found)
            lines.append(f"{precision}: at most {value:.1e} of the largest output value ({name}).")
    failures = [f"{label(c)}: {TITLES[n]} fails: {f['error']}." for c in result["cases"]
                for n, f in c["figures"].items() if "error" in f]
    return " ".join(lines) + "\n\n" + "".join(f"- {text}\n" for text in failures) + ("\n" if failures else "")


def markdown(result):
    peers = [p for p in PEERS if any(ratio(c, p) for c in result["cases"])]
    versions = ", ".join(f"{TITLES[n]} {v['version']}" for n, v in result["runtimes"].items())
    overhead = ", ".join(f"{TITLES[n]} {v:.1f}" for n, v in result.get("call_overhead_us", {}).items())
    ranked = worst(result)
    bad = sum(value < 0.8 for value, _ in ranked)
    text = f"""# Performance

Written by `benchmarks/peers/run.py --write`; how to run it stands at the head of that file.

{result['date']}, {result['cpu']}, {result['cores']} cores, {result['system']}, instruction set
{result['runtimes'].get('assize', {}).get('instruction_set', '?')}. {versions}.

Each case is one file, the same for all. The runtimes take turns in short rounds, never two at once; a time is the
median over rounds, a ratio the median of each round's own ratio, above 1 where assize is faster, **bold** where it
is slower. assize is called from C++, the peers from Python with bound inputs and outputs; a call that does next to
nothing takes them (us): {overhead}. OpenVINO computes FP32 models in FP32
(INFERENCE_PRECISION_HINT), threads are set alike. The models are described in [benchmarks/graphs](../benchmarks/graphs/make.py); int8 files are made by
`assize quantize` and read by all three.

## Summary

"""
    if result.get("note"):
        text = text.replace("## Summary\n\n", f"**{result['note']}**\n\n## Summary\n\n")
    text += means(result, peers)
    if ranked:
        text += (f"Against the better peer of each case the worst is {ranked[0][0]:.2f} ({label(ranked[0][1])}); "
                 f"{bad} of {len(ranked)} cases are below 0.80.\n\n")
    text += "How far the outputs of assize and ONNX Runtime lie apart: " + differences(result)
    text += "## Losses\n\n" + losses(result)
    text += "## assize against itself\n\n" + own(result)
    text += "## Times\n\n"
    for precision in ("fp32", "int8"):
        for count in sorted({c["threads"] for c in result["cases"]}):
            for batch in sorted({c["batch"] for c in result["cases"]}):
                text += speeds(result, precision, count, batch, peers)
    figures = memory(result, peers)
    if figures:
        text += ("## Load time and peak memory\n\nFresh processes, batch 1, one thread: from the file to the first "
                 "result, and the peak of resident memory above that of the loaded runtime. Bold where ONNX Runtime "
                 "needs less.\n\n" + figures)
    return text.rstrip("\n") + "\n"
