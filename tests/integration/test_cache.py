"""Exports shared between checkouts by Snakemake's between-workflow cache: found again, and never another's bytes."""

import os
import shutil
import subprocess
import sys

import pytest

from cotejo.files import read_json, sha256_of_folder

pytestmark = pytest.mark.beside

MADE = "Moving output file resources/exports/"  # what Snakemake says of an export that it had made, not found
FOLDER = "resources/exports/yolov8n-seg/synthetic-small/openvino-{precision}"


def export(project, cache, *precisions: str) -> str:
    """Have Snakemake make exports in a checkout with the cache on; what it said."""
    targets = [FOLDER.format(precision=precision) for precision in precisions]
    environment = {**os.environ, "SNAKEMAKE_OUTPUT_CACHE": str(cache)}
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--cache", "--", *targets]
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_checkouts_share_exports_and_never_mix_them(project_factory, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    first, second, changed = project_factory("first"), project_factory("second"), project_factory("changed")

    said = export(first, cache, "fp32", "fp16")
    assert said.count(MADE) == 2
    bytes_of = {name: sha256_of_folder(first.folder / FOLDER.format(precision=name)) for name in ("fp32", "fp16")}
    assert bytes_of["fp32"] != bytes_of["fp16"]

    # Another checkout, asking in the other order: both come out of the cache, each with its own bytes.
    said = export(second, cache, "fp16", "fp32")
    assert MADE not in said
    for precision, digests in bytes_of.items():
        folder = second.folder / FOLDER.format(precision=precision)
        assert sha256_of_folder(folder) == digests
        assert read_json(folder / "export.json")["precision"] == precision

    # An exporter that does something else makes its own; one with another comment only does not.
    exporter = changed.folder / "scripts" / "export_openvino.py"
    exporter.write_text(exporter.read_text() + "\n# a comment\n")
    assert MADE not in export(changed, cache, "fp32")
    exporter.write_text(exporter.read_text() + "\nCHANGED = True\n")
    shutil.rmtree(changed.folder / FOLDER.format(precision="fp32"))
    assert export(changed, cache, "fp32").count(MADE) == 1
    assert sha256_of_folder(first.folder / FOLDER.format(precision="fp32")) == bytes_of["fp32"]
