"""Tasks: what is asked of a model, one module each. Importing them is cheap; heavy imports happen inside functions.

A task's module gives

- `OPTIONS`: {option of a run: default}; `ARCHITECTURES`; `DATASET_KINDS` that it can read; `UNIT`: what its throughput
  counts;

and, unless only servers have the task so far,

- `LEVELS`: the load levels of a run in process; `COLUMNS`: its own columns of the samples;
- `load_requests(run, dataset_folder, model_folder)`: every item of the data set, ready to be sent;
- `measure(engine, requests, run, level, output, clock)`: one level, as a `cotejo.samples.Level`;
- `metrics(samples, level, run)`: what one level's samples (a DataFrame with samples.csv's columns) amount to.
"""

from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from cotejo.errors import CotejoError

TASKS = {
    "text-generation": "cotejo.tasks.text_generation",
    "video-segmentation": "cotejo.tasks.video_segmentation",
    "speech-recognition": "cotejo.tasks.speech_recognition",
    "image-captioning": "cotejo.tasks.image_captioning",
    "visual-question-answering": "cotejo.tasks.visual_question_answering",
}


def in_process(name: str) -> bool:
    """Whether a task can be measured without a server."""
    return hasattr(task(name), "measure")


class Metric(NamedTuple):
    """One number about one level, in the unit that its name also carries. `better` is "higher" or "lower".

    No value where the samples can't carry one.
    """

    name: str
    value: float | None
    unit: str
    better: str


def task(name: str) -> ModuleType:
    """A task's module; CotejoError if there is none of that name."""
    if name not in TASKS:
        raise CotejoError(f"task: {name}: unknown. One of {', '.join(TASKS)}")
    return import_module(TASKS[name])
