"""An engine of the video task for runtimes that work on one image at a time: a second one waits while they do."""

import threading
import time
from abc import ABC, abstractmethod
from queue import SimpleQueue

import numpy as np

Outputs = tuple[np.ndarray, np.ndarray]


class InTurn(ABC):
    """See cotejo.tasks.video_stages.Engine; a subclass gives `infer`, which one thread of this object calls."""

    slots = 2

    def __init__(self) -> None:
        self._waiting: SimpleQueue[tuple[int, np.ndarray]] = SimpleQueue()
        self._completed: SimpleQueue[tuple[int, float]] = SimpleQueue()
        self._outputs: dict[int, Outputs | Exception] = {}
        threading.Thread(target=self._work, daemon=True).start()

    @abstractmethod
    def infer(self, image: np.ndarray) -> Outputs:
        """Predictions and prototypes of one image, float32 [1, 3, size, size]."""

    def _work(self) -> None:
        while True:
            slot, image = self._waiting.get()
            begun_s = time.monotonic()
            try:
                self._outputs[slot] = self.infer(image)
            except Exception as error:
                self._outputs[slot] = error
            self._completed.put((slot, time.monotonic() - begun_s))

    def start(self, slot: int, image: np.ndarray) -> None:
        self._waiting.put((slot, image))

    def completed(self) -> tuple[int, float]:
        return self._completed.get()

    def outputs(self, slot: int) -> Outputs:
        outputs = self._outputs.pop(slot)
        if isinstance(outputs, Exception):
            raise outputs
        return outputs
