"""What becomes of a measured process, whatever it does and whatever befalls it: with one that misbehaves on demand."""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench import Bench, alive, pids_in

from cotejo import affinity, cgroup
from cotejo.files import write_json
from cotejo.record import read, samples_path

pytestmark = pytest.mark.beside

needs_two_cpus = pytest.mark.skipif(len(affinity.mask()) < 2, reason="needs two CPUs")


def test_a_repeat_is_measured_on_its_cpus(bench):
    record = bench.measure(cores="all")
    cpus = sorted(affinity.mask())
    assert (record["status"], record["samples"]["rows"]) == ("ok", 2)
    runtime = {key: record["runtime"][key] for key in ("cpus", "threads", "omp")}
    assert runtime == {"cpus": cpus, "threads": len(cpus), "omp": str(len(cpus))}
    assert record["runtime"]["oom_score_adj"] == 1000  # before anything else of the user's
    assert record["affinity"]["expected_cpus"] == record["affinity"]["observed_cpus"] == cpus
    assert record["affinity"]["mechanism"] == record["command"][0] == "numactl"
    assert record["affinity"]["checks"] >= 2
    assert record["marks"] == ["synthetic", "small"]
    assert record["process"]["wall_s"] >= 0.3
    assert record["export"]["parity"]["status"] == "ok"
    assert bench.output.with_suffix(".log").read_text() == "fake worker at work\n"


@needs_two_cpus
def test_a_count_and_a_position_are_relative_to_the_mask_it_was_given(bench):
    last = max(affinity.mask())
    for cores in (1, "0", "all", f"node{affinity.topology()[last].node}"):
        record = bench.measure("taskset", "-c", str(last), cores=cores)
        assert record["status"] == "ok"
        assert record["runtime"]["cpus"] == record["affinity"]["observed_cpus"] == [last]


@needs_two_cpus
def test_who_watches_keeps_off_the_measured_cpus(bench):
    record = bench.measure(cores=1)
    assert record["runtime"]["parents_cpus"] == sorted(affinity.mask() - set(record["runtime"]["cpus"]))


@needs_two_cpus
def test_cores_outside_the_mask_are_an_error_before_anything_runs(bench):
    process = bench.start("taskset", "-c", "0", cores=2)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.startswith("error: --run: cores: 2: not among the 1 CPUs (0) that may be used here.")
    assert not bench.output.parent.exists()


@needs_two_cpus
def test_a_thread_that_leaves_its_cpus_fails_the_repeat_but_the_samples_stay(bench):
    record = bench.measure(behave="leave")
    assert (record["status"], record["reason"]) == ("failed", "lost-pin")
    everywhere = affinity.format_cpus(range(os.cpu_count()))
    assert record["affinity"]["violations"] == [{"thread": "python", "cpus": everywhere}]
    assert record["affinity"]["observed_cpus"] == list(range(os.cpu_count()))
    assert record["samples"]["rows"] == 2


@pytest.mark.parametrize(
    ("behave", "reason", "message"),
    [
        ("die", "killed", "ended by SIGSEGV. Its last line: about to die"),
        ("crash", "error", "ValueError: no such layer"),
        ("silent", "error", "ended without a report. Its last line: fake worker at work"),
        ("refuse", "error", "unsupported operation"),
        ("hoard", "out-of-memory", "MemoryError"),
    ],
)
def test_what_befalls_the_process_is_the_records_reason(bench, behave, reason, message):
    record = bench.measure(behave=behave)
    assert (record["status"], record["reason"], record["message"]) == ("failed", reason, message)
    assert record["samples"] is None
    assert samples_path(bench.output).read_bytes() == b""


