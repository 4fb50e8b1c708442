"""The thread that runs the models, and the line in front of it."""

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from jaxtyping import UInt8

from service.translator import Translator


class Inference:
    """Runs one picture after another: each run has all threads of its session for itself."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="infer")

    def submit(
        self, translator: Translator, pixels: UInt8[np.ndarray, "h w 3"]
    ) -> "Future[UInt8[np.ndarray, 'h w 3']]":
        """Translate when it is this picture's turn; cancelled before, it is not."""
        return self._thread.submit(translator.translate, pixels)

    def close(self) -> None:
        """Finish what was submitted."""
        self._thread.shutdown()
