"""What became of the processes of a training, from what each left behind."""

import json

import pytest

from cotejo import ranks
from cotejo.artefact import Failure
from cotejo.child import Ending
from cotejo.ranks import Died

BAD = Ending(1, False, False, "the last line", 1.0, 1.0)
GOOD = Ending(0, False, False, "", 1.0, 1.0)


def report(rank, status="ok", reason=None, message=None, ended_at_s=100.0, **changes):
    return {
        "rank": rank, "local_rank": rank, "hostname": f"n{rank}", "status": status, "reason": reason,
        "message": message, "ended_at_s": ended_at_s, "expected_cpus": [rank], "observed_cpus": [rank], "exposed": [],
        "load_s": 1.0, "peak_rss_mib": 300.0 + rank, "modules": ["cotejo/rank.py"], "runtime": {"threads": 1},
        "versions": {}, "levels": [{"level": "training", "reported": {f"gpu{rank}_memory_allocated_peak_mib": 5.0}}],
        **changes,
    }  # fmt: skip


def failed(rank, reason, message, ended_at_s=100.0):
    return report(rank, "failed", reason, message, ended_at_s)


RESET = failed(0, "error", "RuntimeError: Connection reset by peer", ended_at_s=5.0)
NODE = Failure("node-failed", "node n1: it left no report")


@pytest.mark.parametrize(
    ("found", "died", "ending", "of_nodes", "expected"),
    [
        ([report(0), report(1)], [], GOOD, None, None),
        # One knows its reason, and the other, quicker, only that it lost the first.
        ([RESET, failed(1, "out-of-memory", "no more", 9.0)], [Died(0, 1), Died(1, 1)], BAD, None,
         ("out-of-memory", "rank 1: no more")),
        ([failed(0, "loss-nan", "b", 9.0), failed(1, "loss-nan", "a", 8.0)], [], BAD, None, ("loss-nan", "rank 1: a")),
        ([RESET, failed(1, "error", "ValueError: no", 4.0)], [], BAD, None, ("error", "rank 1: ValueError: no")),
        # Killed from outside, and the others lose it, are asked to end, or abort.
        ([RESET], [Died(0, 1), Died(1, -9)], BAD, None, ("killed", "rank 1: ended by SIGKILL")),
        ([], [Died(0, -15), Died(1, -11)], BAD, None, ("killed", "rank 1: ended by SIGSEGV")),
        ([], [Died(0, -6), Died(1, -9)], BAD, None, ("killed", "rank 1: ended by SIGKILL")),
        ([], [Died(0, 143), Died(1, 1)], BAD, None,
         ("error", "rank 1: ended with exit code 1. The log's last line: the last line")),
        ([RESET], [Died(1, -9)], Ending(1, False, True, "", 1.0, 1.0), None,
         ("out-of-memory", "rank 1: killed by the kernel, which was out of memory")),
        # Another node is gone, with all that could tell.
        ([RESET], [Died(0, 1)], BAD, NODE, ("node-failed", "node n1: it left no report")),
        ([RESET, failed(1, "error", "ValueError: no", 4.0)], [], BAD, NODE, ("error", "rank 1: ValueError: no")),
        ([report(0), report(1)], [], GOOD, Failure("lost-pin", "node n1: strayed"), ("lost-pin", "node n1: strayed")),
        ([RESET], [Died(1, -9)], BAD, Failure("out-of-memory", "node n1: no"), ("out-of-memory", "node n1: no")),
        # All ended well, but not as they should have run.
        ([report(0), report(1, observed_cpus=[0, 1])], [], GOOD, None,
         ("lost-pin", "rank 1: its part is CPUs 1, but it was allowed 0-1")),
        ([report(0, exposed=["port 1: it listens on 0.0.0.0"]), report(1)], [], GOOD, None,
         ("error", "rank 0: port 1: it listens on 0.0.0.0")),
        ([report(0)], [], GOOD, None, ("error", "rank 1 ended without a report")),
        ([], [], BAD, None, None),  # torchrun itself, of which its own ending tells
    ],
)  # fmt: skip
def test_what_went_wrong_first_is_told(found, died, ending, of_nodes, expected):
    failure = ranks.failure(2, found, died, ending, of_nodes)
    assert failure == (expected and Failure(*expected))


def test_the_first_process_speaks_and_all_are_told_of():
    said = ranks.said([report(0), report(1, modules=["cotejo/worker.py"])])
    assert said["peak_rss_mib"] == 300.0
    assert said["levels"][0]["reported"] == {
        "gpu0_memory_allocated_peak_mib": 5.0,
        "gpu1_memory_allocated_peak_mib": 5.0,
    }
    assert [(each["rank"], each["hostname"], each["peak_rss_mib"]) for each in said["ranks"]] == [
        (0, "n0", 300.0),
        (1, "n1", 301.0),
    ]
    assert said["modules"] == ["cotejo/rank.py", "cotejo/worker.py"]
    assert ranks.said([report(1)]) is None
    assert ranks.said([]) is None


def test_a_second_process_that_got_nowhere_leaves_the_first_ones_levels():
    said = ranks.said([report(0), report(1, levels=[])])
    assert said["levels"][0]["reported"] == {"gpu0_memory_allocated_peak_mib": 5.0}


def test_what_they_left_is_found_by_rank_and_only_where_it_is_whole(tmp_path):
    for rank, files in ((10, ("worker", "rank")), (2, ("worker", "rank")), (3, ("worker",)), (4, ()), (12, ("rank",))):
        folder = tmp_path / f"rank{rank}"
        folder.mkdir()
        for name in files:
            (folder / f"{name}.json").write_text(json.dumps({"worker": True, "rank": rank}))
    (tmp_path / "node0").mkdir()
    (tmp_path / "node0.json").write_text(json.dumps({"failures": [{"rank": 2, "exit_code": -9}]}))
    (tmp_path / "node1.json").write_text(json.dumps({"failures": []}))
    assert ranks.reports(tmp_path, 12) == [{"worker": True, "rank": rank} for rank in (2, 10)]
    assert ranks.deaths(tmp_path, 3) == [Died(2, -9)]
