"""A repeat that is measured from copies on the machine's own disk, and what becomes of them, however it ends."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from bench import Bench, await_end, pids_in

from cotejo.record import read

pytestmark = pytest.mark.beside


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


def left(scratch: Path) -> list[Path]:
    """What lies in this user's folder there."""
    return sorted((scratch / f"cotejo-{os.getuid()}").iterdir())


def staging(scratch: Path) -> dict[str, Any]:
    return {"stage": str(scratch)}


def test_the_copies_are_measured_and_the_record_tells_of_the_originals(bench, scratch):
    plain = bench.measure()
    record = bench.measure(told=staging(scratch))
    assert record["status"] == "ok"
    assert all(Path(folder).is_relative_to(scratch) for folder in record["runtime"]["read"].values())
    assert record["runtime"]["weights"] == 4096
    # Model, data set and export, 4 KiB each, and their manifests.
    assert 12 / 1024 < record["staged"]["size_mib"] < 16 / 1024
    for part in ("model", "export", "dataset", "run", "code_digest"):
        assert record[part] == plain[part]
    assert plain["staged"] is None
    assert left(scratch) == []


def test_a_server_is_given_what_was_prepared_and_the_model_from_there(serving_bench, scratch):
    (serving_bench.folder / "prepared" / "weights.bin").symlink_to(serving_bench.folder / "model" / "weights.bin")
    record = serving_bench.measure(told=staging(scratch))
    assert record["status"] == "ok", record["message"]
    command = record["server"]["command"]
    assert Path(command[command.index("--prepared") + 1]).is_relative_to(scratch)
    assert record["server"]["prepared"].keys() == {"fake.json"}
    assert record["staged"]["size_mib"] > 0
    assert left(scratch) == []


def test_what_was_damaged_before_it_was_copied_is_named_where_it_lies(bench, scratch):
    data = bytearray((bench.folder / "export" / "weights.bin").read_bytes())
    data[2000] ^= 1
    (bench.folder / "export" / "weights.bin").write_bytes(data)
    record = bench.measure(told=staging(scratch))
    assert (record["reason"], record["command"]) == ("corrupt-export", [])
    assert str(bench.folder / "export" / "weights.bin") in record["message"]
    assert left(scratch) == []


def test_a_failed_gate_copies_nothing(bench, scratch):
    bench.gate("failed", "parity", "error 0.5 > bound 0.1")
    assert bench.measure(told=staging(scratch))["staged"] is None
    assert not scratch.exists()


def test_a_disk_that_cannot_be_used_is_an_error_and_no_record(bench, scratch):
    scratch.write_text("no folder")
    process = bench.start(told=staging(scratch))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.splitlines()[-1].startswith(f"error: {scratch}")
    assert not bench.output.exists()


def test_an_interruption_leaves_no_copy(bench, scratch):
    process, _ = lingering(bench, scratch)
    process.terminate()
    process.communicate(timeout=60)
    assert left(scratch) == []


def test_the_next_one_deletes_what_one_that_was_killed_had_copied(bench, scratch):
    process, started = lingering(bench, scratch)
    process.kill()
    process.communicate(timeout=60)
    await_end(started[:1])
    folder, lock = left(scratch)
    assert list(folder.rglob("weights.bin"))
    assert lock.suffix == ".lock"
    later = bench.start(told=staging(scratch))
    _, said = later.communicate(timeout=60)
    assert later.returncode == 0, said
    assert f"deleting what a measurement that was killed had copied: {folder}" in said
    assert read(bench.output)["status"] == "ok"
    assert left(scratch) == []
    await_end(started)


def lingering(bench: Bench, scratch: Path) -> "tuple[subprocess.Popen[str], list[int]]":
    """A measurement that is under way on its copies, and the processes that it has started."""
    pids = bench.folder / "pids"
    process = bench.start(told=staging(scratch), behave="linger", pids=str(pids))
    return process, pids_in(pids, process)
