import re
from itertools import pairwise
from typing import Any

import pytest
from record_example import RECORD, changed
from record_example import failed as failed_record
from report_example import OWN, ROWS, SIX, STUDY, html, render, verdicts
from summary_example import failed, measured, not_measured, summary

from cotejo.report.content import EXPLAINED, content, energy_boundary, period
from cotejo.report.page import HERE, SECTIONS
from cotejo.report.scripts import policy, scripts
from cotejo.verdict import NOT_MEASURED, WORDS


def test_the_page_answers_what_where_and_how_well() -> None:
    text = render(command="snakemake --cores all").text
    for part in (
        "A study", "How fast?", "13.0", "10.0 to 30.0", "tokens/s", "duration 12 s < 600 s", "samples 9 < 44 for p90",
        "Example CPU @ 2.00GHz", "2026.4.1", "snakemake --cores all", "error 0.6 > 0.4", "6" * 40,
        "Measured 2026-01-31 12:00 to 12:00 UTC on local: Example CPU @ 2.00GHz",
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


def test_nothing_is_loaded_and_only_its_own_scripts_run() -> None:
    reader = render()
    assert not {"iframe", "object", "img", "form"} & {tag for tag, _ in reader.tags}
    assert not reader.values("src")
    assert [attributes["href"] for tag, attributes in reader.tags if tag == "link"] == ["data:,"]
    [rule] = [attributes["content"] for _, attributes in reader.tags if attributes.get("http-equiv")]
    assert rule == policy(re.findall("<script>(.*?)</script>", html(), flags=re.DOTALL))
    assert not [name for _, attributes in reader.tags for name in attributes if name.startswith("on")]
    for style in ("page.css", "tables.css"):
        assert not re.search(r"https?://|url\(|@import", (HERE / style).read_text())


def test_every_figure_is_labelled_told_in_words_and_linked_to_its_files() -> None:
    reader = render()
    identified = set(reader.values("id"))
    assert {"figure-speed-title", "figure-speed-words"} <= identified
    assert "Throughput: 13.0 tokens/s." in reader.text
    assert reader.values("data-figure") == ["speed"]
    assert "figures/speed.svg" in reader.values("href")


def test_every_section_can_be_gone_to() -> None:
    took = measured([0.5] * 6, run="a", metric="cpu_cores", unit="cores", source="telemetry")
    rows = summary(measured(SIX, run="a"), took, failed(run="b"))
    reader = render(rows=rows)
    sections = [attributes["id"] for tag, attributes in reader.tags if tag == "section"]
    assert sections == [name for name, _, _ in SECTIONS if name not in ("published", "cost", "servers")]
    ids = reader.values("id")
    assert len(ids) == len(set(ids))
    anchors = [link[1:] for link in reader.values("href") if link.startswith("#")]
    assert {*sections, "main"} == set(anchors)


def test_the_answers_come_first() -> None:
    text = render(answers=[{"topic": "best", "text": "a was faster than b"}]).text
    assert text.index("a was faster than b") < text.index("Throughput: 13.0 tokens/s.")
    assert "nothing that was measured here has a value" in render(answers=[]).text


def test_cautions_stand_on_top_with_the_marks_that_they_do_not_tell() -> None:
    cautions = ["Nothing here is publishable. True of all: small scale.", "2 repeats are too few."]
    text = render(cautions=cautions).text
    assert text.index(cautions[0]) < text.index(cautions[1]) < text.index("In some of these results:")
    assert text.index("In some of these results:") < text.index("synthetic weights") < text.index("The answer")
    assert text.count("small scale.") == 1
    assert (
        "In some"
        not in render(cautions=["synthetic weights (random, so it never counts as reproduced); small scale"]).text
    )


def test_what_the_study_was_made_of_can_be_read() -> None:
    text = render(config=[{"path": "config/studies/a.yaml", "text": "title: <A> study"}]).text
    assert "config/studies/a.yaml" in text
    assert "title: <A> study" in text


def test_headings_are_in_order_and_tables_have_heads_and_names() -> None:
    reader = render()
    levels = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(deeper - level <= 1 for level, deeper in pairwise(levels))
    tables = [attributes for tag, attributes in reader.tags if tag == "table"]
    assert len(tables) == [tag for tag, _ in reader.tags].count("thead") == 4
    assert all(table["aria-label"] and table["class"] == "data" for table in tables)


@pytest.mark.parametrize("attack", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}"])
def test_text_of_others_is_only_text(attack: str) -> None:
    study = {**STUDY, "title": attack, "question": attack, "overlay": attack}
    study["figures"] = [{**STUDY["figures"][0], "title": attack, "caption": attack}]
    machine = changed(OWN, environment__machine__cpu=attack, versions={attack: attack}, model__licence=attack)
    broken = failed_record("error", attack, run__id=attack, system=attack, origin=attack)
    rows = summary(measured(SIX, run=attack, name=attack, model=attack, reasons=attack, marks=attack), failed(attack))
    texts: dict[str, Any] = {
        "command": attack, "answers": [{"topic": "best", "text": attack}], "config": [{"path": attack, "text": attack}],
    }  # fmt: skip
    reader = render(study, rows, {f"{attack}/r1.json": machine, "r2.json": broken}, **texts)
    assert len([tag for tag, _ in reader.tags if tag == "script"]) == len(scripts())
    assert "img" not in [tag for tag, _ in reader.tags]
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
