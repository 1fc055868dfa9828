"""What NumPy and ml_dtypes make of small floats; called by float_formats_test.cc.

    python float_formats_oracle.py FOLDER

For every <format>.f32 in FOLDER (float32, little endian) writes <format>.encode (the codes, overflow as the format
has it), <format>.saturate (the codes after clamping to the finite range) and <format>.decode (every code as float32).
"""
import pathlib
import sys

import ml_dtypes
import numpy as np

FORMATS = {
    "float16": (np.float16, np.uint16, 16),
    "bfloat16": (ml_dtypes.bfloat16, np.uint16, 16),
    "float8e4m3fn": (ml_dtypes.float8_e4m3fn, np.uint8, 8),
    "float8e4m3fnuz": (ml_dtypes.float8_e4m3fnuz, np.uint8, 8),
    "float8e5m2": (ml_dtypes.float8_e5m2, np.uint8, 8),
    "float8e5m2fnuz": (ml_dtypes.float8_e5m2fnuz, np.uint8, 8),
    "float8e8m0": (ml_dtypes.float8_e8m0fnu, np.uint8, 8),
    "float6e2m3": (ml_dtypes.float6_e2m3fn, np.uint8, 6),
    "float6e3m2": (ml_dtypes.float6_e3m2fn, np.uint8, 6),
    "float4e2m1": (ml_dtypes.float4_e2m1fn, np.uint8, 4),
}

folder = pathlib.Path(sys.argv[1])
np.seterr(all="ignore")
for path in sorted(folder.glob("*.f32")):
    dtype, code, bits = FORMATS[path.stem]
    values = np.fromfile(path, dtype="<f4")
    values.astype(dtype).view(code).tofile(path.with_suffix(".encode"))
    top = float(np.float32(ml_dtypes.finfo(dtype).max))
    np.clip(values, -top, top).astype(dtype).view(code).tofile(path.with_suffix(".saturate"))
    codes = np.arange(2**bits, dtype=code)
    codes.view(dtype).astype("<f4").tofile(path.with_suffix(".decode"))
