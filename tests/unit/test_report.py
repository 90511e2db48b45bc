import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure
from record_example import RECORD, changed
from record_example import failed as failed_record
from summary_example import failed, measured, not_measured, summary

from cotejo.command import ROOT
from cotejo.figures.style import save
from cotejo.report.content import EXPLAINED, content, differing, energy_boundary, period, table, worth
from cotejo.report.page import data_uri, page, words_of
from cotejo.verdict import NOT_MEASURED, WORDS
from cotejo.verdict_table import verdict_table

STUDY: dict[str, Any] = {
    "title": "A study",
    "question": "How fast?",
    "overlay": "",
    "figures": [{"kind": "bars", "name": "speed", "title": "Speed", "metric": "tokens_per_s"}],
}
SIX = [10.0, 11.0, 12.0, 14.0, 15.0, 30.0]
ROWS = summary(
    measured(SIX, run="a", reasons="duration 12 s < 600 s"),
    measured([1.0] * 6, run="a", metric="latency_p90_ms", unit="ms", better="lower")
    | {
        "median": float("nan"),
        "low": float("nan"),
        "values": "",
        "reasons": "samples 9 < 44 for p90; duration 12 s < 600 s",
    },
    failed(run="b", precision="int4"),
    not_measured(run="c", precision="fp16"),
)
OWN = {**RECORD, "origin": ""}
RECORDS = {
    "records/local/a/r1.json": OWN,
    **{
        f"records/local/b/r{n}.json": failed_record(
            "parity", "error 0.6 > 0.4", repeat=n, run__id="b", run__digest="1" * 10, origin=""
        )
        for n in (1, 2)
    },
}


def verdicts(rows: pd.DataFrame) -> pd.DataFrame:
    """A summary's table of verdicts, every cell as text, as `read_verdicts` gives it."""
    return verdict_table(rows).astype(object).fillna("").astype(str)


