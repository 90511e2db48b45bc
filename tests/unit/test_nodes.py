"""Several nodes of one job, with stand-ins for Slurm's programs; a real Slurm is in tests/slurm."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from cotejo import allocation, interfaces
from cotejo.allocation import Allocation, allocated
from cotejo.errors import NodeFailed
from cotejo.nodes import Follow, following, log_of, step_command
from cotejo.slurm_job import Job

PAIR = Allocation("17", ("n1", "n2", "n3"), "10.0.0.1", "ib0")
RUN = {"cores": 2, "device": "cuda", "accelerators": 3, "nodes": 3, "system": "cluster", "seed": 0}

# What srun would have the followers of n2 and n3 say and write; told what to do by the command that they are to run.
SRUN = """\
import json, os, sys
from pathlib import Path

spec = json.loads(Path(sys.argv[-1]).read_text())
behave, folder = spec["command"][0], Path(spec["reports"])
(folder.parent / "seen.json").write_text(json.dumps({**spec, "line": sys.argv[1:], "token": os.environ["TOKEN"]}))


def report(node, failure=None):
    (folder / f"{node}.json").write_text(json.dumps({"node": node, "failure": failure}))


if behave == "missing":
    sys.exit("error: pair.yaml: no such file\\nsrun: error: n2: task 0: Exited with exit code 1")
for node in ("n2", "n3"):
    print("ready", node, flush=True)
if behave == "dies":
    report("n2", {"reason": "out-of-memory", "message": "ended with exit code 1: no memory"})
    sys.exit(1)
for line in sys.stdin:
    (folder.parent / "asked").write_text(line)
    if line == "exposed\\n":
        print('exposed n2 []', flush=True)
        print('exposed n3 ["port 1: it listens on 0.0.0.0"]', flush=True)
