"""What a node of several does with what it is told, but for the command itself, which a real Slurm's tests run."""

import os

import pytest

from cotejo import follower
from cotejo.accelerators import Accelerator
from cotejo.affinity import Watch
from cotejo.child import Ending
from cotejo.errors import NodeFailed
from cotejo.follower import Orders, filled, folder, its_environment, judge, own_name, peaks_of

SPEC = {
    "run": {"device": "cuda", "accelerators": 4, "nodes": 2}, "python": "/env/bin/python", "secrets": ["TOKEN"],
    "environment": {"HOST": "{address}", "INSIDE_CUDA_VISIBLE_DEVICES": "{devices}"},
}  # fmt: skip
WORDS = {"{address}": "10.0.0.2", "{rank}": "1"}


def ending(exit_code: int, oom_killed: bool = False) -> Ending:
    return Ending(exit_code, False, oom_killed, "", 1.0, 1.0)


def seen() -> Watch:
    return Watch(frozenset({0}), checks=3, observed={0})


def test_a_node_knows_itself_by_slurms_name_for_it(monkeypatch):
    monkeypatch.setenv("SLURMD_NODENAME", "n2")
    assert own_name(["n1", "n2"]) == "n2"
    with pytest.raises(NodeFailed, match="n2: is none of the nodes n1, n3"):
        own_name(["n1", "n3"])


def test_its_own_gpus_and_address_and_the_secrets_reach_the_command_and_nothing_of_slurms_does(monkeypatch):
    for name, value in {
        "CUDA_VISIBLE_DEVICES": "5,6,7", "SLURM_NTASKS": "1", "PMIX_RANK": "0", "SRUN_DEBUG": "3",
        "TOKEN": "secret", "HF_TOKEN": "hf", "OMP_NUM_THREADS": "9",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    found = its_environment(SPEC, WORDS, 3)
    assert found["CUDA_VISIBLE_DEVICES"] == found["INSIDE_CUDA_VISIBLE_DEVICES"] == "5,6"
    assert (found["HOST"], found["TOKEN"], found["OMP_NUM_THREADS"]) == ("10.0.0.2", "secret", "3")
    assert found["PATH"].startswith("/env/bin:")
    assert not {"SLURM_NTASKS", "PMIX_RANK", "SRUN_DEBUG", "HF_TOKEN"} & found.keys()
    assert filled("--rank={rank}/{other}", WORDS) == "--rank=1/{other}"


@pytest.mark.parametrize(
    ("ended", "told", "lasting", "reason", "message"),
    [
        (ending(0), False, False, None, None),
        (ending(-15), True, True, None, None),
        (ending(0), False, True, "node-failed", "ended with exit code 0: Error: it broke"),
        (ending(3), False, False, "node-failed", "ended with exit code 3: Error: it broke"),
        (ending(-9, oom_killed=True), False, False, "out-of-memory", "ended with exit code -9"),
    ],
)
def test_a_command_is_judged_by_what_was_wanted_of_it(tmp_path, ended, told, lasting, reason, message):
    (tmp_path / "log").write_text("Error: it broke\nbye\n")
    failure = judge(ended, told, lasting, tmp_path / "log", seen(), [])
    assert (failure and failure.reason) == reason
    assert not failure or failure.message.startswith(message)


def test_what_is_left_behind_or_left_its_cpus_counts_too(tmp_path):
    (tmp_path / "log").touch()
    left = judge(ending(0), True, False, tmp_path / "log", seen(), ["process 7 could not be ended"])
    assert left.reason == "leftovers" and left.message == "process 7 could not be ended"
    assert judge(ending(0), True, False, tmp_path / "log", Watch(frozenset({0})), []).reason == "lost-pin"


def test_questions_are_answered_and_the_end_of_the_input_is_the_end(monkeypatch, capsys):
    read, write = os.pipe()
    real = os.dup(0)
    os.dup2(read, 0)
    try:
        monkeypatch.setattr(follower.ports, "exposed", lambda processes, address: [f"all but {address}"])
        orders = Orders("n2", "10.0.0.2")
        assert not orders.told_to_end()
        os.write(write, b"expo")
        assert not orders.told_to_end() and capsys.readouterr().out == ""
        os.write(write, b"sed\nrelease\n")
        assert not orders.told_to_end() and orders.released
        assert capsys.readouterr().out == 'exposed n2 ["all but 10.0.0.2"]\n'
        os.close(write)
        assert orders.told_to_end()
    finally:
        os.dup2(real, 0)
        for each in (real, read):
            os.close(each)


def test_a_folder_is_there_meanwhile_with_those_above_it(tmp_path):
    (tmp_path / "kept").mkdir()
    with folder(tmp_path / "kept" / "a" / "b"):
        (tmp_path / "kept" / "a" / "b" / "file").touch()
        assert (tmp_path / "kept" / "a").stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == [tmp_path / "kept"] and not list((tmp_path / "kept").iterdir())
    with pytest.raises(FileExistsError), folder(tmp_path / "kept"):
        pass
    assert (tmp_path / "kept").is_dir()


def test_peaks_are_the_most_of_the_telemetry(tmp_path):
    file = tmp_path / "telemetry.csv"
    assert peaks_of(file) == {"peak_rss_mib": None, "peak_gpu_memory_mib": None}
    lines = ["monotonic_s,rss_mib,memory_mib[GPU-a],memory_mib[GPU-b],throttle_reasons[GPU-a]"]
    file.write_text("\n".join([*lines, "1.0,10.5,400,,none", "1.2,30.5,300,500,none", "1.4,20,,,", ""]))
    assert peaks_of(file) == {"peak_rss_mib": 30.5, "peak_gpu_memory_mib": 500}
    shown = [Accelerator("MIG-7", "GPU-a", None, None)]
    assert peaks_of(file, shown) == {"peak_rss_mib": 30.5, "peak_gpu_memory_mib": 400}
    assert peaks_of(file, []) == {"peak_rss_mib": 30.5, "peak_gpu_memory_mib": None}
