"""YOLO on OpenVINO's runtime, with as many images at once as the runtime finds best."""

import time
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from cotejo.backends.openvino_runtime import DEVICES, resolved, settings


class Yolo:
    """An engine of the video task; see cotejo.tasks.video_stages.Engine."""

    def __init__(self, run: Mapping[str, Any], artefact: Path, threads: int) -> None:
        import openvino

        self._compiled = openvino.Core().compile_model(
            artefact / "model.xml", DEVICES[run["device"]], settings(run, threads, "THROUGHPUT")
        )
        self.threads = threads
        self.slots: int = self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self.image_size: int = self._compiled.input(0).shape[-1]
        self._tensor = openvino.Tensor
        self._requests = [self._compiled.create_infer_request() for _ in range(self.slots)]
        self._completed: SimpleQueue[tuple[int, float]] = SimpleQueue()
        self._started_s = [0.0] * self.slots
        for slot, request in enumerate(self._requests):
            request.set_callback(self._note, slot)

    def _note(self, slot: int) -> None:
        self._completed.put((slot, time.monotonic() - self._started_s[slot]))

    def start(self, slot: int, image: np.ndarray) -> None:
        request = self._requests[slot]
        request.set_input_tensor(self._tensor(image, shared_memory=True))
        self._started_s[slot] = time.monotonic()
        request.start_async()

    def completed(self) -> tuple[int, float]:
        return self._completed.get()

    def outputs(self, slot: int) -> tuple[np.ndarray, np.ndarray]:
        request = self._requests[slot]
        request.wait()
        return request.get_output_tensor(0).data, request.get_output_tensor(1).data

    def properties(self) -> dict[str, Any]:
        return {"slots": self.slots, **resolved(self._compiled)}
