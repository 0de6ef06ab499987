"""The scalers of old scikit-learn set-ups, read from their pickles without trusting them.

A pickle is a program. This one may only build inert objects of this module, whatever it names:
nothing of scikit-learn, joblib or NumPy is called on its behalf, so that neither their versions
nor the file's author matter. Accepted are StandardScaler, LabelEncoder, NumPy's arrays, scalars
and dtypes, and containers of them, pickled or dumped by joblib without compression.
"""

from __future__ import annotations

import io
import pickle  # nosec B403  # its opcodes, with a reader that builds nothing it names
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.series.panel import SERIES_FIELDS
from utils.errors import InvalidInput

Floats = NDArray[np.float64]
Scaling = tuple[Floats, Floats]  # mean and scale of each column

_MOST_BYTES = 64_000_000
_MOST_OBJECTS = 10_000
_DEEPEST = 5
_COMPRESSED = (b"\x1f\x8b", b"\x78", b"BZh", b"\xfd7zXZ", b"\x5d\x00", b"\x04\x22\x4d\x18")
_DTYPE = re.compile(r"[<>|=]?(?:[fiu][1248]|b1|\?|O8?|[SU]\d{1,6})")
_OF_TARGETS = re.compile(r"target|output|(?:^|[^a-z])y(?:[^a-z]|$)")
_HINTS = {"plant": ("plant", "factory"), "application": ("app",), "panel_size": ("size", "panel")}


@dataclass(frozen=True)
class Scalers:
    """What a file of scalers says.

    `scaler` is that of the features; `target_scaler` that of the targets, where there is one of
    its own. `encoders` maps the kinds of names (see `models.series.panel.SERIES_FIELDS`) to the
    names by code.
    `features` are the columns that the scaler was fitted on, where it kept their names.
    """

    scaler: Scaling
    target_scaler: Scaling | None
    encoders: dict[str, list[str]]
    features: tuple[str, ...] = ()


def read_scalers(path: Path) -> Scalers:
    """Read the pickle of a scaler, or of a dict or list of scalers and label encoders.

    Raises:
        InvalidInput: the file names anything that is not accepted, is no pickle, or holds no
            scaler. Nothing in it was executed.
    """
    found = list(_walk(_load(path), path.stem, count()))
    scalers = [(name, one) for name, one in found if isinstance(one, _StandardScaler)]
    encoders = [(name, one) for name, one in found if isinstance(one, _LabelEncoder)]
    of_features, of_targets = _told_apart(scalers)
    return Scalers(
        of_features.scaling(),
        None if of_targets is None else of_targets.scaling(),
        _by_kind(encoders),
        of_features.features(),
    )


def _refused(message: str, received: Any = None) -> InvalidInput:
    return InvalidInput.of("scalers", message, received)


# --- the inert objects that a file may build ----------------------------------------------------


class _Inert:
    """Something that a file may build. `restore` takes the state that the file holds for it."""

    def restore(self, state: Any) -> None:
        raise _refused(f"holds an unexpected state of a {type(self).__name__.lstrip('_')}")


class _Dtype(_Inert):
    """A NumPy dtype: plain numbers, text, or Python objects, of which only text is accepted."""

    def __init__(self, code: Any, *_: Any) -> None:
        if not isinstance(code, str) or not _DTYPE.fullmatch(code):
            raise _refused("holds an array of a kind that is not accepted", str(code)[:60])
        self.code = code.lstrip("<>|=")
        self.order = code[0] if code[0] in "<>|=" else "="

    def restore(self, state: Any) -> None:
        # Its order only. The rest (flags, sizes) follows from the code, and is what an
        # attacker would lie about.
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            super().restore(state)
        self.order = state[1]

    @property
    def of_objects(self) -> bool:
        return self.code.startswith("O")

    def numpy(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.code)


class _NdArray(_Inert):
    """A NumPy array, flat: nothing here needs more than one axis."""

    def __init__(self, *_: Any) -> None:
        self.values: list[Any] = []

    def restore(self, state: Any) -> None:
        _, shape, dtype, _, data = state
        self.fill(shape, dtype, data)

    def fill(self, shape: Any, dtype: Any, data: Any) -> None:
        size = prod(shape)
        if dtype.of_objects:
            if not isinstance(data, list) or not all(_is_plain(item) for item in data):
                raise _refused("holds an array of objects other than text and numbers")
            values = list(data)
        else:
            values = np.frombuffer(_as_bytes(data), dtype.numpy()).tolist()
        if len(values) != size:
            raise _refused("holds an array that is not as long as it states")
        self.values = values


