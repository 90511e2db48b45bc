from record_example import RUN

from cotejo import ownership
from cotejo.accelerators import Accelerator
from cotejo.affinity import Watch
from cotejo.artefact import DATASET, Failure
from cotejo.ownership import Leftover
from cotejo.record import utc_now
from cotejo.repeat import Inputs, Outcome, build, end_leftovers
from cotejo.staging import Copies

LEFT = [Leftover(11, 10, "server"), Leftover(12, 10, "server")]


def test_leftovers_that_end_are_said(monkeypatch):
    said = []
    monkeypatch.setattr(ownership, "end_leftovers", lambda: (LEFT, []))
    assert end_leftovers(said.append) is None
    assert said == ["ended what a measurement that was killed had left: server, process group 10: processes 11, 12"]


def test_leftovers_that_do_not_end_are_a_failure_that_names_them(monkeypatch):
    said = []
    monkeypatch.setattr(ownership, "end_leftovers", lambda: ([], LEFT))
    failure = end_leftovers(said.append)
    assert (failure.reason, said) == ("leftovers", [])
    assert "server, process group 10: processes 11, 12. End it, then run `make retry`" in failure.message


def recorded(tmp_path, gpus, **run):
    """The record of a repeat whose processes were shown these GPUs, and that never began."""
    (tmp_path / DATASET).write_text("{}")
    inputs = Inputs({**RUN, **run}, 1, tmp_path, tmp_path, None, None)
    outcome = Outcome(Failure("error", "it never began"), Watch(frozenset({0})))
    return build(inputs, outcome, {}, utc_now(), None, Copies(), gpus)


def test_a_record_has_the_gpus_that_its_processes_were_shown(tmp_path):
    on_gpu = {"backend": "pytorch", "device": "cuda", "accelerators": 1}
    shown = [Accelerator("MIG-7", "GPU-1", "NVIDIA A30 MIG 1g.6gb", 5952)]
    assert recorded(tmp_path, shown, **on_gpu)["affinity"]["gpus"] == [
        {"uuid": "MIG-7", "gpu": "GPU-1", "name": "NVIDIA A30 MIG 1g.6gb", "memory_mib": 5952}
    ]
    assert recorded(tmp_path, None, **on_gpu)["affinity"]["gpus"] is None
    assert "gpus" not in recorded(tmp_path, [])["affinity"]
