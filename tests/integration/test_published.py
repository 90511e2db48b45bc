"""`snakemake published`, really run: no model, no server, no record."""

import csv
import time

import pytest

pytestmark = pytest.mark.beside


def test_the_page_of_what_was_published(project):
    begin_s = time.monotonic()
    done = project.snakemake("published")
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - begin_s < 60
    results = project.folder / "results"
    assert [path.name for path in results.iterdir() if path.is_dir()] == ["published"]

    page = (results / "published/index.html").read_text(encoding="utf-8")
    disagreements = page.partition("<h2>Disagreements</h2>")[2].partition("</section>")[0]
    assert "2.674 " in disagreements and "2.6746 " in disagreements
    with (results / "published/analysis.csv").open(newline="", encoding="utf-8") as stream:
        said = [row for row in csv.DictReader(stream) if row["printed"] == "2.674" and row["verdict"] == "disagrees"]
    assert [row["formula"] for row in said] == ["6081 / 2273.64 s"]
    for figure in ("chameleon-blip-triton/load", "chameleon-blip-triton/littles-law", "cml-vllm-ray/response-times"):
        assert all((results / f"published/figures/{figure}.{ending}").stat().st_size for ending in ("svg", "png"))

    assert project.jobs("published") == {}
