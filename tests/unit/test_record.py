import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from record_example import RECORD, changed, failed, served

from cotejo.errors import CotejoError
from cotejo.record import REASONS, find, read, read_samples, samples_path, telemetry_path, utc_now, write
from cotejo.samples import Level
from cotejo.schema import schema_of

SAMPLES = "level,index,ok,error\nsingle-stream,0,1,\nsingle-stream,1,0,two\n"


@pytest.fixture
def samples(tmp_path) -> Path:
    path = tmp_path / "samples.csv"
    path.write_text(SAMPLES)
    return path


def nested_schemas(schema, path="record"):
    """Every subschema that describes a key's value, by its path."""
    for key, inner in schema.get("properties", {}).items():
        if "const" in inner and len(inner) == 1:
            continue
        yield f"{path}.{key}", inner
        yield from nested_schemas(inner, f"{path}.{key}")
        if isinstance(inner.get("items"), dict):
            yield from nested_schemas(inner["items"], f"{path}.{key}[]")


def test_the_schema_is_one_and_describes_and_closes_every_level():
    schema = schema_of("record")
    Draft202012Validator.check_schema(schema)
    nested = dict(nested_schemas(schema))
    assert len(nested) > 100
    assert [path for path, inner in nested.items() if not inner.get("description")] == []
    objects = {path: inner for path, inner in nested.items() if "properties" in inner}
    assert [path for path, inner in objects.items() if "additionalProperties" not in inner] == []
    optional = {path: set(inner["properties"]) - set(inner["required"]) for path, inner in objects.items()}
    del optional["record.run"]
    # What older records, which stay readable, don't have.
    assert {path: names for path, names in optional.items() if names} == {
        "record.environment": {"slurm"},
        "record.affinity": {"gpus"},
        "record.server": {"lock_sha256", "image_sha256"},
        "record.client": {"lock_sha256", "engine"},
    }


def test_the_schema_and_the_module_have_the_same_reasons():
    assert schema_of("record")["properties"]["reason"]["enum"] == [None, *REASONS]


def test_round_trip(tmp_path, samples):
    path = tmp_path / "records" / "local" / "run~0123456789" / "r1.json"
    write(path, RECORD, samples)
    record = read(path)
    assert record["samples"]["file"] == "r1.samples.csv"
    assert record["samples"]["rows"] == 2
    assert changed(record, samples=None) == RECORD
    table = read_samples(path, record)
    assert list(table.columns) == ["level", "index", "ok", "error"]
    assert table["index"].tolist() == [0, 1]


def test_a_record_of_a_run_with_a_server_follows_the_schema(tmp_path, samples):
    write(tmp_path / "r1.json", served(), samples)
    assert changed(read(tmp_path / "r1.json"), samples=None) == served()


def test_a_record_may_have_no_samples_but_what_the_client_reported(tmp_path):
    (tmp_path / "none.csv").write_text("level,index,ok,error\n")
    level = Level("concurrency-2", load="closed", reported={"requests_per_s": 20.0}, requests=40, failed_requests=1)
    own = {"server": None, "telemetry": None}
    assert "samples" not in level.summary()
    write(tmp_path / "r1.json", served(levels=[level.summary() | own]), tmp_path / "none.csv")
    record = read(tmp_path / "r1.json")
    assert record["samples"]["rows"] == 0
    assert [record["levels"][0][key] for key in ("requests", "failed_requests")] == [40, 1]


