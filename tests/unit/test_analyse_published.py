"""The command that re-analyses what was published: its page, its figures, its table."""

import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from report_example import Reader

from cotejo.command import ROOT
from cotejo.figures.style import style_of
from cotejo.published.analysis import paper_of, studies_of
from cotejo.published.check import AGREES, DISAGREES, TOO_FEW, Check, compared
from cotejo.published.drawing import shown
from cotejo.published.figures import ResponseTimes, labels, own_figures
from cotejo.published.groups import Paper
from cotejo.published.page import page
from cotejo.published.rounding import exact

CONFIG = ROOT / "config"
PAPERS = {study.name: paper_of(study, CONFIG) for study in studies_of(CONFIG)}


def command(folder: Path, *arguments: str, config: Path = CONFIG) -> subprocess.CompletedProcess[str]:
    places = ("--figures", "figures", "--analysis", "analysis.csv", "--output", "index.html")
    line = [sys.executable, str(ROOT / "scripts/analyse_published.py"), "--config", str(config), *places, *arguments]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    done = command(folder, "--formats", "svg")
    assert done.returncode == 0, done.stderr
    return folder


def test_the_page_needs_nothing_else(made):
    text = (made / "index.html").read_text(encoding="utf-8")
    reader = Reader(text)
    files = [link for link in reader.values("href") if not link.startswith(("#", "data:"))]
    # The tables of rows stand where the page is when Snakemake makes it: results/published/.
    assert all((made / file).exists() for file in files if not file.endswith(".csv")), files
    assert not reader.values("src") and not reader.open
    assert len(set(reader.values("id"))) == len(reader.values("id"))
    for study in PAPERS:
        assert f'id="{study}"' in text


def test_the_page_lists_the_disagreements_first_with_both_values(made):
    text = (made / "index.html").read_text(encoding="utf-8")
    first = text.partition("<h2>Disagreements</h2>")[2].partition("</section>")[0]
    assert "2.674 " in first and "2.6746 " in first and "6081 / 2273.64 s" in first
    assert first.count("<tr>") == 1 + 9


def test_the_table_has_every_finding(made):
    found = pd.read_csv(made / "analysis.csv", dtype=str, keep_default_na=False)
    assert set(found["study"]) == set(PAPERS)
    assert (found["verdict"] == DISAGREES).sum() == 9


def test_every_figure_is_drawn_and_told(made):
    drawn = sorted((made / "figures").glob("*/*.svg"))
    wanted = {
        f"{study.name}/{name}"
        for study in studies_of(CONFIG)
        for name in (
            *(entry["name"] for entry in shown(study.figures, PAPERS[study.name])),
            *(own.name for own in own_figures(PAPERS[study.name])),
        )
    }
    assert {path.relative_to(made / "figures").with_suffix("").as_posix() for path in drawn} == wanted
    assert {"chameleon-blip-triton/littles-law", "cml-vllm-ray/response-times"} < wanted
    for path in drawn:
        words = ElementTree.parse(path).getroot().findtext(".//{http://purl.org/dc/elements/1.1/}description")
        assert (words and "ublished" in words) or path.stem in ("littles-law", "response-times", "break-even"), path


def test_a_malformed_file_ends_with_one_line(tmp_path):
    shutil.copytree(CONFIG, tmp_path / "config")
    path = tmp_path / "config/published/ccad-llava-a30.csv"
    path.write_text(path.read_text().replace("1992.96", "1992,96"))
    done = command(tmp_path, config=tmp_path / "config")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "ccad-llava-a30.csv: line 8: row: " in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "index.html").exists()


def test_what_differs_in_its_subject_alone_is_one_line():
    checks = [Check("repeats", subject, "needs 6", TOO_FEW, printed="3") for subject in ("a", "b")]
    paper = Paper("x", "X", [], {}, {}, {})
    text = page([paper], {"x": checks}, {"x": []}, {"x": "x.csv"})
    assert text.count("a; b") == 2  # among the sections, and in the study's own


def test_texts_are_escaped():
    checks = [Check("<b>", "&", "1 < 2", AGREES)]
    text = page([Paper("x", "<i>", [], {}, {}, {})], {"x": checks}, {"x": []}, {"x": "x.csv"})
    assert "&lt;b&gt;" in text and "&lt;i&gt;" in text and "<b>" not in text


def test_numbers_are_told_to_one_place_more_than_is_printed():
    check = compared("rate", "s", "f", exact(6081 / 2273.64), "2.674", "inf/s")
    assert (check.found_text, check.bounds_text) == ("2.6746", "")
    assert compared("count", "s", "f", exact(50), "50", "requests").found_text == "50"


def test_own_figures_have_the_rows_in_them():
    law, times = (next(own_figures(PAPERS[study])) for study in ("chameleon-blip-triton", "cml-vllm-ray"))
    assert "94.9 % at 1 at once" in law.words and "97.7 % at 10 at once" in law.words
    assert isinstance(times, ResponseTimes)
    assert {name: sum(count for _, _, count in bins) for name, bins in times.bins.items()} == {
        "4 GPUs (hey-tp4)": 50, "1 GPU (hey-tp1)": 50,
    }  # fmt: skip
    drawn = law.draw(style_of("paper", "column"))
    assert [len(line.get_xdata()) for line in drawn.axes[0].get_lines()][1:] == [4, 8, 10]


def test_neighbours_share_a_label():
    assert labels({"median": 2.0, "p90": 4.0, "p95": 4.2}, 0.5) == [("median", 2.0), ("p90, p95", pytest.approx(4.1))]


def test_nothing_printed_draws_nothing():
    (study,) = [study for study in studies_of(CONFIG) if study.name == "edge-cloud"]
    bars = [entry for entry in study.figures if entry["kind"] == "bars"]
    assert bars and list(shown(bars, PAPERS["edge-cloud"])) == []
