import re
from typing import Any

import pytest
from record_example import RECORD, changed
from record_example import failed as failed_record
from report_example import OWN, ROWS, SIX, STUDY, render, verdicts
from summary_example import failed, measured, not_measured, summary

from cotejo.command import ROOT
from cotejo.report.content import EXPLAINED, content, energy_boundary, period
from cotejo.verdict import NOT_MEASURED, WORDS


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


def test_every_verdict_is_explained() -> None:
    assert set(EXPLAINED) == {*WORDS, NOT_MEASURED}


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
