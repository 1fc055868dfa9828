#!/usr/bin/env python3
"""Writes schemas/ops.inc from the op schemas of the installed onnx and onnxruntime packages.

Facts only: domains, names, versions, formal inputs and outputs, attributes, type constraints; no documentation
text. All of onnx's ops, and of onnxruntime's own those in CONTRIB, which the reference evaluator runs. Run with the
oracles' Python: .deps/oracles/bin/python scripts/make_op_schemas.py [--check]
With --check nothing is written, and a stale file is an error. The format is read by lib/analysis/schema.cc.
"""

import pathlib
import sys

import onnx
import onnxruntime
from onnx import defs
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

TARGET = pathlib.Path(__file__).resolve().parent.parent / "schemas" / "ops.inc"

CONTRIB = """
    com.microsoft: Attention BiasGelu DequantizeLinear DynamicQuantizeMatMul EmbedLayerNormalization FastGelu FusedConv
        FusedGemm FusedMatMul Gelu GroupQueryAttention MatMulIntegerToFloat MatMulNBits MultiHeadAttention QAttention
        QGemm QLinearAdd QLinearAveragePool QLinearConcat QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul
        QLinearSigmoid QLinearSoftmax QLinearWhere QuantizeLinear QuickGelu RotaryEmbedding SkipLayerNormalization
        SkipSimplifiedLayerNormalization
    ai.onnx: SimplifiedLayerNormalization
"""


def short(type_str):
    inner = type_str[len("tensor("):-1]
    return inner if type_str == f"tensor({inner})" else type_str


def default_text(attribute):
    value = attribute.default_value
    kind = onnx.AttributeProto.AttributeType.Name(value.type) if value.type else ""
    if kind == "INT":
        return str(value.i)
    if kind == "FLOAT":
        return repr(float(f"{value.f:.9g}"))
    if kind == "STRING":
        return value.s.decode()
    if kind == "INTS":
        return " ".join(str(v) for v in value.ints)
    if kind == "FLOATS":
        return " ".join(repr(float(f"{v:.9g}")) for v in value.floats)
    if kind == "STRINGS":
        return " ".join(v.decode() for v in value.strings)
    return ""


def formal(parameter):
    option = {"Single": "1", "Optional": "?", "Variadic": "*"}[parameter.option.name]
    if option == "*" and not parameter.is_homogeneous:
        option = "~"
    return f"{parameter.name}:{option}:{short(parameter.type_str)}"


class RuntimeSchema:
    """A schema of onnxruntime, seen as onnx shows its own."""

    class Attribute:
        def __init__(self, attribute):
            self.name, self.required = attribute.name, attribute.required
            self.type = type("Type", (), {"name": str(attribute.type).split(".")[-1]})
            self.default_value = onnx.AttributeProto.FromString(attribute._default_value)

    class Formal:
        def __init__(self, formal):
            self.name, self.type_str, self.is_homogeneous = formal.name, formal.typeStr, formal.isHomogeneous
            self.option = type("Option", (), {"name": str(formal.option).split(".")[-1]})

    def __init__(self, s):
        self.domain, self.name, self.since_version = s.domain, s.name, s.since_version
        self.deprecated, self.node_determinism = s.deprecated, None
        self.min_input, self.max_input, self.min_output, self.max_output = (
            s.min_input, s.max_input, s.min_output, s.max_output)
        self.inputs = [self.Formal(f) for f in s.inputs or []]
        self.outputs = [self.Formal(f) for f in s.outputs or []]
        self.attributes = {name: self.Attribute(a) for name, a in (s.attributes or {}).items()}
        self.type_constraints = s.type_constraints or []


def contrib_schemas():
    wanted = set()
    domain = None
    for word in CONTRIB.split():
        if word.endswith(":"):
            domain = "" if word == "ai.onnx:" else word[:-1]
        else:
            wanted.add((domain, word))
    found = [s for s in runtime.get_all_operator_schema() if (s.domain, s.name) in wanted]
    missing = wanted - {(s.domain, s.name) for s in found}
    assert not missing, missing
    return [RuntimeSchema(s) for s in found]


def attribute_text(attribute):
    number = int(getattr(onnx.AttributeProto, attribute.type.name))
    return f"{attribute.name}:{number}:{int(attribute.required)}:{default_text(attribute)}"


def main():
    type_sets = {}
    rows = []
    key = lambda s: (s.domain, s.name, s.since_version)
    for s in sorted([*defs.get_all_schemas_with_history(), *contrib_schemas()], key=key):
        constraints = []
        for c in s.type_constraints:
            types = " ".join(short(t) for t in c.allowed_type_strs)
            number = type_sets.setdefault(types, len(type_sets))
            constraints.append(f"{c.type_param_str}:{number}")
        flags = ("d" if s.deprecated else "") + (
            "r" if s.node_determinism == defs.OpSchema.NodeDeterminism.NonDeterministic else "")
        big = 2**31 - 1
        arity = [s.min_input, min(s.max_input, big), s.min_output, min(s.max_output, big)]
        fields = [
            s.domain, s.name, str(s.since_version), flags, ",".join(map(str, arity)),
            ",".join(formal(i) for i in s.inputs), ",".join(formal(o) for o in s.outputs),
            ",".join(attribute_text(s.attributes[n]) for n in sorted(s.attributes)), ",".join(constraints),
        ]
        assert not any("|" in f or '"' in f or "\\" in f for f in fields), fields
        rows.append("|".join(fields))
    lines = [
        f"// Made by scripts/make_op_schemas.py from onnx {onnx.__version__} and "
        f"onnxruntime {onnxruntime.__version__}; do not edit.",
        "// Type sets, one a row; then schemas: domain|name|since|flags|arity|inputs|outputs|attributes|constraints.",
    ]
    lines += [f'"T {types}",' for types in type_sets]
    lines += [f'"S {row}",' for row in rows]
    text = "\n".join(lines) + "\n"
    if "--check" in sys.argv[1:]:
        if TARGET.read_text() != text:
            sys.exit(f"{TARGET}: stale; run scripts/make_op_schemas.py")
        return
    TARGET.write_text(text)
    print(f"{TARGET}: {len(rows)} schemas, {len(type_sets)} type sets, {len(text)} bytes")


if __name__ == "__main__":
    main()
