"""Staging is asked for by a system's file, and is no setting of a run: what is measured stays measured."""

import re

NODE = "name: Node\nsite: cluster\ncpu: CPU\nslurm: {cpus_per_task: 4%s}\n"
ASKED = ("--config", "studies=[demo]", "system=node")


def test_staging_measures_nothing_anew_and_reaches_the_command(project):
    file = project.folder / "config" / "systems" / "node.yaml"
    file.write_text(NODE % "")
    project.finish("demo", systems=["node"])
    touched = project.snakemake(*ASKED, "--touch", "--forceall")  # so that Snakemake remembers every job's parameters
    assert touched.returncode == 0, touched.stderr
    assert project.jobs(*ASKED) == {}

    file.write_text(NODE % ", stage: true, scratch: /local/$USER")
    # Prices stand in that file too.
    assert project.jobs(*ASKED).keys() == {"price_results", "make_report", "index_reports"}

    next((project.folder / "results" / "demo" / "records" / "node").glob("*/r1.json")).unlink()
    done = project.snakemake(*ASKED, "--dry-run", "--printshellcmds")
    [command] = re.findall(r"python scripts/measure_process\.py .*", done.stdout)
    assert "'--stage=/local/$USER'" in command
