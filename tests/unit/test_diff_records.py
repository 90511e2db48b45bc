import json

import diff_records
import pytest
from record_example import RECORD, changed, failed, served

from cotejo.environment import merge_key
from cotejo.errors import CotejoError
from cotejo.record_diff import Difference, as_text, differences

GPU = {"name": "NVIDIA A30", "driver": "535.104.05", "power_limit_w": 165.0}


def on_gpus(*gpus):
    return changed(RECORD, environment__gpus=list(gpus))


def test_the_same_record_differs_in_nothing():
    assert differences(RECORD, changed(RECORD)) == ([], [])
    assert as_text(differences(RECORD, changed(RECORD))) == "nothing differs"


def test_what_was_measured_is_not_compared():
    other = changed(RECORD, repeat=2, started_at="2026-02-01T12:00:00.000Z", process__cpu_s=9.0)
    assert differences(RECORD, other) == ([], [])
    assert differences(RECORD, failed()) == ([], [])


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"system": "other"}, "system"),
        ({"environment__machine__cpu": "other"}, "cpu"),
        ({"environment__software__lock_digest": "0" * 64}, "lock"),
        ({"model__digest": "0" * 64}, "model"),
        ({"export__digest": "0" * 64}, "export"),
        ({"code_digest": "0" * 16}, "code"),
        ({"run__cores": 2, "run__digest": "9876543210", "run__id": "other"}, "run.cores"),
    ],
)
def test_what_keeps_apart_is_told_once(change, key):
    other = changed(RECORD, **change)
    (difference,), recorded = differences(RECORD, other)
    assert (difference.key, recorded) == (key, [])
    assert difference.first != difference.second


def test_what_keeps_servers_apart_is_told_once():
    other = served(server__version="6.0.0", server__command=["other"], server__ready_s=3.0, client__calibration=None)
    (difference,), recorded = differences(served(), other)
    assert (difference, recorded) == (("server.version", "5.0.0", "6.0.0"), [])


SLURM = {"id": "17", "partition": "gpu", "nodes": ["n1"], "cpus": 8, "gpus": 1, "restarts": 0, "time_limit_s": 1500}
NODE = {"node": "n2", "command": ["a"], "machine": RECORD["environment"]["machine"], "gpus": []}


def test_each_job_of_slurm_is_another_but_not_its_partition():
    first = changed(RECORD, environment__slurm=SLURM)
    assert differences(first, changed(RECORD, environment__slurm={**SLURM, "id": "18", "restarts": 1})) == ([], [])
    elsewhere = changed(RECORD, environment__slurm={**SLURM, "partition": "cpu"})
    assert differences(first, elsewhere) == ([], [("environment.slurm.partition", "gpu", "cpu")])


def test_that_it_was_staged_is_only_recorded_and_an_older_record_lacks_it():
    staged = {"file_system": "xfs", "size_mib": 9.5, "duration_s": 1.0}
    assert differences(changed(RECORD, staged=staged), changed(RECORD, staged=staged | {"duration_s": 2.0})) == ([], [])
    assert differences(RECORD, changed(RECORD, staged=None, environment__slurm=None)) == ([], [])
    apart, recorded = differences(RECORD, changed(RECORD, staged=staged))
    assert (apart, [difference.key for difference in recorded]) == ([], ["staged"])


def test_another_kind_of_machine_beside_the_first_keeps_apart():
    first = changed(RECORD, nodes=[NODE])
    assert differences(first, changed(RECORD, nodes=[NODE | {"node": "n3", "command": ["b"]}])) == ([], [])
    machine = NODE["machine"] | {"cpu": "Other CPU"}
    apart, _ = differences(first, changed(RECORD, nodes=[NODE | {"machine": machine}]))
    assert [difference.key for difference in apart] == ["nodes[0].cpu"]
    assert "nodes" not in merge_key(RECORD)


