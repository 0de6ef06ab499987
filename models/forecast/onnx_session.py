"""The network of a published model, run by ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from utils.errors import DamagedFile


class OnnxSession:
    """A network run by ONNX Runtime. Safe to share between threads.

    Args:
        session: of a network with one input for windows, or another for names, and one output.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._window, *self._others = (given.name for given in session.get_inputs())
        [self._output] = (output.name for output in session.get_outputs())

    def __call__(
        self, windows: NDArray[np.float32], identities: NDArray[np.int32] | None
    ) -> NDArray[np.float32]:
        """Return the outputs of n windows, [n, 3].

        Args:
            windows: features of the rows of each window, [n, length, width].
            identities: number of plant, application and panel size, [n, 3]; None for a network
                without that input.
        """
        inputs: dict[str, Any] = {self._window: windows}
        for name in self._others:
            inputs[name] = identities
        output: NDArray[np.float32] = self._session.run([self._output], inputs)[0]
        return output


def open_network(content: bytes) -> OnnxSession:
    """Return the network that the content of an ONNX file describes; it runs on one thread.

    Raises:
        DamagedFile: the content is not an ONNX network.
    """
    return OnnxSession(open_session(content))


def open_session(content: bytes) -> Any:
    """Return ONNX Runtime's session of the content of an ONNX file; it runs on one thread.

    Raises:
        DamagedFile: the content is not an ONNX network.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # The arena doubles the memory of a small network and makes it no faster.
    options.enable_cpu_mem_arena = False
    try:
        return onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no class of their own
        raise DamagedFile(f"The ONNX file holds no usable network: {error}") from error