def test_a_failed_record_has_an_empty_file_of_samples(tmp_path):
    path = tmp_path / "r2.json"
    write(path, failed("timeout", "too slow", repeat=2), None)
    assert samples_path(path).read_bytes() == b""
    record = read(path)
    assert (record["reason"], record["samples"]) == ("timeout", None)
    with pytest.raises(CotejoError, match=r"r2\.json: samples: null: this repeat measured nothing \(timeout\)"):
        read_samples(path, record)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"surprise": 1}, r"surprise: 1: unknown key"),
        ({"environment__machine__colour": "red"}, r"environment\.machine\.colour: 'red': unknown key"),
        ({"affinity__expected_cpus": [0, 0]}, r"affinity\.expected_cpus"),
        ({"run__weights": "made-up"}, r"run\.weights: 'made-up': not allowed"),
        ({"run__options": {"a": 1}}, r"run\.options"),
        ({"run__digest": "xyz"}, r"run\.digest: 'xyz'"),
        ({"started_at": "yesterday"}, r"started_at: 'yesterday'"),
        ({"repeat": 0}, r"repeat: 0: must be at least 1"),
        ({"reason": "bored"}, r"reason: 'bored'"),
        ({"reason": "error"}, r"reason: 'error'"),  # whole, yet with a reason
        ({"status": "failed"}, r"reason: None|message: None"),  # failed, yet without one
        ({"process": None}, r"process: None"),
        ({"levels": []}, r"levels: \[\]"),
        ({"command": []}, r"command: \[\]"),
        ({"marks": ["synthetic", "beautiful"]}, r"marks\[1\]: 'beautiful'"),
        ({"git_revision": "main"}, r"git_revision: 'main'"),
        ({"model__source": {"seed": 1.5}}, r"model\.source\.seed: 1\.5"),
        ({"server": {"name": "triton"}}, r"server: lacks the key 'version'"),
        ({"client": {"name": "hey"}}, r"client: lacks the key 'version'"),
        ({"levels": [RECORD["levels"][0] | {"inputs": "similar"}]}, r"levels\[0\]\.inputs: 'similar'"),
    ],
)
def test_what_the_schema_forbids_is_not_written(tmp_path, samples, changes, message):
    with pytest.raises(CotejoError, match=message):
        write(tmp_path / "r1.json", changed(RECORD, **changes), samples)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["samples.csv"]


def test_marks_may_say_what_stands_in_for_what(tmp_path, samples):
    write(tmp_path / "r1.json", changed(RECORD, marks=["small", "cpu instead of one GPU"]), samples)
    assert read(tmp_path / "r1.json")["marks"] == ["small", "cpu instead of one GPU"]


SLURM = {
    "id": "17", "partition": "gpu", "nodes": ["n1", "n2"], "cpus": 8, "gpus": 2, "restarts": 1, "time_limit_s": 1500,
}  # fmt: skip
STAGED = {"file_system": "xfs", "size_mib": 2200.5, "duration_s": 3.1}
NODE = {
    "node": "n2", "address": "10.9.0.2", "interface": "ib0", "hostname": "n2",
    "machine": RECORD["environment"]["machine"], "gpus": [], "command": ["numactl", "ray"], "exit_code": 0,
    "wall_s": 9.5, "cpu_s": 4.0, "expected_cpus": [0], "observed_cpus": [0], "violations": [], "checks": 9,
    "failure": None,
}  # fmt: skip


def test_a_record_may_say_where_in_slurm_it_was_made_and_from_which_disk(tmp_path, samples):
    of_node = NODE | {"failure": {"reason": "lost-pin", "message": "it left"}, "peak_rss_mib": None, "quiet": None}
    changes = {"staged": STAGED, "nodes": [NODE, of_node], "environment__slurm": SLURM}
    for record in (changed(RECORD, **changes), changed(RECORD, environment__slurm=None, staged=None)):
        write(tmp_path / "r1.json", record, samples)
        found = read(tmp_path / "r1.json")
        assert [found.get(key) for key in changes if key != "environment__slurm"] == [
            record.get(key) for key in changes if key != "environment__slurm"
        ]
        assert found["environment"]["slurm"] == record["environment"]["slurm"]


def test_older_records_say_nothing_of_it_and_stay_readable(tmp_path, samples):
    assert not {"staged", "nodes"} & RECORD.keys()
    assert "slurm" not in RECORD["environment"]
    write(tmp_path / "r1.json", RECORD, samples)
    assert read(tmp_path / "r1.json")["status"] == "ok"


def test_a_whole_record_without_samples_is_not_written(tmp_path):
    with pytest.raises(CotejoError, match="samples: None"):
        write(tmp_path / "r1.json", RECORD, None)


