"""TensorBoard's event files: what its own reader finds in them, and that a record alone decides what they are."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from record_example import RECORD, RUN, changed
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.metadata import (
    SESSION_END_INFO_TAG,
    SESSION_START_INFO_TAG,
    parse_session_end_info_plugin_data,
    parse_session_start_info_plugin_data,
)

from cotejo.event_files import event_file, step_scalars, write_events

TUNING: dict[str, Any] = {
    **RUN, "id": "t5-small_t5-small_few-pairs", "task": "fine-tuning", "batch_size": 4, "max_steps": None,
    "learning_rate": 0.003,
}  # fmt: skip
STARTED_S = datetime.fromisoformat("2026-01-31T12:00:00+00:00").timestamp()


def tuned() -> tuple[dict[str, Any], pd.DataFrame]:
    """A record of three steps of a quarter of a second, with its samples, the last one first."""
    steps = [
        {"index": index, "sent_s": index / 4, "done_s": (index + 1) / 4, "tokens_in": 90, "tokens_out": 10,
         "loss": 9.0 - index}
        for index in (2, 0, 1)
    ]  # fmt: skip
    return changed(RECORD, run=TUNING), pd.DataFrame(steps)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    record, samples = tuned()
    path = tmp_path / event_file(record)
    write_events(path, record, samples)
    return path


@pytest.fixture
def read(written: Path) -> EventAccumulator:
    found = EventAccumulator(str(written.parent))
    found.Reload()
    return found


def test_tensorboard_reads_each_step_at_its_own_time(read: EventAccumulator) -> None:
    assert set(read.Tags()["scalars"]) == {"loss", "step_ms", "tokens_per_s"}
    loss = read.Scalars("loss")
    assert [(event.step, event.value) for event in loss] == [(1, 9.0), (2, 8.0), (3, 7.0)]
    assert [event.wall_time - STARTED_S for event in loss] == [0.25, 0.5, 0.75]
    assert [event.value for event in read.Scalars("step_ms")] == [250.0] * 3
    assert [event.value for event in read.Scalars("tokens_per_s")] == [400.0] * 3


def test_tensorboard_reads_the_settings_and_that_it_ended(read: EventAccumulator) -> None:
    (text,) = read.Tensors("settings")
    assert '"learning_rate": 0.003' in text.tensor_proto.string_val[0].decode()
    metadata = {tag: read.SummaryMetadata(tag).plugin_data.content for tag in read.PluginTagToContent("hparams")}
    start = parse_session_start_info_plugin_data(metadata[SESSION_START_INFO_TAG])
    assert start.start_time_secs == STARTED_S
    assert start.hparams["batch_size"].number_value == 4
    assert start.hparams["max_steps"].string_value == "null"
    end = parse_session_end_info_plugin_data(metadata[SESSION_END_INFO_TAG])
    assert end.end_time_secs == STARTED_S + 0.75


def test_repeats_of_one_run_are_one_group(tmp_path: Path) -> None:
    record, samples = tuned()
    groups = set()
    for repeat in (1, 2):
        path = tmp_path / event_file(changed(record, repeat=repeat))
        write_events(path, record, samples)
        found = EventAccumulator(str(path.parent))
        found.Reload()
        content = found.SummaryMetadata(SESSION_START_INFO_TAG).plugin_data.content
        groups.add(parse_session_start_info_plugin_data(content).group_name)
    assert len(groups) == 1


def test_a_record_alone_decides_name_and_bytes(written: Path, tmp_path: Path) -> None:
    record, samples = tuned()
    assert event_file(record) == Path(
        "local", "t5-small_t5-small_few-pairs", "r1", f"events.out.tfevents.{STARTED_S:.0f}.cotejo"
    )
    again = tmp_path / "again"
    write_events(again, record, samples)
    assert again.read_bytes() == written.read_bytes()


def test_a_step_has_loss_time_and_rate() -> None:
    step = {"sent_s": 1.0, "done_s": 1.5, "tokens_in": 30, "tokens_out": 20, "loss": 2.5}
    assert step_scalars(step) == {"loss": 2.5, "step_ms": 500.0, "tokens_per_s": 100.0}
