"""What docs/slurm.md shows of configuration is what Cotejo takes."""

import re
import shutil

import pytest

from cotejo.command import ROOT
from cotejo.slurm import measuring_resources
from cotejo.study import load_study
from cotejo.systems import load_system

FIGURES = "figures: [{kind: bars, name: speed, metric: requests_per_s, by: [name]}]\n"


@pytest.fixture
def config(tmp_path):
    """The configuration with the page's system, `shown`, and its runs as a study of that name."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    system, runs = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/slurm.md").read_text(), flags=re.DOTALL)
    (tmp_path / "config/systems/shown.yaml").write_text(system)
    (tmp_path / "config/studies/shown.yaml").write_text(f"title: As the page shows\n{runs}{FIGURES}")
    return tmp_path / "config"


def test_its_runs_are_jobs_of_two_nodes_on_its_system(config):
    study, system = load_study("shown", systems=["shown"], config=config), load_system(config / "systems/shown.yaml")
    asked = [measuring_resources(system, run) for run in study.runs]
    assert [run["name"] for run in study.runs] == ["tp2", "tune"]
    assert [each["nodes"] for each in asked] == [2, 2]
    assert all("--gpus-per-node=a30:1" in each["slurm_extra"] for each in asked)


def test_elsewhere_they_say_what_they_need(config):
    assert {line["needs"] for line in load_study("shown", systems=["local"], config=config).lines} == {"2 nodes"}
