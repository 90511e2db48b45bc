"""A study on several systems: each has lines of its own, and what one lacks another may have."""

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from study_example import BLIP, VIDEO, also, copy_config

from cotejo.command import ROOT
from cotejo.errors import CotejoError
from cotejo.record import of_runs
from cotejo.sheet import sheet_text
from cotejo.study import Study, load_config, load_study
from cotejo.systems import check_place, selected

ON_GPU = also(BLIP.replace("name: blip", "name: gpu"), "device: cuda, batching: none, duration_s: 5")
SYSTEMS = {"plain": "cpu: A processor", "big": "gpu: A GPU\ngpus: 2"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = copy_config(tmp_path)
    for name, facts in SYSTEMS.items():
        (folder / "systems" / f"{name}.yaml").write_text(f"name: {name}\nsite: cluster\ncpus: 64\n{facts}\n")
    return folder


def load(config: Path, runs: str, *systems: str, overlay: str = "") -> Study:
    text = f"title: Test\ndefaults: {{weights: synthetic, scale: small}}\nruns:\n{runs}\nfigures: []\n"
    (config / "studies" / "test.yaml").write_text(text)
    return load_study("test", overlay, systems, config)


def test_each_system_has_its_lines_in_the_order_of_the_study(config: Path) -> None:
    both = load(config, f"{ON_GPU}\n{VIDEO}", "plain", "big")
    alone = [line for name in SYSTEMS for line in load(config, f"{ON_GPU}\n{VIDEO}", name).lines]
    assert both.lines == alone
    assert [(line["system"], line["name"]) for line in both.runs] == [
        ("plain", "video"),
        ("big", "gpu"),
        ("big", "video"),
    ]
    assert [(line["system"], line["needs"]) for line in both.needing] == [("plain", "1 GPU")]


def test_the_same_run_has_the_same_digest_on_all_systems(config: Path) -> None:
    first, second = load(config, VIDEO, "plain", "big").runs
    assert {key for key in first if first[key] != second[key]} == {"system"}


def test_equal_runs_are_found_on_each_system_by_itself(config: Path) -> None:
    with pytest.raises(CotejoError, match=r"runs\[1\]: again_.*: the same run as in runs\[0\]"):
        load(config, f"{VIDEO}\n{VIDEO.replace('name: video', 'name: again')}", "plain", "big")
    study = load(config, also(VIDEO, "cores: [1, all]"), "plain", "big", overlay="smoke")
    assert [(line["system"], "measured_as" in line) for line in study.lines] == [
        ("plain", False), ("plain", True), ("big", False), ("big", True)
    ]  # fmt: skip


def test_the_sheet_ranks_the_runs_of_each_system_as_it_does_alone(config: Path) -> None:
    runs = also(VIDEO, "seed: [1, 2, 3, 4]")

    def ranks(*systems: str) -> list[tuple[str, str, str]]:
        rows = csv.DictReader(io.StringIO(sheet_text(load(config, runs, *systems))))
        return [(row["system"], row["digest"], row["rank"]) for row in rows]

    together = ranks("plain", "big")
    assert together == ranks("plain") + ranks("big")
    assert sorted(rank for _, _, rank in together) == ["1", "1", "2", "2", "3", "3", "4", "4"]


def test_records_of_any_system_belong_to_the_study(config: Path, tmp_path: Path) -> None:
    study = load(config, VIDEO, "plain", "big")
    for system in ("plain", "elsewhere"):
        folder = tmp_path / "results/records" / system / f"{study.runs[0]['id']}~{study.runs[0]['digest']}"
        folder.mkdir(parents=True)
        (folder / "r1.json").touch()
    assert len(of_runs(tmp_path / "results", study.lines)) == 2  # each once


def test_the_plan_tells_systems_apart(config: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "runs.csv"
    sheet.write_text(sheet_text(load(config, f"{ON_GPU}\n{VIDEO}", "plain", "big")))
    command = [sys.executable, str(ROOT / "scripts/plan_runs.py"), "--show", str(sheet)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    plain, big = said.split(f"{sheet}, system big\n")
    assert plain.startswith(f"{sheet}, system plain\n")
    assert "  1 runs, 6 repeats" in plain and "needs 1 GPU" in plain
    assert "  2 runs, 12 repeats" in big and "needs" not in big


@pytest.mark.parametrize(
    ("system", "message"),
    [
        (
            ["mendieta", "nodoia"],
            r"system: 'nodoia': there is no config/systems/nodoia\.yaml\. Did you mean 'nodoai'\?",
        ),
        ("mendeta", r"system: 'mendeta': there is no .*Did you mean 'mendieta'\?"),
        ([], r"system: \[\]: must not be empty"),
        (["local", "nodoai", "local"], r"system: \['local', 'nodoai', 'local'\]: names 'local' twice\. Delete one"),
        (["local", ["nodoai"]], r"system\[1\]: \['nodoai'\]: must be text, not a list"),
        (["Local"], r"system\[0\]: 'Local': must be the name of a system"),
        (3, r"system: 3: must be text or a list, not a number"),
    ],
)
def test_a_wrong_system_is_named(system: object, message: str) -> None:
    values = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    with pytest.raises(CotejoError, match=message):
        load_config({**values, "system": system})


def test_one_name_or_a_list_of_names() -> None:
    values = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    assert selected(load_config(values)["system"]) == ["local"]
    assert selected(load_config({**values, "system": ["mendieta", "nodoai"]})["system"]) == ["mendieta", "nodoai"]


def test_one_system_is_measured_here_several_by_slurm() -> None:
    plain, on_slurm = {"name": "Plain"}, {"name": "Cluster", "slurm": {"cpus_per_task": 8}}
    check_place("local", plain, ["local"], on_slurm=False)
    check_place("cluster", on_slurm, ["cluster", "local"], on_slurm=True)
    with pytest.raises(
        CotejoError, match=r"system: \[cluster, local\]: are measured on their own nodes\. Add --profile"
    ):
        check_place("cluster", on_slurm, ["cluster", "local"], on_slurm=False)
    with pytest.raises(CotejoError, match=r"config/systems/local\.yaml: slurm: is missing.* docs/slurm\.md"):
        check_place("local", plain, ["cluster", "local"], on_slurm=True)
