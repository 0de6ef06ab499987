"""The networks of published models, as ONNX Runtime runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from utils.errors import DamagedFile


class OnnxSession:
    """A network as ONNX Runtime runs it. Safe to share between threads; what is bound is not."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._window, *self._others = (given.name for given in session.get_inputs())
        [self._said] = (output.name for output in session.get_outputs())

    def __call__(
        self, windows: NDArray[np.float32], identities: NDArray[np.int32] | None
    ) -> NDArray[np.float32]:
        """See `rolling.Network`."""
        feed: dict[str, Any] = {self._window: windows}
        for name in self._others:
            feed[name] = identities
        said: NDArray[np.float32] = self._session.run([self._said], feed)[0]
        return said

    def bind(
        self, windows: NDArray[np.float32], identities: NDArray[np.int32] | None
    ) -> Callable[[], NDArray[np.float32]]:
        """The same of arrays that are written to between calls, as is what it returns.

        A tenth quicker: nothing is handed over.
        """
        value = onnxruntime.OrtValue.ortvalue_from_numpy  # keeps to the array's own memory
        said = np.empty((len(windows), 3), np.float32)
        binding, run = self._session.io_binding(), self._session.run_with_iobinding
        binding.bind_ortvalue_input(self._window, value(windows))
        for name in self._others:
            binding.bind_ortvalue_input(name, value(identities))
        binding.bind_ortvalue_output(self._said, value(said))

        def say() -> NDArray[np.float32]:
            run(binding)
            return said

        return say


def open_network(content: bytes) -> OnnxSession:
    """The function that the content of an ONNX file is, on one thread.

    Raises:
        DamagedFile: the file is no ONNX network.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Half of the memory of a small network, and no quicker.
    options.enable_cpu_mem_arena = False
    try:
        session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no class of their own
        raise DamagedFile(f"The ONNX file holds no usable network: {error}") from error
    return OnnxSession(session)
