"""The small real models with real calibration rows: those of ../shared/data, or where that is absent the examples'.

Each entry gives the model's file and a function that returns its calibration feed, float32, prepared as the
model wants it: at most 300 rows.
"""
import gzip
import json
import os
import pathlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SHARED = pathlib.Path(os.environ.get("ASSIZE_SHARED", ROOT.parent / "shared")) / "data"
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")


def idx(path):
    data = gzip.decompress(path.read_bytes())
    rank = data[3]
    dims = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(rank)]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(dims)


def chosen(key, count):
    """The rows that calibration may see; without the list, the first 300."""
    path = SHARED / "calibration_rows.json"
    return json.loads(path.read_text())[key] if path.exists() else list(range(min(300, count)))


def cifar(key, mean, std):
    images = np.load(SHARED / "cifar10/images5000.npz")["x"]
    x = images[chosen(key, len(images))].transpose(0, 3, 1, 2) / np.float32(255)
    return (x - np.float32(mean).reshape(-1, 1, 1)) / np.float32(std).reshape(-1, 1, 1)


def mnist():
    images = idx(SHARED / "mnist/t10k-images-idx3-ubyte.gz")
    return images[chosen("mnist", len(images))][:, None]


def fashion():
    images = idx(FASHION)
    return images[chosen("fashion", len(images))][:, None] / np.float32(255)


def kws():
    features = np.load(SHARED / "kws/kws500.npz")["x"]
    x = features[chosen("kws", len(features))].astype(np.float32)
    return ((x - 83) * np.float32(0.5847029)).reshape(-1, 1, 49, 10)


def found(in_shared, in_examples):
    path = SHARED / in_shared
    return path if path.exists() else ROOT / "examples" / in_examples


def pneumonia():
    return np.load(found("pneumoniamnist/pneumoniamnist.npz", "chest-xray/pneumoniamnist.npz"))[
        "train_images"][:300, None] / np.float32(255)


def wdbc():
    return np.load(found("wdbc/wdbc.npz", "breast-cancer/wdbc.npz"))["train_x"]


def models():
    """Name -> (model file, function that gives the calibration rows), of those that are here."""
    imagenet = ([.485, .456, .406], [.229, .224, .225])
    table = {
        "kws": (SHARED / "kws/dscnn_kws.onnx", kws),
        "fashion": (found("fashion-mnist/fashion_mobilenetv2_mini.onnx", "fashion/fashion_mobilenetv2_mini.onnx"),
                    fashion),
        "resnet20": (SHARED / "cifar10/resnet20_cifar10.onnx", lambda: cifar("resnet20", *imagenet)),
        "resnet56": (SHARED / "cifar10/resnet56_cifar10.onnx", lambda: cifar("resnet56", *imagenet)),
        "winml": (SHARED / "cifar10/winml_cifar_cnn.onnx", lambda: cifar("winml", [.5], [.5])),
        "mnist": (SHARED / "mnist/mnist-8.onnx", mnist),
        "pneumonia": (found("pneumoniamnist/pneumonia_cnn.onnx", "chest-xray/pneumonia_cnn.onnx"), pneumonia),
        "wdbc": (found("wdbc/wdbc_mlp.onnx", "breast-cancer/wdbc_mlp.onnx"), wdbc),
    }
    return {name: entry for name, entry in table.items() if entry[0].exists()}