class _NumpyArrayWrapper(_NdArray):
    """What joblib puts in an array's place; the bytes follow behind it in the file."""

    padded = False

    def restore(self, state: Any) -> None:
        self.shape, self.dtype = state["shape"], state["dtype"]
        # Since joblib 1.2 one byte states how many bytes are skipped for alignment.
        self.padded = state.get("numpy_array_alignment_bytes") is not None

    def read(self, file: io.BytesIO) -> None:
        if self.dtype.of_objects:
            inner = _Unpickler(file).load()
            if not isinstance(inner, _NdArray):
                raise _refused("holds an array that joblib did not write")
            self.values = inner.values
            return
        if self.padded:
            file.read(file.read(1)[0])
        size = self.dtype.numpy().itemsize * prod(self.shape)
        self.fill(self.shape, self.dtype, file.read(size))


class _Estimator(_Inert):
    """An object of scikit-learn: its attributes, by name."""

    def __init__(self, *_: Any) -> None:
        self.state: dict[str, Any] = {}

    def restore(self, state: Any) -> None:
        if not isinstance(state, dict):
            super().restore(state)
        self.state = state

    def values(self, name: str) -> list[Any] | None:
        held = self.state.get(name)
        return held.values if isinstance(held, _NdArray) else None


class _StandardScaler(_Estimator):
    """scikit-learn's StandardScaler."""

    def scaling(self) -> Scaling:
        mean = self.values("mean_") if self.state.get("with_mean", True) else None
        scale = self.values("scale_") if self.state.get("with_std", True) else None
        known = mean or scale
        if not known:
            raise _refused("holds a StandardScaler that was never fitted")
        means = np.asarray(mean or [0.0] * len(known), float)
        scales = np.asarray(scale or [1.0] * len(known), float)
        if means.shape != scales.shape or not np.isfinite([means, scales]).all():
            raise _refused("holds a StandardScaler whose mean and scale do not fit")
        if (scales <= 0).any():
            raise _refused("holds a StandardScaler with a scale of zero or less")
        return means, scales

    def features(self) -> tuple[str, ...]:
        return tuple(str(name) for name in self.values("feature_names_in_") or ())


class _LabelEncoder(_Estimator):
    """scikit-learn's LabelEncoder."""

    def classes(self) -> list[str]:
        return [str(name) for name in self.values("classes_") or ()]


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _as_bytes(data: Any) -> bytes:
    if not isinstance(data, bytes | bytearray):
        raise _refused("holds an array without its bytes")
    return bytes(data)


def _scalar(dtype: Any, data: Any) -> Any:
    """numpy.core.multiarray.scalar: one value."""
    if dtype.of_objects:
        raise _refused("holds a NumPy scalar of a kind that is not accepted")
    return np.frombuffer(_as_bytes(data), dtype.numpy(), 1)[0].item()


def _reconstruct(kind: Any, *_: Any) -> Any:
    """numpy.core.multiarray._reconstruct, copyreg._reconstructor: an object yet to be filled."""
    if not (isinstance(kind, type) and issubclass(kind, _Inert)):
        raise _refused("builds an object of a kind that is not accepted")
    return kind()


def _from_buffer(data: Any, dtype: Any, shape: Any, *_: Any) -> _NdArray:
    """numpy.core.numeric._frombuffer, of protocol 5."""
    array = _NdArray()
    array.fill(shape, dtype, data)
    return array


def _encode(text: str, encoding: str) -> bytes:
    """_codecs.encode, by which protocols below 3 write bytes."""
    if encoding != "latin1":
        raise _refused("holds bytes in an encoding that pickle does not write")
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
    _ACCEPTED[_module, "StandardScaler"] = _StandardScaler
for _module in ("sklearn.preprocessing._label", "sklearn.preprocessing.label"):
    _ACCEPTED[_module, "LabelEncoder"] = _LabelEncoder
for _module in ("joblib.numpy_pickle", "sklearn.externals.joblib.numpy_pickle"):
    _ACCEPTED[_module, "NumpyArrayWrapper"] = _NumpyArrayWrapper