def test_a_process_killed_from_outside(bench):
    pids = bench.folder / "pids"
    process = bench.start(behave="linger", pids=str(pids))
    started = pids_in(pids, process)
    os.kill(started[0], signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert read(bench.output)["reason"] == "killed"
    assert not any(map(alive, started))


def test_a_timeout_kills_the_whole_group(bench):
    pids = bench.folder / "pids"
    record = bench.measure(behave="linger", pids=str(pids), timeout_s=1.5)
    assert record["reason"] == "timeout"
    assert record["message"] == "had not ended after 1.5 s (timeout_s) and was killed"
    assert 1.5 <= record["process"]["wall_s"] < 5
    assert record["process"]["exit_code"] == -signal.SIGKILL
    assert not any(map(alive, json.loads(pids.read_text())))


def test_what_a_process_leaves_behind_is_ended(bench):
    pids = bench.folder / "pids"
    assert bench.measure(behave="abandon", pids=str(pids))["status"] == "ok"
    assert not any(map(alive, json.loads(pids.read_text())))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interruption_leaves_no_process_no_record_and_no_temporary_file(bench, number):
    pids = bench.folder / "pids"
    process = bench.start(behave="linger", pids=str(pids))
    started = pids_in(pids, process)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert not any(map(alive, started))
    assert not bench.output.exists()
    assert list(bench.temporary.iterdir()) == []


@pytest.fixture
def small_cgroup() -> Iterator[Path]:
    """A control group with 256 MiB of memory, as a batch system makes one for a job."""
    own = next(iter(cgroup.folders("memory")), None)
    if own is None:
        pytest.skip("no control group for memory")
    group = own / f"cotejo-test-{os.getpid()}"
    limit = "memory.max" if (own / "memory.max").exists() else "memory.limit_in_bytes"
    try:
        group.mkdir()
        (group / limit).write_text(str(256 << 20))
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    yield group
    deadline = time.monotonic() + 10
    while group.exists():
        try:
            group.rmdir()
        except OSError:  # its processes have ended, but are not forgotten yet
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_process_that_the_kernel_kills_for_memory(bench, small_cgroup):
    record = bench.measure(told={"cgroup": str(small_cgroup)}, behave="fill")
    assert record["reason"] == "out-of-memory"
    assert record["message"].startswith("killed by the kernel")
    assert record["environment"]["machine"]["cgroup_memory_mib"] == 256


def test_a_failed_gate_runs_nothing(bench):
    bench.gate("failed", "parity", "error 0.5 > bound 0.1")
    record = bench.measure()
    assert (record["status"], record["reason"], record["message"]) == ("failed", "parity", "error 0.5 > bound 0.1")
    assert (record["command"], record["process"], record["levels"], record["samples"]) == ([], None, [], None)
    assert record["affinity"]["expected_cpus"] == sorted(affinity.mask())[:1]
    assert not bench.output.with_suffix(".log").exists()


def test_a_bit_flipped_in_the_export_is_never_measured(bench):
    data = bytearray((bench.folder / "export" / "weights.bin").read_bytes())
    data[2000] ^= 1
    (bench.folder / "export" / "weights.bin").write_bytes(data)
    record = bench.measure()
    assert (record["reason"], record["command"]) == ("corrupt-export", [])
    assert str(bench.folder / "export" / "weights.bin") in record["message"]
    assert "`make retry`" in record["message"]


def test_an_export_made_anew_since_its_gate_is_never_measured(bench):
    manifest = bench.folder / "export" / "export.json"
    write_json(manifest, {**json.loads(manifest.read_text()), "packages": {"optimum-intel": "2.3.0"}})
    assert bench.measure()["reason"] == "corrupt-export"


def test_another_runs_export_is_an_error(bench):
    process = bench.start(precision="fp16")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "export.json: precision: 'int8': the run has 'fp16'" in said


def test_failed_and_whole_repeats_of_one_run_share_their_code_and_say_what_stands_in(bench):
    stood_in = {"instead_of": "dataset=wikisql; device=cuda; accelerators=1"}
    whole = bench.measure(**stood_in)
    killed = bench.measure(behave="die", **stood_in)
    assert whole["code_digest"] == killed["code_digest"]
    dataset = whole["run"]["dataset"]
    assert whole["marks"][-2:] == [f"{dataset} instead of wikisql", "cpu instead of one GPU"] == killed["marks"][-2:]


def test_without_numactl_it_is_pinned_by_taskset_and_says_so(bench, monkeypatch):
    programs = bench.folder / "bin"
    programs.mkdir()
    for name in ("taskset", "git"):
        (programs / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(programs))
    record = bench.measure()
    assert record["status"] == "ok"
    assert record["affinity"]["mechanism"] == record["command"][0] == "taskset"
    assert record["marks"] == ["synthetic", "small", "taskset"]
    assert record["affinity"]["observed_cpus"] == record["affinity"]["expected_cpus"]


def test_two_repeats_never_overlap(bench, tmp_path_factory):
    other = Bench(tmp_path_factory.mktemp("other"))
    lock = {"lock": str(bench.folder / "lock")}
    processes = [bench.start(told=lock), other.start(told=lock)]
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    first, second = sorted((read(bench.output), read(other.output)), key=lambda record: record["started_at"])
    assert first["finished_at"] <= second["started_at"]
    waited = [line for text in said for line in text.splitlines() if line.startswith("waiting: ")]
    assert len(waited) == 1
    assert any(str(place.output) in waited[0] for place in (bench, other))
