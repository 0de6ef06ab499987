"""A reader of pickles of scikit-learn objects that runs nothing that a file names.

A pickle is a program. This one may only build inert objects of this module, whatever it names:
nothing of scikit-learn, joblib or NumPy is called on its behalf, so that neither their versions
nor the file's author matter. Accepted are StandardScaler, LabelEncoder, NumPy's arrays, scalars
and dtypes, and containers of them, pickled or dumped by joblib without compression.

Example: a pickle that names `os.system` is refused when the name is looked up; the name is never
imported.
"""

from __future__ import annotations

import io
import pickle  # nosec B403  # its opcodes, with a reader that builds nothing it names
import re
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.errors import InvalidInput

Floats = NDArray[np.float64]
Scaling = tuple[Floats, Floats]  # mean and scale of each column

_MOST_BYTES = 64_000_000
_COMPRESSED = (b"\x1f\x8b", b"\x78", b"BZh", b"\xfd7zXZ", b"\x5d\x00", b"\x04\x22\x4d\x18")
_DTYPE = re.compile(r"[<>|=]?(?:[fiu][1248]|b1|\?|O8?|[SU]\d{1,6})")


def load(path: Path) -> Any:
    """Return the object of a pickle, built of the inert objects below and of containers.

    Raises:
        InvalidInput: the file names anything that is not accepted, or is no pickle. Nothing in it
            was executed.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise refused(f"is larger than {_MOST_BYTES // 1_000_000} MB")
        content = path.read_bytes()
    except OSError as error:
        raise refused(f"cannot be read: {error.strerror or error}") from error
    if content.startswith(_COMPRESSED):
        raise refused("is compressed; write it again with joblib.dump(..., compress=0)")
    try:
        return _Unpickler(io.BytesIO(content)).load()
    except InvalidInput:
        raise
    except Exception as error:  # a broken pickle can raise just about anything
        raise refused(f"is no readable pickle: {type(error).__name__}: {error}") from error


def refused(message: str, received: Any = None) -> InvalidInput:
    """Return the error that refuses a file of scalers."""
    return InvalidInput.of("scalers", message, received)


# --- the inert objects that a file may build ----------------------------------------------------


class _Inert:
    """An object that a file may build. `restore` takes the state that the file holds for it."""

    kind = "NumPy array"

    def restore(self, state: Any) -> None:
        raise refused(f"holds an unexpected state of a {self.kind}")


class _Dtype(_Inert):
    """A NumPy dtype: plain numbers, text, or Python objects, of which only text is accepted."""

    kind = "NumPy dtype"

    def __init__(self, code: Any, *_: Any) -> None:
        if not isinstance(code, str) or not _DTYPE.fullmatch(code):
            raise refused("holds an array of a kind that is not accepted", str(code)[:60])
        self.code = code.lstrip("<>|=")
        self.order = code[0] if code[0] in "<>|=" else "="

    def restore(self, state: Any) -> None:
        # The byte order only: the rest (flags, sizes) follows from the code, and could be false.
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            super().restore(state)
        self.order = state[1]

    @property
    def of_objects(self) -> bool:
        return self.code.startswith("O")

    def numpy(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.code)


class _NdArray(_Inert):
    """A NumPy array, flattened: one axis is enough here."""

    def __init__(self, *_: Any) -> None:
        self.values: list[Any] = []

    def restore(self, state: Any) -> None:
        _, shape, dtype, _, data = state
        self.fill(shape, dtype, data)

    def fill(self, shape: Any, dtype: Any, data: Any) -> None:
        size = prod(shape)
        if dtype.of_objects:
            if not isinstance(data, list) or not all(is_plain(item) for item in data):
                raise refused("holds an array of objects other than text and numbers")
            values = list(data)
        else:
            values = np.frombuffer(_as_bytes(data), dtype.numpy()).tolist()
        if len(values) != size:
            raise refused("holds an array that is not as long as it states")
        self.values = values


class _NumpyArrayWrapper(_NdArray):
    """The object that joblib writes in place of an array, whose bytes follow in the file."""

    padded = False

    def restore(self, state: Any) -> None:
        self.shape, self.dtype = state["shape"], state["dtype"]
        # Since joblib 1.2 one byte states how many bytes are skipped for alignment.
        self.padded = state.get("numpy_array_alignment_bytes") is not None

    def read(self, file: io.BytesIO) -> None:
        if self.dtype.of_objects:
            inner = _Unpickler(file).load()
            if not isinstance(inner, _NdArray):
                raise refused("holds an array that joblib did not write")
            self.values = inner.values
            return
        if self.padded:
            file.read(file.read(1)[0])
        size = self.dtype.numpy().itemsize * prod(self.shape)
        self.fill(self.shape, self.dtype, file.read(size))


class EstimatorState(_Inert):
    """The attributes of an object of scikit-learn, by name."""

    kind = "scikit-learn object"

    def __init__(self, *_: Any) -> None:
        self.state: dict[str, Any] = {}

    def restore(self, state: Any) -> None:
        """Take the attributes.

        Raises:
            InvalidInput: the state is no dict of them.
        """
        if not isinstance(state, dict):
            super().restore(state)
        self.state = state

    def values(self, name: str) -> list[Any] | None:
        """Return the values of an array attribute; None if there is none."""
        held = self.state.get(name)
        return held.values if isinstance(held, _NdArray) else None


class StandardScalerState(EstimatorState):
    """The attributes of a StandardScaler."""

    kind = "StandardScaler"

    def scaling(self) -> Scaling:
        """Return mean and scale of each column.

        Raises:
            InvalidInput: they are absent, or do not fit each other.
        """
        mean = self.values("mean_") if self.state.get("with_mean", True) else None
        scale = self.values("scale_") if self.state.get("with_std", True) else None
        known = mean or scale
        if not known:
            raise refused("holds a StandardScaler that was never fitted")
        means = np.asarray(mean or [0.0] * len(known), float)
        scales = np.asarray(scale or [1.0] * len(known), float)
        if means.shape != scales.shape or not np.isfinite([means, scales]).all():
            raise refused("holds a StandardScaler whose mean and scale do not fit")
        if (scales <= 0).any():
            raise refused("holds a StandardScaler with a scale of zero or less")
        return means, scales

    def features(self) -> tuple[str, ...]:
        """Return the columns that the scaler was fitted on, where it kept their names."""
        return tuple(str(name) for name in self.values("feature_names_in_") or ())


class LabelEncoderState(EstimatorState):
    """The attributes of a LabelEncoder."""

    kind = "LabelEncoder"

    def classes(self) -> list[str]:
        """Return the names by code."""
        return [str(name) for name in self.values("classes_") or ()]


def is_plain(value: Any) -> bool:
    """Return True if a value is text or a number."""
    return isinstance(value, str | int | float)


def _as_bytes(data: Any) -> bytes:
    if not isinstance(data, bytes | bytearray):
        raise refused("holds an array without its bytes")
    return bytes(data)


def _scalar(dtype: Any, data: Any) -> Any:
    """One value, by numpy.core.multiarray.scalar."""
    if dtype.of_objects:
        raise refused("holds a NumPy scalar of a kind that is not accepted")
    return np.frombuffer(_as_bytes(data), dtype.numpy(), 1)[0].item()


def _reconstruct(kind: Any, *_: Any) -> Any:
    """An object without its state, by numpy.core.multiarray._reconstruct or copyreg."""
    if not (isinstance(kind, type) and issubclass(kind, _Inert)):
        raise refused("builds an object of a kind that is not accepted")
    return kind()


def _from_buffer(data: Any, dtype: Any, shape: Any, *_: Any) -> _NdArray:
    """An array by numpy.core.numeric._frombuffer, of protocol 5."""
    array = _NdArray()
    array.fill(shape, dtype, data)
    return array


def _encode(text: str, encoding: str) -> bytes:
    """Bytes by _codecs.encode, as protocols below 3 write them."""
    if encoding != "latin1":
        raise refused("holds bytes in an encoding that pickle does not write")
    return text.encode("latin-1")


_ACCEPTED: dict[tuple[str, str], Any] = {
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): dict,
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _NdArray,
}
for _old_and_new in ("numpy.core", "numpy._core"):
    _ACCEPTED[f"{_old_and_new}.multiarray", "_reconstruct"] = _reconstruct
    _ACCEPTED[f"{_old_and_new}.multiarray", "scalar"] = _scalar
    _ACCEPTED[f"{_old_and_new}.numeric", "_frombuffer"] = _from_buffer
for _module in ("copy_reg", "copyreg"):
    _ACCEPTED[_module, "_reconstructor"] = _reconstruct
for _module in ("__builtin__", "builtins"):
    _ACCEPTED[_module, "object"] = None  # stated as a base class, never built
for _module in ("sklearn.preprocessing._data", "sklearn.preprocessing.data"):
    _ACCEPTED[_module, "StandardScaler"] = StandardScalerState
for _module in ("sklearn.preprocessing._label", "sklearn.preprocessing.label"):
    _ACCEPTED[_module, "LabelEncoder"] = LabelEncoderState
for _module in ("joblib.numpy_pickle", "sklearn.externals.joblib.numpy_pickle"):
    _ACCEPTED[_module, "NumpyArrayWrapper"] = _NumpyArrayWrapper


# --- the reader ---------------------------------------------------------------------------------

# The reader of Python's that is written in Python: joblib's arrays lie in the middle of the stream,
# and the one in C reads past their beginning.
_Reader: Any = pickle._Unpickler
# Opcodes that look objects up in the registry of this process, without `find_class`.
_EXTENSIONS = (pickle.EXT1, pickle.EXT2, pickle.EXT4)


class _Unpickler(_Reader):
    """A reader that builds the inert objects above and no others."""

    dispatch: dict[int, Callable[[Any], None]] = {  # noqa: RUF012 (declared so by the base)
        code: load for code, load in _Reader.dispatch.items() if bytes([code]) not in _EXTENSIONS
    }

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self._source = file

    def find_class(self, module: str, name: str) -> Any:
        """Return the inert class for a name in the file; the name is never imported."""
        try:
            return _ACCEPTED[module, name]
        except KeyError:
            named = f"{module}.{name}"[:200]
            raise refused(
                f"names {named}, which is not accepted. Only StandardScaler, LabelEncoder and "
                "NumPy arrays are; nothing in the file was executed",
                named,
            ) from None

    def load_build(self) -> None:
        """Give an object its state; the base class would set any attribute of any object."""
        state = self.stack.pop()
        built = self.stack[-1]
        if not isinstance(built, _Inert):
            raise refused("sets the state of something that has none")
        built.restore(state)
        if isinstance(built, _NumpyArrayWrapper):
            built.read(self._source)

    dispatch[pickle.BUILD[0]] = load_build