@pytest.mark.parametrize("change", [
    {"environment__machine__hostname": "edge-2"}, {"environment__machine__kernel": "6.1.1"}, {"git_revision": None},
    {"versions": {"openvino": "2026.5.0"}}, {"environment__machine__mitigations": None}, {"study": "other"},
    {"run__name": "renamed", "run__id": "renamed"},
])  # fmt: skip
def test_what_is_only_recorded_keeps_nothing_apart(change):
    other = changed(RECORD, **change)
    apart, (difference,) = differences(RECORD, other)
    assert apart == []
    assert merge_key(other) == merge_key(RECORD)
    assert difference.first != difference.second


def test_a_driver_is_named_with_both_versions():
    found = differences(on_gpus(GPU), on_gpus({**GPU, "driver": "550.54.14", "power_limit_w": 150.0}))
    assert as_text(found) == (
        "keeps their numbers apart:\n"
        "  driver: 535.104.05 → 550.54.14\n"
        "only recorded:\n"
        "  environment.gpus[0].power_limit_w: 165.0 → 150.0"
    )


def test_another_gpu_of_the_same_kind_is_only_recorded():
    apart, recorded = differences(on_gpus(GPU), on_gpus(GPU, GPU))
    assert (apart, [difference.key for difference in recorded]) == ([], ["environment.gpus"])


def test_a_run_without_an_export():
    apart, recorded = differences(RECORD, changed(RECORD, export=None))
    assert apart == [Difference("export", "3" * 64, None)]
    assert [difference.key for difference in recorded] == ["export"]


def test_a_setting_that_only_one_run_has():
    apart, _ = differences(RECORD, changed(RECORD, run__beams=4))
    assert as_text(differences(RECORD, changed(RECORD, run__beams=4))) == (
        "keeps their numbers apart:\n  run.beams: null → 4"
    )
    assert apart == [Difference("run.beams", None, 4)]


def test_nothing_keeps_apart_is_said_plainly():
    text = as_text(differences(RECORD, changed(RECORD, environment__machine__hostname="edge-2")))
    assert text.splitlines()[0] == "nothing keeps their numbers apart"


def test_long_values_are_cut():
    line = as_text(differences(RECORD, changed(RECORD, git_revision="f" * 500))).splitlines()[-1]
    assert len(line) < 200


def write(path, record):
    samples = {"file": "r1.samples.csv", "sha256": "8" * 64, "rows": 2}
    path.write_text(json.dumps({**record, "samples": samples}))
    return str(path)


def test_the_command(tmp_path, monkeypatch, capsys):
    one = write(tmp_path / "a.json", RECORD)
    other = write(tmp_path / "b.json", changed(RECORD, environment__machine__kernel="6.1.1"))
    monkeypatch.setattr("sys.argv", ["diff_records.py", one, other])
    diff_records.main()
    assert capsys.readouterr().out == (
        "nothing keeps their numbers apart\nonly recorded:\n  environment.machine.kernel: 6.1.0 → 6.1.1\n"
    )


@pytest.mark.parametrize("damaged", ["", "{}", '{"schema_version": 99}', json.dumps(changed(RECORD, repeat="x")), "[]"])
def test_damaged_input_is_one_line(tmp_path, monkeypatch, damaged):
    (tmp_path / "b.json").write_text(damaged)
    monkeypatch.setattr("sys.argv", ["diff_records.py", write(tmp_path / "a.json", RECORD), str(tmp_path / "b.json")])
    with pytest.raises(CotejoError, match=r"^[^\n]*b\.json[^\n]*$"):
        diff_records.main()


@pytest.mark.parametrize("other", ["", "README.md"])
def test_what_is_no_record_is_refused_and_not_to_be_deleted(tmp_path, monkeypatch, other):
    (tmp_path / "README.md").write_text("# Read me")
    monkeypatch.setattr("sys.argv", ["diff_records.py", write(tmp_path / "a.json", RECORD), str(tmp_path / other)])
    with pytest.raises(CotejoError, match=r"is no record\. Give a results/"):
        diff_records.main()


def test_a_missing_file_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["diff_records.py", str(tmp_path / "a.json"), str(tmp_path / "b.json")])
    with pytest.raises(CotejoError, match=r"a\.json"):
        diff_records.main()
