"""Several systems by one command, each on its own nodes; and several checkouts that share what was made for one."""

import pytest
from login import Login

from cotejo.verified import verified
from tests.conftest import copy_checkout

STUDY = """\
title: On two kinds of node
defaults:
  {model: tinyllama-1.1b-chat, dataset: mine, weights: synthetic, scale: small, backend: openvino, precision: int8,
    new_tokens: 4, repeats: 2, warmup_s: 0.1, duration_s: 0.5, timeout_s: 300, cores: 1}
runs: [{name: shared}]
figures: [{kind: bars, name: speed, metric: tokens_per_s, by: [system]}]
"""
OTHER = "name: Other nodes\nsite: cluster\nslurm: {cpus_per_task: 2, partition: gpu}\n"
EXPORT = "resources/exports/tinyllama-1.1b-chat/synthetic-small/openvino-int8"
COMMAND = "snakemake --cores all --profile slurm --config studies=[several] system=[virtual,other]"


class Sharing(Login):
    """Someone who shares exports with others."""

    def __init__(self, cluster, folder, cache):
        super().__init__(cluster, folder)
        self.cache = cache
        self.hasten()
        (folder / "config/studies/several.yaml").write_text(STUDY)
        (folder / "config/systems/other.yaml").write_text(OTHER)

    def type(self, command, timeout_s=900):
        return super().type(command, timeout_s)

    def environment(self):
        return super().environment() | {"SNAKEMAKE_OUTPUT_CACHE": str(self.cache)}


@pytest.fixture(scope="module")
def sharing(cluster, tmp_path_factory):
    """Two checkouts and a folder that they share; the study is measured in the first."""
    folder = tmp_path_factory.mktemp("sharing")
    (folder / "cache").mkdir()
    both = [Sharing(cluster, copy_checkout(folder / name).folder, folder / "cache") for name in ("first", "second")]
    both[0].finish(COMMAND)
    return both


def test_each_system_is_measured_on_its_own_nodes(sharing):
    first = sharing[0]
    jobs = {job.id: job for job in first.measured(first.jobs())}
    for system, nodes in (("virtual", {"cpu1", "cpu2"}), ("other", {"gpu1", "gpu2"})):
        records = first.records("several", system)
        assert [record["status"] for record in records.values()] == ["ok", "ok"]
        assert {jobs[record["environment"]["slurm"]["id"]].node for record in records.values()} <= nodes
    assert len(jobs) == 4
    assert "Nothing to be done" in first.finish(COMMAND)
    summary = (first.folder / "results/several/summary.csv").read_text()
    assert ",virtual," in summary and ",other," in summary


def test_checkouts_share_an_export_that_a_node_made(sharing):
    first, second = sharing
    entries = {path.name for path in first.cache.iterdir()}
    assert len(entries) == 2  # a model and an export
    before = len(first.jobs())
    second.finish(f"{COMMAND} -- {EXPORT}")
    assert {job.rule for job in second.jobs()[before:]} == {"synthesize_model", "export_openvino"}
    assert {path.name for path in first.cache.iterdir()} == entries
    made, found = (login.folder / EXPORT / "export.json" for login in sharing)
    assert made.resolve() == found.resolve()
    assert verified(found.parent, "export.json") == verified(made.parent, "export.json")


def test_a_machine_outside_slurm_finds_it_too(sharing):
    second = sharing[1]
    entries = {path.name for path in second.cache.iterdir()}
    second.finish("rm -r resources/exports resources/models")
    ignored = second.type(f"{COMMAND} --cache -- {EXPORT}")
    assert (ignored.returncode, "names of rules it does nothing on Slurm" in ignored.stderr) == (1, True)
    said = second.finish(f"snakemake --cores 2 --cache -- {EXPORT}")
    assert "from cache" in said and "Moving output file" not in said
    assert {path.name for path in second.cache.iterdir()} == entries
    assert verified(second.folder / EXPORT, "export.json")