# --- the reader ---------------------------------------------------------------------------------

# Python's own reader in Python, not the one in C: joblib's arrays lie in the middle of the
# stream, and the one in C reads ahead of them.
_Reader: Any = pickle._Unpickler
# Codes that look things up in this process's registry, past `find_class`.
_EXTENSIONS = (pickle.EXT1, pickle.EXT2, pickle.EXT4)


class _Unpickler(_Reader):
    """Builds the inert objects above, and knows no other."""

    dispatch: dict[int, Callable[[Any], None]] = {  # noqa: RUF012 (declared so by the base)
        code: load for code, load in _Reader.dispatch.items() if bytes([code]) not in _EXTENSIONS
    }

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self._source = file

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for what the file names; it is never imported."""
        try:
            return _ACCEPTED[module, name]
        except KeyError:
            named = f"{module}.{name}"[:200]
            raise _refused(
                f"names {named}, which is not accepted. Only StandardScaler, LabelEncoder and "
                "NumPy arrays are; nothing in the file was executed",
                named,
            ) from None

    def load_build(self) -> None:
        """Give an object its state; the base's way would set any attribute of any object."""
        state = self.stack.pop()
        built = self.stack[-1]
        if not isinstance(built, _Inert):
            raise _refused("sets the state of something that has none")
        built.restore(state)
        if isinstance(built, _NumpyArrayWrapper):
            built.read(self._source)

    dispatch[pickle.BUILD[0]] = load_build


def _load(path: Path) -> Any:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise _refused(f"is larger than {_MOST_BYTES // 1_000_000} MB")
        content = path.read_bytes()
    except OSError as error:
        raise _refused(f"cannot be read: {error.strerror or error}") from error
    if content.startswith(_COMPRESSED):
        raise _refused("is compressed; write it again with joblib.dump(..., compress=0)")
    try:
        return _Unpickler(io.BytesIO(content)).load()
    except InvalidInput:
        raise
    except Exception as error:  # a broken pickle can raise just about anything
        raise _refused(f"is no readable pickle: {type(error).__name__}: {error}") from error


def _walk(
    held: Any, name: str, visited: Iterator[int], depth: int = 0
) -> Iterator[tuple[str, Any]]:
    """(name, object) of all scalers and encoders in nested containers."""
    # Bounded, as a small file can hold one container very many times.
    if depth > _DEEPEST or next(visited) > _MOST_OBJECTS:
        raise _refused("holds too many objects within each other")
    if isinstance(held, _Estimator):
        yield name.lower(), held
        return
    if not isinstance(held, dict | list | tuple):
        return
    # The file's own name says nothing of the parts of a container.
    before = f"{name}." if depth else ""
    parts = held.items() if isinstance(held, dict) else enumerate(held)
    for key, part in parts:
        yield from _walk(part, f"{before}{key}" if _is_plain(key) else name, visited, depth + 1)


def _told_apart(
    scalers: list[tuple[str, _StandardScaler]],
) -> tuple[_StandardScaler, _StandardScaler | None]:
    """The scaler of the features and that of the targets: by name, else the second one."""
    if len(scalers) > 2:
        names = ", ".join(name for name, _ in scalers[:20])
        raise _refused("must hold one scaler of the features and at most one of the targets", names)
    targets = [one for name, one in scalers if _OF_TARGETS.search(name)]
    others = [one for name, one in scalers if not _OF_TARGETS.search(name)]
    if not others:
        raise _refused("holds no StandardScaler of the features")
    return others[0], next(iter(targets or others[1:]), None)


def _by_kind(encoders: list[tuple[str, _LabelEncoder]]) -> dict[str, list[str]]:
    """The encoders' names by kind: told by their own names, the others in the usual order."""
    found: dict[str, list[str]] = {}
    unnamed = []
    for name, encoder in encoders:
        last = name.rsplit(".", 1)[-1]
        hits = [
            k for k in SERIES_FIELDS if k not in found and any(hint in last for hint in _HINTS[k])
        ]
        if hits:
            found[hits[0]] = encoder.classes()
        else:
            unnamed.append(encoder)
    left = [kind for kind in SERIES_FIELDS if kind not in found]
    found |= {kind: one.classes() for kind, one in zip(left, unnamed, strict=False)}
    return {kind: found[kind] for kind in SERIES_FIELDS if kind in found}