report("n2")
report("n3")
"""


@pytest.fixture
def srun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin" / "srun"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{SRUN}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return tmp_path / "logs"


def follow(folder: Path, behave: str) -> Follow:
    return Follow(
        RUN, [behave, "{rank}"], Path(sys.executable), folder / "r1.log", {"A": "{address}"}, {"TOKEN": "hush"}
    )


def test_a_step_has_the_whole_of_each_other_node_and_leaves_the_pinning_to_us():
    line = step_command(PAIR, Path("/shared/spec.json"))
    assert line[0] == "srun" and line[-5:] == [sys.executable, "-m", "cotejo.follower", "--spec", "/shared/spec.json"]
    assert {"--jobid=17", "--nodes=2", "--ntasks=2", "--nodelist=n2,n3", "--cpu-bind=none", "--overlap"} <= set(line)
    assert not any(word.startswith(("--cpus-per-task", "-c", "--exact")) for word in line), "it would get those alone"


def test_followers_are_asked_and_told_to_end_and_their_secrets_are_in_no_file(srun):
    with following(PAIR, follow(srun, "well")) as followers:
        assert not followers.ended()
        assert followers.exposed() == ["node n3: port 1: it listens on 0.0.0.0"]
        [folder] = srun.glob(".r1.nodes-*")
        spec = folder / "spec.json"
        assert stat.S_IMODE(spec.stat().st_mode) == 0o600 and stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert "hush" not in spec.read_text()
        followers.release()
    seen = json.loads((srun / "seen.json").read_text())
    assert seen["run"] == {"cores": 2, "device": "cuda", "accelerators": 3, "nodes": 3}
    assert (seen["token"], seen["secrets"], seen["environment"]) == ("hush", ["TOKEN"], {"A": "{address}"})
    assert "hush" not in " ".join(seen["line"])
    assert (srun / "asked").read_text() == "release\n"
    assert [report["node"] for report in followers.reports] == ["n2", "n3"] and followers.failure() is None
    assert followers.srun.returncode == 0 and not list(srun.glob(".*"))
    assert [path.name for path in followers.logs] == ["r1.n2.log", "r1.n3.log"]


def test_a_follower_that_dies_is_why_the_run_failed(srun):
    with following(PAIR, follow(srun, "dies")) as followers:
        followers.srun.wait()
        with pytest.raises(NodeFailed, match="node n2: ended with exit code 1: no memory"):
            followers.exposed()
        assert str(followers.died()) == "node n2: ended with exit code 1: no memory"
    assert followers.failure().reason == "out-of-memory"


def test_one_that_does_not_begin_says_why_in_its_own_words_not_in_sruns(srun):
    said = r"node n2: it left no report: error: pair.yaml: no such file"
    with pytest.raises(NodeFailed, match=said), following(PAIR, follow(srun, "missing")):
        pass
    assert not list(srun.glob(".*"))


def test_they_end_where_an_exception_ends_what_they_follow(srun):
    with pytest.raises(ZeroDivisionError), following(PAIR, follow(srun, "well")) as followers:
        raise ZeroDivisionError
    assert followers.srun.returncode == 0 and len(followers.reports) == 2


def test_without_slurms_programs_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(NodeFailed, match="srun: there is no such program on this node"),
        following(PAIR, follow(tmp_path, "well")),
    ):
        pass


def test_logs_lie_beside_the_first_nodes():
    assert log_of(Path("logs/r1.log"), "gpu[1]".replace("[1]", "1")) == Path("logs/r1.gpu1.log")


@pytest.mark.parametrize(
    ("job", "this", "message"),
    [
        (None, "n1", "needs 3 nodes of one Slurm job, and this is none"),
        (Job("17"), "n1", "job 17: Slurm doesn't tell its nodes"),
        (Job("17", nodes=("n1", "n2")), "n1", r"job 17 has 2 nodes \(n1, n2\), and the run needs 3"),
        (Job("17", nodes=("n1", "n2", "n3")), "elsewhere", "elsewhere: is none of the job's nodes"),
        (Job("17", nodes=("n1", "n2", "n3")), "n1", "interface: ib9: node .* has none of that name"),
    ],
)
def test_an_allocation_that_is_not_as_the_run_needs_it_is_refused(tmp_path, monkeypatch, job, this, message):
    (tmp_path / "cluster.yaml").write_text("name: C\nsite: cluster\nslurm: {cpus_per_task: 2, interface: ib9}\n")
    monkeypatch.setattr(allocation.slurm_job, "own_job", lambda: job)
    monkeypatch.setenv("SLURMD_NODENAME", this)
    with pytest.raises(NodeFailed, match=message):
        allocated(RUN, tmp_path)


@pytest.mark.parametrize("named", [None, "lo"])
def test_this_node_comes_first_with_its_address_and_interface(tmp_path, monkeypatch, named):
    slurm = f"{{cpus_per_task: 2{f', interface: {named}' if named else ''}}}"
    (tmp_path / "cluster.yaml").write_text(f"name: C\nsite: cluster\nslurm: {slurm}\n")
    scontrol = tmp_path / "scontrol"
    scontrol.write_text(
        '#!/bin/sh\ntest "$*" = "--oneliner show node n1" && echo "NodeName=n1 NodeAddr=127.0.0.2 State=IDLE"\n'
    )
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURMD_NODENAME", "n2")
    monkeypatch.setattr(allocation.slurm_job, "own_job", lambda: Job("17", nodes=("n1", "n2", "n3")))
    found = allocated(RUN, tmp_path)
    assert found == Allocation("17", ("n2", "n1", "n3"), "127.0.0.1", "lo", named)
    assert found.others == ("n1", "n3")


def test_interfaces_are_known_by_their_addresses():
    assert interfaces.addresses()["lo"] == "127.0.0.1"
    assert interfaces.interface_of("127.0.0.1") == "lo" and interfaces.address_of("lo") == "127.0.0.1"
    assert interfaces.address_towards("127.0.0.5") == "127.0.0.1"
    with pytest.raises(NodeFailed, match=r"192.0.2.77: no network interface"):
        interfaces.interface_of("192.0.2.77")
    with pytest.raises(NodeFailed, match=r"no-such.invalid: can't be reached.*slurm: interface"):
        interfaces.address_towards("no-such.invalid")
