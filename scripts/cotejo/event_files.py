"""Event files of TensorBoard, made of records and their samples: what a training did, step by step.

They are written after everything was measured, so that nothing of them is ever inside a clock. Their names and their
bytes follow from the record alone. The format: records of TFRecord, each an `Event`, the first one naming the version
(https://www.tensorflow.org/tutorials/load_data/tfrecord, tensorboard/compat/proto/event.proto).
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

TASK = "fine-tuning"
VERSION = "brain.Event:2"
SETTINGS = "settings"  # the tag of a run's settings, as text


def event_file(record: Mapping[str, Any]) -> Path:
    """Where a record's event file lies below a study's folder of them: TensorBoard calls a run by its folder."""
    started = int(_started_s(record))
    return Path(record["system"], record["run"]["id"], f"r{record['repeat']}", f"events.out.tfevents.{started}.cotejo")


def write_events(path: Path, record: Mapping[str, Any], samples: "pd.DataFrame") -> None:
    """Write a record's event file: its settings, then loss, time and rate of each measured step, numbered from 1.

    `samples` as `cotejo.record.read_samples` gives those of a fine-tuning. A step's wall time is the record's start and
    its own time since the first step: what came before the steps, loading and warm-up, is left out.
    """
    from tensorboard.summary.writer.record_writer import RecordWriter

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        writer = RecordWriter(stream)
        for event in _events(record, samples):
            writer.write(event.SerializeToString())


def _events(record: Mapping[str, Any], samples: "pd.DataFrame") -> "Iterator[Event]":
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    started_s = end_s = _started_s(record)
    yield Event(wall_time=started_s, file_version=VERSION)
    yield Event(wall_time=started_s, summary=_settings(record["run"]))
    yield Event(wall_time=started_s, summary=_hparams(record["run"], started_s))
    steps: list[Mapping[str, Any]] = [*samples.sort_values("index").to_dict("records")]  # type: ignore[list-item]
    for sample in steps:
        end_s = started_s + sample["done_s"]
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in step_scalars(sample).items()]
        yield Event(wall_time=end_s, step=sample["index"] + 1, summary=Summary(value=values))
    yield Event(wall_time=end_s, summary=_end(end_s))


def step_scalars(sample: Mapping[str, Any]) -> dict[str, float]:
    """What TensorBoard draws of a step: its loss (nats), its time (ms), its rate (tokens/s, without padding)."""
    taken_s = sample["done_s"] - sample["sent_s"]
    tokens = sample["tokens_in"] + sample["tokens_out"]
    return {"loss": sample["loss"], "step_ms": 1000 * taken_s, "tokens_per_s": tokens / taken_s}


def _started_s(record: Mapping[str, Any]) -> float:
    """When a record was begun, in seconds since 1970."""
    return datetime.fromisoformat(record["started_at"]).timestamp()


def _settings(run: Mapping[str, Any]) -> "Summary":
    """A run's settings as text, which TensorBoard takes for Markdown."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING
    from tensorboard.plugins.text.metadata import create_summary_metadata

    lines = [f"    {line}" for line in json.dumps(run, indent=1).splitlines()]
    text = TensorProto(dtype=DT_STRING, string_val=["\n".join(lines).encode()])
    return Summary(value=[Summary.Value(tag=SETTINGS, metadata=create_summary_metadata(SETTINGS, ""), tensor=text)])


def _hparams(run: Mapping[str, Any], started_s: float) -> "Summary":
    """A run's settings for TensorBoard's table of them, one group for all repeats."""
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb

    told = {
        key: value if isinstance(value, str | bool | int | float) else json.dumps(value) for key, value in run.items()
    }
    return hparams_pb(told, trial_id=f"{run['id']}~{run['digest']}", start_time_secs=started_s)


def _end(end_s: float) -> "Summary":
    """That a training came to its end: without it TensorBoard takes it for one that goes on."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.api_pb2 import STATUS_SUCCESS
    from tensorboard.plugins.hparams.metadata import NULL_TENSOR, SESSION_END_INFO_TAG, create_summary_metadata
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo

    told = HParamsPluginData(session_end_info=SessionEndInfo(status=STATUS_SUCCESS, end_time_secs=end_s))
    value = Summary.Value(tag=SESSION_END_INFO_TAG, metadata=create_summary_metadata(told), tensor=NULL_TENSOR)
    return Summary(value=[value])
