"""Tasks: what is asked of a model, one module each. Importing them is cheap; heavy imports happen inside functions.

A task's module gives

- `OPTIONS`: {option of a run: default}; `ARCHITECTURES`; `DATASET_KINDS` that it can read; `UNIT`: what its throughput
  counts;
- `IN_PROCESS_OPTIONS`, where it has some that only runs in process have; one whose value is None is left out of a run;
- `UNREAD`, where some of what every run is told counts for nothing: these keys, which its runs don't have;
- `LEVELS`: the load levels of a run in process; `COLUMNS`: its own columns of the samples;
- `load_requests(run, dataset_folder, model_folder)`: every item of the data set, ready to be sent;
- `measure(engine, requests, run, level, output, clock)`: one level, as a `cotejo.samples.Level`;
- `metrics(samples, level, run)`: what one level's samples (a DataFrame with samples.csv's columns) amount to.
"""

from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from cotejo.errors import CotejoError

TASKS = {
    "text-generation": "cotejo.tasks.text_generation",
    "video-segmentation": "cotejo.tasks.video_segmentation",
    "speech-recognition": "cotejo.tasks.speech_recognition",
    "image-captioning": "cotejo.tasks.image_captioning",
    "visual-question-answering": "cotejo.tasks.visual_question_answering",
    "fine-tuning": "cotejo.tasks.fine_tuning",
}


def options(name: str) -> dict[str, Any]:
    """Every option of a task, in process or not, with its default."""
    module = task(name)
    return {**module.OPTIONS, **in_process_options(name)}


def in_process_options(name: str) -> dict[str, Any]:
    """The options of a task that only runs in process have."""
    return getattr(task(name), "IN_PROCESS_OPTIONS", {})


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