class Reader(HTMLParser):
    """What a browser would find in a page: tags, attributes, and text outside styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(" ".join(data.split()))

    def values(self, attribute: str) -> list[str]:
        return [str(attributes[attribute]) for _, attributes in self.tags if attribute in attributes]

    @property
    def text(self) -> str:
        return " ".join(text for text in self.texts if text)


def render(
    study: dict[str, Any] = STUDY,
    rows: Any = ROWS,
    records: Any = RECORDS,
    command: str = "snakemake",
    beside: dict[str, Any] | None = None,
) -> Reader:
    names = {entry["name"] for entry in study["figures"]}
    given = {
        "images": dict.fromkeys(names, "data:image/svg+xml;base64,AA=="),
        "words": dict.fromkeys(names, "Throughput: 13.0 tokens/s."),
        "summary": "summary.csv",
        "verdict_table": "verdicts.csv",
        "sheet": "runs.csv",
        "beside": beside,
        "comparison": "comparison.csv",
        "cost": None,
        "cost_table": "cost.csv",
    }
    reader = Reader(page({**content(study, rows, verdicts(rows), records), **given, "command": command}))
    assert not reader.open
    return reader


def test_the_page_answers_what_where_and_how_well() -> None:
    text = render(command="snakemake --cores all").text
    for part in (
        "A study", "How fast?", "13.0", "10.0 to 30.0", "tokens/s", "duration 12 s < 600 s", "samples 9 < 44 for p90",
        "Example CPU @ 2.00GHz", "openvino 2026.4.1", "snakemake --cores all", "error 0.6 > 0.4", "6" * 40,
        "Measured 2026-01-31 12:00 to 12:00 UTC.",
    ):  # fmt: skip
        assert part in text, part


def test_marks_are_on_top() -> None:
    text = render().text
    assert text.index("synthetic weights") < text.index("Figures")
    assert text.index("small scale") < text.index("Figures")


def test_an_overlay_is_said() -> None:
    assert "Under an overlay: small models." in render({**STUDY, "overlay": "small models"}).text
    assert "overlay" not in render().text


def test_what_can_not_be_measured_says_in_every_table_what_it_needs() -> None:
    rows = summary(
        measured(SIX, run="a"), not_measured(run="b", accelerators="2", needs="2 GPUs", reasons="needs 2 GPUs")
    )
    found = content(STUDY, rows, verdicts(rows), RECORDS)
    [table] = found["tables"]
    assert [line["why"] for line in table["lines"]] == ["", "needs 2 GPUs"]
    assert "2\u00a0GPUs" in table["lines"][1]["settings"]
    assert found["worth"]["lines"][1]["reasons"] == ["needs 2 GPUs"]
    assert render(rows=rows).text.count("needs 2 GPUs") == 2


def test_every_run_has_its_line_with_its_verdict() -> None:
    found = content(STUDY, ROWS, verdicts(ROWS), RECORDS)
    for lines in ([line for part in found["tables"] for line in part["lines"]], found["worth"]["lines"]):
        assert [(line["run"], line["verdict"]) for line in lines] == [
            ("a", "smoke"),
            ("b", "failed"),
            ("c", "not measured"),
        ]


def test_one_table_says_what_each_result_is_worth() -> None:
    rows = summary(
        measured(SIX, run="a", verdict="noisy", reasons="foreign CPU 41 % (bound 3 %); repeats 5 < 6", attempts=6.0,
                 failures=1.0, repeats=5.0, ended="duration 3; interval 2", order="3 9 15 21 27 33"),
        failed(run="b"),
        not_measured(run="c"),
    )  # fmt: skip
    first, broken, missing = worth([*verdicts(rows).to_dict("records")])["lines"]
    assert first["reasons"] == ["foreign CPU 41 % (bound 3 %)", "repeats 5 < 6"]
    assert (first["repeats"], first["ended"], first["order"]) == ("5 of 6", "duration 3; interval 2", "3 9 15 21 27 33")
    assert (broken["repeats"], broken["reasons"]) == ("0 of 6", ["parity"])
    assert (missing["repeats"], missing["verdict"]) == ("0 of 0", "not measured")
    text = render(rows=rows).text
    assert text.index("What each result is worth") < text.index("foreign CPU 41 % (bound 3 %)")


def test_every_verdict_is_explained() -> None:
    assert set(EXPLAINED) == {*WORDS, NOT_MEASURED}


def test_what_it_took_has_a_table_of_its_own() -> None:
    took = measured([0.5] * 6, run="a", metric="cpu_cores", unit="cores", source="telemetry")
    rows = summary(measured(SIX, run="a"), took)
    found = content(STUDY, rows, verdicts(rows), RECORDS)
    assert [metric["unit"] for part in found["tables"] for metric in part["metrics"]] == ["tokens/s"]
    assert [metric["unit"] for part in found["resources"] for metric in part["metrics"]] == ["cores"]
    assert "What it took" in render(rows=rows).text
    assert "What it took" not in render().text


def test_energy_names_its_boundary_or_that_there_is_none() -> None:
    level = RECORD["levels"][0]

    def measuring(**energy: Any) -> dict[str, Any]:
        telemetry = {**level["telemetry"], "energy": {"package_j": None, "package": None, "gpu_j": None, **energy}}
        return changed(RECORD, levels=[{**level, "telemetry": telemetry}])

    package = measuring(package_j=5.0, package="RAPL package-0")
    assert energy_boundary([measuring(), failed_record()]).startswith("Energy: none")
    assert "of the CPU packages (RAPL package-0), idling included" in energy_boundary([package, measuring()])
    assert "(RAPL package-0) and of the GPUs (NVML)" in energy_boundary([package, measuring(gpu_j=1.0)])
    assert energy_boundary([changed(RECORD, levels=[{**level, "telemetry": None}])]).startswith("Energy: none")


def test_a_blank_value_says_why_and_does_not_change_the_line() -> None:
    (line, *_) = table("text-generation", ROWS.to_dict("records"))["lines"]
    assert [cell["value"] for cell in line["cells"]] == ["13.0", ""]
    assert line["cells"][1]["reason"] == "samples 9 < 44 for p90"
    assert line["verdict"] == "smoke"
    assert "without latency_p90_ms: samples 9 < 44 for p90" in render().text


def test_runs_that_look_alike_are_named_by_their_ids() -> None:
    rows = summary(measured(SIX, run="a_one"), measured(SIX, run="a_two"), measured(SIX, run="b", name="other"))
    names = [line["name"] for line in table("text-generation", rows.to_dict("records"))["lines"]]
    assert names == ["a_one", "a_two", "other"]


def test_systems_and_environments_show_where_they_differ() -> None:
    def extra(*rows: dict[str, Any]) -> list[str]:
        found = table("text-generation", summary(*rows).to_dict("records"))["extra"]
        assert found == differing([*verdicts(summary(*rows)).to_dict("records")])
        return found

    assert extra(measured(SIX)) == []
    assert extra(measured(SIX), measured(SIX, system="edge")) == ["system"]
    assert extra(measured(SIX), measured(SIX, environment="fedcba")) == ["environment"]
    assert extra(measured(SIX), measured(SIX, run="other", environment="fedcba")) == []
    assert extra(measured(SIX), measured(SIX, origin="lab")) == ["origin"]
    assert extra(measured(SIX), measured(SIX, origin="lab", environment="fedcba")) == ["origin"]
    assert extra(measured(SIX, origin="lab"), not_measured(run="other")) == []


def test_what_comes_from_elsewhere_says_so_everywhere() -> None:
    rows = summary(measured(SIX), measured(SIX, origin="lab-a30"), failed(run="b", origin="lab-a30"))
    records = {
        "records/local/a/r1.json": OWN,
        "../../lab/records/local/a/r1.json": {**OWN, "origin": "lab-a30"},
        "../../lab/records/local/b/r1.json": failed_record("timeout", "too long", run__id="b", origin="lab-a30"),
    }
    found = content(STUDY, rows, verdicts(rows), records)
    for part in (*found["tables"], found["worth"]):
        assert part["extra"] == ["origin"]
        assert [line["extra"] for line in part["lines"]] == [["here"], ["lab-a30"], ["lab-a30"]]
    assert [machine["place"] for machine in found["machines"]] == ["local", "local, from lab-a30"]
    assert [failure["place"] for failure in found["failures"]] == ["local, from lab-a30"]
    assert [run["place"] for run in found["runs"]] == ["local", "local, from lab-a30", "local, from lab-a30"]


def test_failures_are_told_once_with_a_link_to_each() -> None:
    reader = render()
    assert reader.text.count("error 0.6 > 0.4") == 1
    assert {"records/local/b/r1.json", "records/local/b/r2.json"} <= set(reader.values("href"))


def test_links_are_relative_and_quoted() -> None:
    records = {"records/local/a b~1/r1.json": OWN}
    assert "records/local/a%20b~1/r1.json" in render(records=records).values("href")
    assert not any(link.startswith(("/", "http")) for link in render().values("href"))


def test_nothing_is_loaded() -> None:
    reader = render()
    assert not {"script", "link", "iframe"} & {tag for tag, _ in reader.tags}
    assert all(source.startswith("data:") for source in reader.values("src"))
    assert not re.search(r"https?://|url\(|@import", (ROOT / "scripts/cotejo/report/page.css").read_text())


def test_every_image_has_its_data_in_words() -> None:
    assert render().values("alt") == ["Speed. Throughput: 13.0 tokens/s."]


def test_there_is_one_heading_of_the_first_level_and_tables_have_heads() -> None:
    tags = [tag for tag, _ in render().tags]
    assert tags.count("h1") == 1
    assert tags.count("thead") >= 2


@pytest.mark.parametrize("attack", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}"])
def test_text_of_others_is_only_text(attack: str) -> None:
    study = {**STUDY, "title": attack, "question": attack, "overlay": attack}
    study["figures"] = [{**STUDY["figures"][0], "title": attack}]
    machine = changed(OWN, environment__machine__cpu=attack, versions={attack: attack}, model__licence=attack)
    broken = failed_record("error", attack, run__id=attack, system=attack, origin=attack)
    rows = summary(measured(SIX, run=attack, name=attack, model=attack, reasons=attack, marks=attack), failed(attack))
    reader = render(study, rows, {f"{attack}/r1.json": machine, "r2.json": broken}, attack)
    assert not {"script"} & {tag for tag, _ in reader.tags}
    assert not reader.values("onerror")
    assert " ".join(attack.split()) in reader.text
    assert "49" not in reader.text


def test_nothing_measured_makes_a_page_too() -> None:
    text = render(rows=summary(not_measured()), records={}).text
    assert "Nothing has been measured yet." in text
    assert "not measured" in text
    assert "Failures" not in text


def test_what_slurm_gave_is_summed_up_over_the_jobs_of_a_machine() -> None:
    slurm = {"id": "7", "partition": "gpu", "nodes": ["n1"], "cpus": 8, "gpus": 1, "restarts": 0, "time_limit_s": 60}
    staged = {"file_system": "xfs", "size_mib": 9.5, "duration_s": 1.0}
    found = [
        changed(RECORD, origin="", environment__slurm=slurm, staged=staged),
        changed(RECORD, origin="", environment__slurm={**slurm, "id": "8", "restarts": 2}, nodes=[{"node": "n2"}]),
    ]
    [machine] = content(STUDY, ROWS, verdicts(ROWS), dict(enumerate(found)))["machines"]  # type: ignore[arg-type]
    assert machine["facts"]["Slurm"] == "2 jobs; partition gpu; put back into the queue 2 times"
    assert machine["facts"]["Further nodes"] == "n2"
    assert machine["facts"]["Read from"] == "copies on the machine's own disk (xfs), in 1 of 2 repeats"
    [plain] = content(STUDY, ROWS, verdicts(ROWS), {0: changed(RECORD, origin="")})["machines"]  # type: ignore[arg-type,dict-item]
    assert not {"Slurm", "Further nodes", "Read from"} & plain["facts"].keys()


def test_a_machine_is_told_once_for_each_set_of_facts() -> None:
    found = [OWN, changed(OWN, repeat=2, versions={"torch": "2.13.0"})]
    other = changed(OWN, system="edge", environment__machine__cpu="Another", environment__machine__governor=None)
    machines = content(STUDY, ROWS, verdicts(ROWS), dict(enumerate([*found, other])))["machines"]  # type: ignore[arg-type]
    assert [machine["place"] for machine in machines] == ["local", "edge"]
    assert machines[0]["versions"] == {"openvino": "2026.4.1", "torch": "2.13.0"}
    assert "Frequency governor" not in machines[1]["facts"]


def test_period() -> None:
    late = changed(RECORD, finished_at="2026-02-01T01:30:00Z")
    assert period([RECORD, late]) == "2026-01-31 12:00 to 2026-02-01 01:30 UTC"
    assert period([]) == ""


def test_data_uri(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    path.write_text("<svg/>")
    assert data_uri(path) == "data:image/svg+xml;base64,PHN2Zy8+"


def test_words_of_an_image(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    save(Figure(), path, "svg", "A title", words="openvino < 13.0 & more")
    assert words_of(path) == "openvino < 13.0 & more"
    path.write_text("<svg/>")
    assert words_of(path) == ""


def test_the_command_writes_one_file(tmp_path: Path) -> None:
    results = tmp_path / "results"
    (results / "figures").mkdir(parents=True)
    ROWS.to_csv(results / "summary.csv", index=False)
    verdict_table(ROWS).to_csv(results / "verdicts.csv", index=False)
    (results / "runs.csv").write_text(f"id,digest\n{RECORD['run']['id']},{RECORD['run']['digest']}\n")
    (results / "figures" / "speed.svg").write_text("<svg/>")
    folder = results / "records" / "local" / f"{RECORD['run']['id']}~{RECORD['run']['digest']}"
    folder.mkdir(parents=True)
    (folder / "r1.json").write_text(json.dumps(RECORD))
    (folder.parent / "old~9999999999").mkdir()
    (folder.parent / "old~9999999999" / "r1.json").write_text("{}")
    lab = tmp_path / "lab" / "demo"
    shutil.copytree(results / "records", lab / "records")
    flags = {"--study": json.dumps(STUDY), "--summary": results / "summary.csv", "--sheet": results / "runs.csv",
             "--verdicts": results / "verdicts.csv", "--imports": json.dumps({"lab": str(lab)}),
             "--results": results, "--figures": results / "figures" / "speed.svg", "--command": "snakemake",
             "--output": results / "report.html"}  # fmt: skip
    words = [str(word) for pair in flags.items() for word in pair]
    subprocess.run([sys.executable, str(ROOT / "scripts/make_report.py"), *words], check=True)
    reader = Reader((results / "report.html").read_text())
    for link in reader.values("href"):
        assert (results / link).is_file(), link
    here = f"records/local/{folder.name}/r1.json"
    assert {here, f"../lab/demo/{here}", "verdicts.csv"} <= set(reader.values("href"))
