"""Columns for Arrow from what NumPy and Python hold, without pandas.

`pyarrow.array` imports pandas, where that is installed, to ask whether it was given something of
its own: 50 MB of a process that has no other use for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def numbers(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """A column of a type whose values take as many bytes as those given; NaN is null there."""
    values = np.ascontiguousarray(values)
    missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(0, bool)
    valid = None
    if missing.any():
        valid = pa.py_buffer(np.packbits(~missing, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(values)])


def texts(words: Sequence[str]) -> pa.Array:
    """A column of texts."""
    encoded = [word.encode() for word in words]
    ends = np.array([0, *accumulate(map(len, encoded))], np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(words), buffers)
