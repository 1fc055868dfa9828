"""Compares model files pairwise with Python's onnx: LIST holds lines `source<TAB>ours`.

Equal means: all fields equal after what ONNX leaves open is brought to one form: tensors as raw bytes, the order of
value_info, attribute types and fields that say their default. Where onnx's checker accepts the source, it must accept ours.
"""

import sys

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, numpy_helper

ATTRIBUTE_TYPES = {"f": 1, "i": 2, "s": 3, "t": 4, "g": 5, "sparse_tensor": 22, "tp": 13}


def normal_tensor(t: TensorProto, folder: str) -> None:
    if t.HasField("data_location") and t.data_location == TensorProto.EXTERNAL:
        onnx.external_data_helper.load_external_data_for_tensor(t, folder)
        t.ClearField("data_location")
        del t.external_data[:]
    if t.data_type != TensorProto.STRING and not t.HasField("raw_data"):
        array = numpy_helper.to_array(t)
        fresh = numpy_helper.from_array(array)
        if fresh.data_type != t.data_type:
            raise ValueError(f"{t.name}: {t.data_type} read as {fresh.data_type}")
        for field in ("float_data", "int32_data", "int64_data", "double_data", "uint64_data"):
            t.ClearField(field)
        t.raw_data = fresh.raw_data
    if t.data_type == TensorProto.STRING and t.HasField("raw_data") and not t.raw_data:
        t.ClearField("raw_data")


def clear_empty(message, *names) -> None:
    for name in names:
        if message.HasField(name) and getattr(message, name) == type(getattr(message, name))():
            message.ClearField(name)


def normal_type(t) -> None:
    clear_empty(t, "denotation")
    kind = t.WhichOneof("value")
    if kind in ("sequence_type", "optional_type"):
        normal_type(getattr(t, kind).elem_type)
    if kind in ("tensor_type", "sparse_tensor_type") and getattr(t, kind).HasField("shape"):
        for dim in getattr(t, kind).shape.dim:
            clear_empty(dim, "denotation")
            if dim.WhichOneof("value") == "dim_param" and not dim.dim_param:
                dim.ClearField("dim_param")
            if dim.WhichOneof("value") == "dim_value" and dim.dim_value == -1:
                dim.ClearField("dim_value")


def normal_attribute(a: AttributeProto, folder: str) -> None:
    clear_empty(a, "doc_string", "ref_attr_name")
    if not a.HasField("type"):
        for field, number in ATTRIBUTE_TYPES.items():
            if a.HasField(field):
                a.type = number
        for field, number in (("floats", 6), ("ints", 7), ("strings", 8), ("tensors", 9), ("graphs", 10)):
            if len(getattr(a, field)):
                a.type = number
    if not a.ref_attr_name:
        if a.type == AttributeProto.FLOAT:
            a.f = a.f
        if a.type == AttributeProto.INT:
            a.i = a.i
        if a.type == AttributeProto.STRING:
            a.s = a.s
    for t in ([a.t] if a.HasField("t") else []) + list(a.tensors):
        clear_empty(t, "name", "doc_string")
        normal_tensor(t, folder)
    for t in ([a.tp] if a.HasField("tp") else []) + list(a.type_protos):
        normal_type(t)
    for g in ([a.g] if a.HasField("g") else []) + list(a.graphs):
        normal_graph(g, folder)
    for s in ([a.sparse_tensor] if a.HasField("sparse_tensor") else []) + list(a.sparse_tensors):
        normal_tensor(s.values, folder)
        normal_tensor(s.indices, folder)


def normal_nodes(nodes, folder: str) -> None:
    for n in nodes:
        clear_empty(n, "name", "domain", "doc_string", "overload")
        for a in n.attribute:
            normal_attribute(a, folder)


def normal_graph(g, folder: str) -> None:
    clear_empty(g, "doc_string")
    g.name = g.name
    normal_nodes(g.node, folder)
    for t in g.initializer:
        clear_empty(t, "doc_string")
        normal_tensor(t, folder)
    for s in g.sparse_initializer:
        normal_tensor(s.values, folder)
        normal_tensor(s.indices, folder)
    for v in list(g.input) + list(g.output) + list(g.value_info):
        clear_empty(v, "doc_string")
        if v.HasField("type"):
            normal_type(v.type)
    for v in list(g.input) + list(g.output) + list(g.value_info):
        if v.HasField("type") and not v.type.ByteSize():
            v.ClearField("type")
    infos = sorted(g.value_info, key=lambda v: (v.name, v.SerializeToString(deterministic=True)))
    del g.value_info[:]
    g.value_info.extend(infos)


def normal_model(path: str):
    import os

    folder = os.path.dirname(path)
    m = onnx.load(path, load_external_data=False)
    clear_empty(m, "producer_name", "producer_version", "domain", "doc_string")
    normal_graph(m.graph, folder)
    for o in m.opset_import:
        o.domain = o.domain
    for f in m.functions:
        clear_empty(f, "domain", "overload", "doc_string")
        normal_nodes(f.node, folder)
        for a in f.attribute_proto:
            normal_attribute(a, folder)
        infos = sorted(f.value_info, key=lambda v: v.name)
        del f.value_info[:]
        f.value_info.extend(infos)
        for o in f.opset_import:
            o.domain = o.domain
    return m


def accepted(path: str) -> bool:
    try:
        onnx.checker.check_model(path)
        return True
    except Exception:  # noqa: BLE001 -- any refusal counts
        return False


def difference(a, b, path: str = "") -> str:
    """The first field that differs, for the message."""
    for descriptor, _ in list(a.ListFields()) + list(b.ListFields()):
        x, y = getattr(a, descriptor.name), getattr(b, descriptor.name)
        if x == y and a.HasField(descriptor.name) == b.HasField(descriptor.name) if not is_repeated(descriptor) else list(x) == list(y):
            continue
        where = f"{path}.{descriptor.name}"
        if is_repeated(descriptor):
            if len(x) != len(y):
                return f"{where}: {len(x)} entries, ours {len(y)}"
            for i, (p, q) in enumerate(zip(x, y)):
                if p != q:
                    return difference(p, q, f"{where}[{i}]") if descriptor.message_type else f"{where}[{i}]: {p!r}, ours {q!r}"
        if descriptor.message_type:
            return difference(x, y, where)
        return f"{where}: {str(x)[:80]!r}, ours {str(y)[:80]!r}"
    return f"{path}: unknown fields"


def is_repeated(descriptor) -> bool:
    return descriptor.is_repeated if hasattr(descriptor, "is_repeated") else descriptor.label == descriptor.LABEL_REPEATED


def main() -> int:
    equal, wrong, checked = 0, 0, 0
    with open(sys.argv[1], encoding="utf-8") as lines:
        pairs = [line.rstrip("\n").split("\t") for line in lines]
    for source, ours in pairs:
        a, b = normal_model(source), normal_model(ours)
        if a.SerializeToString(deterministic=True) != b.SerializeToString(deterministic=True):
            print(f"{source}: {difference(a, b)}")
            wrong += 1
        elif accepted(source) and not accepted(ours):
            print(f"{source}: the checker accepts the source and refuses ours")
            wrong += 1
        else:
            equal += 1
        if wrong > 20:
            break
    print(f"{equal} models equal, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