def test_damage_is_named_with_its_remedy(tmp_path, samples):
    path = tmp_path / "r1.json"
    write(path, RECORD, samples)
    samples_path(path).write_text(SAMPLES.replace("0,1", "0,0"))
    with pytest.raises(CotejoError, match=r"r1\.samples\.csv: has changed since r1\.json was written\. Restore it"):
        read(path)
    samples_path(path).unlink()
    with pytest.raises(CotejoError, match=r"r1\.samples\.csv: no such file, but r1\.json has it"):
        read(path)
    path.write_text(path.read_text()[:100])
    with pytest.raises(CotejoError, match=r"r1\.json: not valid JSON"):
        read(path)
    path.write_text(json.dumps({**RECORD, "schema_version": 1}))
    with pytest.raises(CotejoError, match=r"schema_version: 1: this Cotejo reads version 0"):
        read(path)
    path.write_text("[]")
    with pytest.raises(CotejoError, match=r"schema_version: None"):
        read(path)
    path.write_text(json.dumps({key: value for key, value in RECORD.items() if key != "affinity"}))
    with pytest.raises(CotejoError, match=r"lacks the key 'affinity'"):
        read(path)


TELEMETRY = "monotonic_s,own_cpu_s,cpu_s\n5.0,0.1,1\n5.2,0.102,\n5.4,0.104,2\n"


@pytest.fixture
def telemetry(tmp_path) -> Path:
    path = tmp_path / "telemetry.csv"
    path.write_text(TELEMETRY)
    return path


def test_telemetry_lies_beside_the_record_which_says_what_it_cost(tmp_path, samples, telemetry):
    path = tmp_path / "records" / "r1.json"
    write(path, RECORD, samples, telemetry)
    told = read(path)["telemetry"]
    assert telemetry_path(path).read_text() == TELEMETRY
    assert (told["file"], told["rows"], told["rate_hz"]) == ("r1.telemetry.csv", 3, pytest.approx(5))
    assert (told["own_cpu_s"], told["own_cpu_percent"]) == (0.104, pytest.approx(1))


def test_a_record_that_was_not_sampled_has_an_empty_file_of_telemetry(tmp_path, samples):
    write(tmp_path / "r1.json", RECORD, samples)
    assert telemetry_path(tmp_path / "r1.json").read_bytes() == b""
    assert read(tmp_path / "r1.json")["telemetry"] is None


def test_damaged_telemetry_is_named_with_its_remedy(tmp_path, samples, telemetry):
    path = tmp_path / "records" / "r1.json"
    write(path, RECORD, samples, telemetry)
    telemetry_path(path).write_text(TELEMETRY.replace("0.1,1", "0.1,3"))
    with pytest.raises(CotejoError, match=r"r1\.telemetry\.csv: has changed since r1\.json was written\. Restore it"):
        read(path)
    telemetry_path(path).unlink()
    with pytest.raises(CotejoError, match=r"r1\.telemetry\.csv: no such file, but r1\.json has it"):
        read(path)


def test_rows_are_counted_as_csv_counts_them(tmp_path):
    (tmp_path / "samples.csv").write_text('level,error\na,"two\nlines"\nb,\n')
    write(tmp_path / "r1.json", RECORD, tmp_path / "samples.csv")
    assert read(tmp_path / "r1.json")["samples"]["rows"] == 2


def test_records_are_found_in_the_order_of_their_repeats(tmp_path):
    names = ["a/x~1/r2.json", "a/x~1/r10.json", "a/x~1/r1.json", "b/x~1/r1.json", "a/w~2/r1.json"]
    others = ["a/x~1/r1.samples.csv", "a/x~1/.r3.json.17.tmp", "a/x~1/notes.json", "a/r1.json"]
    for name in names + others:
        path = tmp_path / "records" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = [path.relative_to(tmp_path / "records").as_posix() for path in find(tmp_path)]
    assert found == ["a/w~2/r1.json", "a/x~1/r1.json", "a/x~1/r2.json", "a/x~1/r10.json", "b/x~1/r1.json"]


def test_times_are_as_the_schema_wants_them(tmp_path, samples):
    write(tmp_path / "r1.json", changed(RECORD, started_at=utc_now(), finished_at=utc_now()), samples)
    record = read(tmp_path / "r1.json")
    assert record["started_at"] <= record["finished_at"]
