"""The report of a study of 1,000 runs, six repeats each: small enough to send, quick to open."""

import json
import statistics
import subprocess
import sys

import pandas as pd
import pytest
from record_example import RECORD
from summary_example import measured

from cotejo.command import ROOT
from cotejo.figures import figure
from cotejo.figures.inputs import read_inputs
from cotejo.figures.style import applied, save, style_of
from cotejo.record import folder_name
from cotejo.sheet import sheet_text
from cotejo.study import load_study
from cotejo.summary import read_summary
from cotejo.verdict_table import verdict_table

SCRIPTS = ROOT / "scripts"
MOST_BYTES, MOST_MS = 10_000_000, 3_000
OPENED = 3
BLOCKS, CORES, PRECISIONS = 10, 25, ("fp32", "fp16", "int8", "int4")
FIGURES = 4  # but for the last one with a bar for each of 100 runs
BLOCK = "{{name: block-{n}, new_tokens: {tokens}, precision: [{precisions}], cores: {cores}}}"
FIGURE = "{{kind: bars, name: block-{n}, metric: tokens_per_s, by: [precision, cores], where: {{name: block-{n}}}}}"
SCALING = "{kind: scaling, name: cores, metric: tokens_per_s, where: {name: block-0}}"
STUDY = """
title: A thousand made-up runs
question: Does a report of so many runs stay small, and does it open at once?
defaults: {model: tinyllama-1.1b-chat, dataset: prompts, backend: openvino, weights: synthetic, scale: small}
"""


def study_text():
    axes = {"precisions": ", ".join(PRECISIONS), "cores": [*range(1, CORES + 1)]}
    runs = [BLOCK.format(n=n, tokens=8 * n + 8, **axes) for n in range(BLOCKS)]
    figures = [*(FIGURE.format(n=n) for n in range(FIGURES - 1)), SCALING]
    lists = {"runs": runs, "figures": figures}
    return STUDY + "".join(f"{key}: [{', '.join(entries)}]\n" for key, entries in lists.items())


METRICS = {
    "tokens_per_s": "tokens/s", "latency_p50_ms": "ms", "latency_p90_ms": "ms", "latency_p95_ms": "ms",
    "latency_p99_ms": "ms", "ttft_p50_ms": "ms", "tpot_p50_ms": "ms", "cpu_cores": "cores", "rss_peak_mib": "MiB",
}  # fmt: skip
SETTINGS = ("digest", "name", "model", "precision")


def rows_of(run, place):
    """The rows of a summary of one run: no two runs have the same values."""
    for index, (metric, unit) in enumerate(METRICS.items()):
        value = (place % 97 + 1.5) * (index + 1) * run["cores"] ** 0.7
        settings = {key: run[key] for key in SETTINGS}
        source = "telemetry" if unit in ("cores", "MiB") else "samples"
        spread = [value * factor for factor in (0.98, 1.01, 0.99, 1.02, 1.0, 1.03)]
        own = {"run": run["id"], "cores": str(run["cores"]), "cpus": float(run["cores"]), "source": source}
        better = "higher" if metric.endswith("_per_s") else "lower"
        yield measured(spread, **settings, **own, metric=metric, unit=unit, better=better)


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    """The report, made by the pipeline's own commands of tables and records that are written down as if measured."""
    config = tmp_path_factory.mktemp("thousand") / "config"
    (config / "studies").mkdir(parents=True)
    for name in ("models.yaml", "datasets.yaml", "systems"):
        (config / name).symlink_to(ROOT / "config" / name)
    (config / "studies" / "thousand.yaml").write_text(study_text())
    study = load_study("thousand", config=config)
    assert len(study.runs) == 1000
    results = config.parent / "results" / "thousand"
    for run in study.runs:
        folder = results / "records" / run["system"] / folder_name(run)
        folder.mkdir(parents=True)
        for repeat in range(1, 7):
            (folder / f"r{repeat}.json").write_text(json.dumps({**RECORD, "run": run, "repeat": repeat}))
    (results / "runs.csv").write_text(sheet_text(study))
    summary = pd.DataFrame([row for place, run in enumerate(study.runs) for row in rows_of(run, place)])
    summary.to_csv(results / "summary.csv", index=False)
    verdict_table(summary).to_csv(results / "verdicts.csv", index=False)
    for entry in study.figures:
        draw(results, entry)
    report(results, study)
    return results / "report.html"


def command(name, *arguments):
    subprocess.run([sys.executable, str(SCRIPTS / f"{name}.py"), *map(str, arguments)], check=True)


def draw(results, entry):
    """As plot_figure does, without importing everything again for each figure."""
    path, kind, style = results / "figures" / f"{entry['name']}.svg", figure(entry["kind"]), style_of("screen", None)
    path.parent.mkdir(exist_ok=True)
    summary = read_summary(results / "summary.csv")
    inputs = read_inputs(getattr(kind, "INPUTS", ()), {"published": None}, {})
    with applied(style):
        drawn = kind.draw(summary, entry, style, **inputs)
        save(drawn, path, "svg", entry["name"], kind.describe(summary, entry, **inputs), style.dpi)


def report(results, study):
    told = {"title": study.title, "question": study.question, "overlay": "", "figures": study.figures}
    tables = [flag for name in ("summary", "verdicts") for flag in (f"--{name}", results / f"{name}.csv")]
    command(
        "make_report", "--study", json.dumps({**told, "tolerance_percent": 10}), *tables, "--sheet",
        results / "runs.csv", "--results", results, "--figures", *sorted((results / "figures").glob("*.svg")),
        "--command", "snakemake", "--output", results / "report.html",
    )  # fmt: skip


def test_it_is_small(thousand):
    assert thousand.stat().st_size < MOST_BYTES


def test_it_opens_at_once(thousand, reader):
    """Until everything is loaded, painted, and its tables can be sorted; the median of several times."""
    times_ms = []
    for _ in range(OPENED):
        page = reader.open(thousand)
        times_ms.append(page.evaluate(OPEN_MS))
        assert page.locator("figure[data-figure] svg").count() == FIGURES
        assert page.locator(".dt-search input").count() == page.locator("table.data").count() == 4
    print(f"{thousand.stat().st_size / 1e6:.1f} MB; opened in {sorted(map(round, times_ms))} ms")
    assert statistics.median(times_ms) < MOST_MS, times_ms
    assert reader.complaints == []


# The load event ends after the scripts at the end of the page have run, which make the tables; then comes a frame.
OPEN_MS = """() => new Promise((told) => requestAnimationFrame(() => requestAnimationFrame(() => {
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    const [load] = performance.getEntriesByType("navigation");
    told(Math.max(load.loadEventEnd, paint.startTime + paint.duration));
})))"""


def test_its_tables_are_searched_and_sorted_whole(thousand, reader):
    page = reader.open(thousand)
    table = page.locator("section#results table.data")
    field = page.locator("section#results").get_by_role("searchbox")
    field.fill("block-7 int4")
    assert page.locator("section#results .dt-info").inner_text().startswith(f"1 to {CORES} of {CORES} rows")
    assert table.locator("tbody tr").count() == CORES
