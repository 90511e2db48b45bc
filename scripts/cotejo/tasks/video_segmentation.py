"""Video segmentation: a film goes in, the same film with every found object tinted comes out.

Level `end-to-end` decodes, prepares, infers, draws and encodes, overlapped; level `inference` is the network alone, on
frames prepared beforehand. A request is a frame. What an engine must be able to do: cotejo.tasks.video_stages.Engine.
"""

import time
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cotejo.files import read_json
from cotejo.samples import Clock, Level, in_seeded_order
from cotejo.tasks import Metric

if TYPE_CHECKING:
    import pandas as pd

    from cotejo.tasks.video_stages import Engine

OPTIONS = {"confidence": 0.25, "codec": "libx264"}
ARCHITECTURES = ("yolo",)
DATASET_KINDS = ("video",)
LEVELS = ("end-to-end", "inference")
UNIT = "frame"
STAGES = ("decode", "preprocess", "inference", "postprocess", "encode")
COLUMNS = (*(f"{stage}_ms" for stage in STAGES), "detections")

FILM = "segmented.mkv"  # a container that takes every codec


class Video(NamedTuple):
    item: str
    file: Path


def load_requests(run: Mapping[str, Any], dataset_folder: Path, model_folder: Path) -> list[Video]:
    """The data set's films; their frames are decoded under the clock."""
    items = read_json(dataset_folder / "dataset.json")["items"]
    return [Video(item["file"], dataset_folder / item["file"]) for item in items]


def measure(
    engine: "Engine",
    requests: Sequence[Video],
    run: Mapping[str, Any],
    level: str,
    output: Path,
    clock: Clock = time.monotonic,
) -> Level:
    """Writes the film with its masks into the folder `output` at level end-to-end."""
    from cotejo.tasks.video_frames import film_size
    from cotejo.tasks.video_stages import Film, Window, end_to_end, inference_alone

    films = list(islice(in_seeded_order(requests, run["seed"]), len(requests)))
    film = Film(films, *film_size(films[0].file))
    window = Window(level, run, clock)
    if level == "inference":
        return inference_alone(engine, film, window, clock)
    return end_to_end(engine, film, window, run["confidence"], run["codec"], output / FILM, clock)


def metrics(samples: "pd.DataFrame", level: Mapping[str, Any], run: Mapping[str, Any]) -> list[Metric]:
    """Frames per second of the window, and the median time of each stage that the level has.

    Stages overlap: their times are of one frame and do not add up to the time between two.
    """
    from cotejo.tasks.latency import percentile_metrics

    stages = STAGES if level["level"] == "end-to-end" else ("inference",)
    rate = Metric("frames_per_s", len(samples) / level["duration_s"], "frames/s", "higher")
    return [rate, *(m for stage in stages for m in percentile_metrics(stage, samples[f"{stage}_ms"] / 1000, (50,)))]
