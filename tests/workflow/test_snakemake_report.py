"""Snakemake's own report, `snakemake --report`: what it collects of a study, and what it says of each file."""

import hashlib
import html
import json
import os
import re

import pytest
from snakemake.assets import Assets

TITLE = "An *odd* `study`_: <b>fast</b> | 50 % & more"
STUDY = f"""
title: {json.dumps(TITLE)}
question: How [fast]_?
defaults: {{weights: synthetic, scale: small, repeats: 1, duration_s: 1}}
runs:
  - {{name: text, model: tinyllama-1.1b-chat, dataset: prompts, backend: openvino, precision: int8}}
figures:
  - {{kind: bars, name: speed, title: "Speed_ of *all*", caption: "By |backend|, in `words`.", metric: tokens_per_s}}
"""
DRAWING = """<svg xmlns="http://www.w3.org/2000/svg"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:description>Throughput: openvino 12.3 tokens/s (smoke); pytorch failed: parity.</dc:description></metadata></svg>"""


@pytest.fixture
def finished(project):
    """A checkout with a finished study, of whose files the report reads two."""
    project.write_study("odd", STUDY)
    project.finish("odd")
    results = project.folder / "results" / "odd"
    put(results / "figures" / "speed.svg", DRAWING)
    put(results / "verdicts.csv", "run,verdict\na,noisy\nb,smoke\nc,smoke\n")
    return project


def put(path, text):
    """Write a file that stays as old as it was."""
    age = path.stat().st_mtime
    path.write_text(text)
    os.utime(path, (age, age))


def collected(page: str, name: str) -> dict[str, dict]:
    """A table of the page, `results` or `categories`, by its keys."""
    return json.loads(re.search(rf"var {name} = (\{{.*\}})", page)[1])


def test_a_study_is_a_category_and_each_file_has_a_caption_and_labels(finished):
    target = ("results/odd/report.html", "--config", "studies=[odd]")
    done = finished.snakemake(*target, "--report", "all.html")
    assert done.returncode == 0, done.stdout + done.stderr
    page = (finished.folder / "all.html").read_text()
    files = {result["name"]: result for result in collected(page, "results").values()}

    results = {name: [f"results/odd/{name}"] for name in files} | {"speed.svg": ["results/odd/figures/speed.svg"]}
    tables = [path for name in ("cost.csv", "summary.csv", "verdicts.csv") for path in results[name]]
    assert collected(page, "categories") == {
        "odd": {"Report": results["report.html"], "Tables": tables, "Figures": results["speed.svg"]}
    }
    assert {name: file["labels"] for name, file in files.items()} == {
        "report.html": {"study": TITLE, "worth": "1 noisy, 2 smoke"},
        "summary.csv": {"study": TITLE, "table": "every metric"},
        "verdicts.csv": {"study": TITLE, "table": "verdicts"},
        "cost.csv": {"study": TITLE, "table": "costs"},
        "speed.svg": {"study": TITLE, "figure": "Speed_ of *all*", "worth": "smoke"},
    }
    # Whatever a study is called, its captions say just that.
    assert "Speed_ of *all*. By |backend|, in `words`." in files["speed.svg"]["caption"]
    assert f"{html.escape(TITLE, quote=False)}. How [fast]_?" in files["report.html"]["caption"]
    assert all(file["caption"] and "system-message" not in file["caption"] for file in files.values())
    assert "Each category is a study" in page
    assert finished.jobs(*target) == {}, "what the report shows is made no anew"


def test_it_needs_no_network():
    """All that Snakemake puts into its report came with it, as its package index has it."""
    for name, asset in Assets.spec.items():
        content = (Assets.base_path() / name).read_bytes()
        assert asset.sha256 in (None, hashlib.sha256(content).hexdigest()), name
