"""A study in which things go wrong: each failure is a row with its reason, beside the healthy ones, in one command."""

import csv
import shutil
import stat

import numpy as np
import pytest

from cotejo.files import read_json, sha256_of, write_json

pytestmark = pytest.mark.beside

STUDY = """\
title: Failures
defaults: {model: yolov8n-seg, dataset: street-video, backend: openvino, weights: synthetic, scale: small,
  repeats: 1, warmup_s: 0, duration_s: 1, timeout_s: 120}
runs:
  - {name: healthy}
  - {name: disagrees, precision: fp16}
  - {name: starved, duration_s: 1.5}
  - {name: killed, duration_s: 60}
  - {name: late, duration_s: 90, timeout_s: 5}
figures: [{kind: bars, name: speed, metric: frames_per_s, by: [name]}]
"""

# Stands before the real numactl, where the pipeline looks for tools installed without root.
SABOTEUR = """\
#!/bin/bash
job="${@: -1}"
if grep -q '"name": "starved"' "$job" 2>/dev/null; then ulimit -v 700000; fi
if grep -q '"name": "killed"' "$job" 2>/dev/null; then (sleep 5; kill -KILL $$) & fi
exec REAL "$@"
"""

EXPORT = "resources/exports/yolov8n-seg/synthetic-small/openvino-fp16"


def test_each_failure_is_a_row_beside_the_healthy_ones(project):
    (project.folder / "config/studies/failures.yaml").write_text(STUDY)
    tool = project.folder / "resources/environments/system/bin/numactl"
    tool.parent.mkdir(parents=True)
    tool.write_text(SABOTEUR.replace("REAL", str(shutil.which("numactl"))))
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)

    made = project.snakemake(EXPORT, "--config", "studies=[failures]")
    assert made.returncode == 0, made.stdout + made.stderr
    plant_other_weights(project.folder / EXPORT)
    done = project.snakemake("--config", "studies=[failures]")
    assert done.returncode == 0, done.stdout + done.stderr

    with (project.folder / "results/failures/summary.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    speed = {
        row["name"]: row for row in rows if row["level"] in ("", "end-to-end") and row["metric"] in ("", "frames_per_s")
    }
    assert float(speed["healthy"]["median"]) > 0
    assert speed["healthy"]["verdict"] != "failed"  # smoke, or worse where the machine does other things too
    reasons = {name: row["reasons"] for name, row in speed.items() if row["verdict"] == "failed"}
    assert reasons == {
        "disagrees": "parity",
        "starved": "out-of-memory",
        "killed": "killed",
        "late": "timeout",
    }
    assert all(speed[name]["median"] == "" for name in reasons)
    figure = (project.folder / "results/failures/figures/speed.svg").read_text()
    assert all(f"failed: {reason}" in figure for reason in reasons.values())

    # Nothing is measured again by itself; `make retry` clears the way.
    assert project.jobs("--config", "studies=[failures]") == {}


def plant_other_weights(export) -> None:
    """Change an export's weights and make its manifest agree, as a wrong exporter would."""
    file = export / "model.bin"
    weights = np.fromfile(file, dtype=np.float16)
    weights[len(weights) // 2 : len(weights) * 6 // 10] *= np.float16(1.5)
    weights.tofile(file)
    manifest = read_json(export / "export.json")
    manifest["files"]["model.bin"] = sha256_of(file)
    write_json(export / "export.json", manifest)
