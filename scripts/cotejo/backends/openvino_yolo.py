"""YOLO on OpenVINO's runtime, on as many images at once as the runtime finds best."""

import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from cotejo.backends.openvino_runtime import PLUGINS, resolved, settings


class Yolo:
    """An engine of the video task; see cotejo.tasks.video_stages.Engine."""

    def __init__(self, run: Mapping[str, Any], artefact: Path, threads: int) -> None:
        import openvino

        self._compiled = openvino.Core().compile_model(
            artefact / "model.xml", PLUGINS[run["device"]], settings(run, threads, "THROUGHPUT")
        )
        self.threads = threads
        streams: int = self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self.slots = streams + 1  # one waits, so that no stream ever does
        self.image_size: int = self._compiled.input(0).shape[-1]
        self._tensor = openvino.Tensor
        self._requests = [self._compiled.create_infer_request() for _ in range(self.slots)]
        for slot, request in enumerate(self._requests):
            request.set_callback(self._note, slot)
        self._completed: SimpleQueue[tuple[int, float]] = SimpleQueue()
        self._times = ServiceTimes(streams)

    def _note(self, slot: int) -> None:
        self._completed.put((slot, self._times.completed(slot, time.monotonic())))

    def start(self, slot: int, image: np.ndarray) -> None:
        request = self._requests[slot]
        request.set_input_tensor(self._tensor(image, shared_memory=True))
        self._times.started(slot, time.monotonic())
        request.start_async()

    def completed(self) -> tuple[int, float]:
        return self._completed.get()

    def outputs(self, slot: int) -> tuple[np.ndarray, np.ndarray]:
        request = self._requests[slot]
        request.wait()
        return request.get_output_tensor(0).data, request.get_output_tensor(1).data

    def properties(self) -> dict[str, Any]:
        return {"slots": self.slots, **resolved(self._compiled)}


class ServiceTimes:
    """How long requests are worked on, without their wait for one of the streams, which take them as they come."""

    def __init__(self, streams: int) -> None:
        self._idle = streams
        self._waiting: deque[int] = deque()
        self._begun_s: dict[int, float] = {}
        self._lock = threading.Lock()

    def started(self, slot: int, now_s: float) -> None:
        with self._lock:
            if self._idle:
                self._idle -= 1
                self._begun_s[slot] = now_s
            else:
                self._waiting.append(slot)

    def completed(self, slot: int, now_s: float) -> float:
        """The seconds that a stream worked on the slot; the stream goes on to the one that has waited longest."""
        with self._lock:
            if self._waiting:
                self._begun_s[self._waiting.popleft()] = now_s
            else:
                self._idle += 1
            return now_s - self._begun_s.pop(slot)
