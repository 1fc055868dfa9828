"""Compares what assize computed with what ONNX Runtime computes from the same files.

usage: compare_with_ort.py MODEL.onnx FEED.npz OURS.npz
FEED holds the model's inputs by name, OURS one array per output. Prints one line of JSON: the largest
difference relative to the largest magnitude, and the share of rows whose first-output top-1 class agrees.
"""
import json
import sys

import numpy as np
import onnxruntime as ort

model, feed_path, ours_path = sys.argv[1:4]
feed = dict(np.load(feed_path))
ours = np.load(ours_path)
options = ort.SessionOptions()
options.log_severity_level = 3
options.intra_op_num_threads = 1
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
rows = len(next(iter(feed.values())))
first = session.get_inputs()[0].shape[0]
batch = first if isinstance(first, int) else 100
names = [o.name for o in session.get_outputs()]
parts = [
    session.run(names, {k: v[at:at + batch] for k, v in feed.items()}) for at in range(0, rows, batch)
]
worst, agree = 0.0, 1.0
for i, name in enumerate(names):
    theirs = np.concatenate([p[i] for p in parts])
    mine = ours[name]
    assert theirs.shape == mine.shape, (name, theirs.shape, mine.shape)
    assert theirs.dtype == mine.dtype, (name, theirs.dtype, mine.dtype)
    worst = max(worst, float(np.abs(theirs - mine).max() / max(np.abs(theirs).max(), 1e-30)))
    if i == 0:
        agree = float((theirs.reshape(rows, -1).argmax(1) == mine.reshape(rows, -1).argmax(1)).mean())
print(json.dumps({"difference": worst, "agreement": agree}))
