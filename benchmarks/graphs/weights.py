"""Seeded weights that keep a deep random network alive: neither all zeros nor overflow.

Every tensor has a generator of its own, keyed by graph and tensor name: a graph that is added or a node that
moves changes no other weight.
"""
import hashlib

import numpy as np

# Var(relu(z)) for z ~ N(0, 1) is 1/2 - 1/(2 pi): what a zero-mean filter sees behind a ReLU.
AFTER_RELU = 1.0 / (0.5 - 1.0 / (2.0 * np.pi))


def generator(graph, tensor):
    digest = hashlib.sha256(f"{graph}/{tensor}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


def filters(graph, tensor, dims, gain=AFTER_RELU):
    """Weights [out, in, ...] whose results have about the variance of what feeds them.

    Filters with more than one input channel get zero mean, so that the positive mean of ReLU results cancels:
    otherwise all images look alike after twenty layers. Depthwise ones keep their mean (He et al. 2015).
    """
    fan_in = int(np.prod(dims[1:]))
    values = generator(graph, tensor).standard_normal(dims)
    if dims[1] > 1:
        values -= values.mean(axis=tuple(range(1, len(dims))), keepdims=True)
    elif gain > 1.0:
        gain = 2.0
    return (values * np.sqrt(gain / fan_in)).astype(np.float32)


def normal(graph, tensor, dims, std, mean=0.0):
    return (generator(graph, tensor).standard_normal(dims) * std + mean).astype(np.float32)


def near_one(graph, tensor, dims, factor=1.0):
    return (generator(graph, tensor).uniform(0.8, 1.2, dims) * factor).astype(np.float32)


def images(name, rows, channels=3, size=224):
    """Smooth random images of unit variance, [rows, channels, size, size]: noise at three scales."""
    random = generator("images", name)
    total = np.zeros((rows, channels, size, size))
    for scale in (1, 4, 16):
        coarse = random.standard_normal((rows, channels, -(-size // scale), -(-size // scale)))
        total += np.repeat(np.repeat(coarse, scale, 2), scale, 3)[:, :, :size, :size]
    return (total / np.sqrt(3.0)).astype(np.float32)
