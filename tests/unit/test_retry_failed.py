import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from record_example import RECORD, failed
from retry_failed import culprits

from cotejo.code import SCRIPTS
from cotejo.record import samples_path, telemetry_path

FOLDER = RECORD["export"]["folder"]
PARITY = RECORD["export"]["parity_file"]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A project with an export that passed its gate, as the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in (f"{FOLDER}/export.json", f"{FOLDER}/model.bin", PARITY, f"{RECORD['model']['folder']}/model.json"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("{}")
    return tmp_path


def put(name: str, record: dict) -> Path:
    path = Path("results") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))
    samples_path(path).touch()
    telemetry_path(path).touch()
    return path


def retry(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / "retry_failed.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_only_failed_records_of_this_system_go():
    whole = put("demo/records/local/a~1/r1.json", RECORD)
    broken = put("demo/records/local/a~1/r2.json", failed("killed", "ended by SIGSEGV"))
    foreign = put("demo/records/r760/a~1/r2.json", failed("killed"))
    done = retry()
    assert done.returncode == 0
    assert f"{broken}: killed: ended by SIGSEGV\n" in done.stdout
    assert "deleted 1 failed records of system local" in done.stdout
    assert (whole.exists(), samples_path(whole).exists(), foreign.exists()) == (True, True, True)
    assert not any(path.exists() for path in (broken, samples_path(broken), telemetry_path(broken)))
    assert Path(FOLDER, "export.json").exists()
    assert "deleted 1 failed records of system local, r760" in retry("--system", "local", "r760").stdout
    assert not foreign.exists()


def test_a_dry_run_deletes_nothing():
    broken = put("demo/records/local/a~1/r2.json", failed("corrupt-export"))
    done = retry("--dry-run")
    assert f"would delete {broken}" in done.stdout
    assert f"would delete {FOLDER}" in done.stdout
    assert broken.exists()
    assert samples_path(broken).exists()
    assert Path(FOLDER).exists()


def test_one_study_of_several():
    kept = put("demo/records/local/a~1/r1.json", failed())
    gone = put("demo-smoke/records/local/a~1/r1.json", failed())
    assert retry("--study", "demo-smoke").returncode == 0
    assert (kept.exists(), gone.exists()) == (True, False)


def test_a_misspelt_study_is_an_error():
    put("demo/records/local/a~1/r1.json", failed())
    done = retry("--study", "dmeo")
    assert done.returncode == 1
    assert done.stderr == "error: --study: dmeo: no records in results/dmeo. Did you mean 'demo'?\n"


def test_two_records_of_one_damaged_export():
    for repeat in (1, 2):
        put(f"demo/records/local/a~1/r{repeat}.json", failed("corrupt-export"))
    done = retry()
    assert "deleted 2 failed records" in done.stdout
    assert done.stdout.count(f"deleted {FOLDER}\n") == 1
    assert not Path(FOLDER).exists()
    assert not Path(PARITY).exists()
    assert Path(RECORD["model"]["folder"], "model.json").exists()


@pytest.mark.parametrize(
    ("record", "names"),
    [
        (failed("killed"), []),
        (failed("out-of-memory"), []),  # of the measured process
        (failed("out-of-memory", export__status="failed"), [FOLDER, PARITY]),  # of the exporter
        (failed("export", export__status="failed"), [FOLDER, PARITY]),
        (failed("corrupt-export"), [FOLDER, PARITY]),
        (failed("foreign-engine"), [FOLDER, PARITY]),
        (failed("parity"), [PARITY]),
        (failed("constants"), [PARITY]),
        (failed("corrupt-export", export=None), [RECORD["model"]["folder"]]),
        (failed("error", export=None), []),
    ],
)
def test_what_would_only_fail_again_goes_too(record, names):
    assert [str(path) for path in culprits(record)] == names


def test_a_folder_without_its_manifest_is_left_alone():
    Path(FOLDER, "export.json").unlink()
    assert [str(path) for path in culprits(failed("corrupt-export"))] == [PARITY]


def cached(link_each_entry: bool) -> Path:
    """The export moved into a cache, as Snakemake does; what lies in its place are links."""
    entry = Path("cache", "0123abcd").absolute()
    entry.parent.mkdir()
    folder = Path(FOLDER)
    folder.rename(entry)
    if link_each_entry:
        folder.mkdir()
        for file in entry.iterdir():
            (folder / file.name).symlink_to(file)
    else:
        folder.symlink_to(entry)
    return entry


@pytest.mark.parametrize("link_each_entry", [False, True], ids=["stored", "fetched"])
def test_the_entry_of_the_cache_goes_too(link_each_entry):
    entry = cached(link_each_entry)
    put("demo/records/local/a~1/r1.json", failed("corrupt-export"))
    assert retry().returncode == 0
    assert not entry.exists()
    assert not os.path.lexists(FOLDER)
    assert entry.parent.exists()


def test_a_launch_that_failed_goes_with_its_records_and_one_that_did_not_stays():
    launches = {}
    for name, status in (("a~1", "failed"), ("b~2", "ok")):
        launches[name] = Path(f"results/demo/servers/local/{name}/launch.json")
        launches[name].parent.mkdir(parents=True)
        launches[name].write_text(json.dumps({"status": status}))
        for repeat in (1, 2):
            put(f"demo/records/local/{name}/r{repeat}.json", failed("server-died"))
    done = retry()
    assert done.returncode == 0, done.stderr
    assert "deleted 4 failed records" in done.stdout
    assert not launches["a~1"].parent.exists()
    assert launches["b~2"].exists()
