"""Records from elsewhere join a study's tables, and nothing is ever measured for them: dry-runs only."""

import os
import re
import shutil

from cotejo.study import load_study

NEWER = (1_800_000_000, 1_800_000_000)


def lab_results(project, folder, system="local"):
    """A folder as the same study's results would be on another machine: a record of each of two runs."""
    runs = load_study("demo", config=project.folder / "config").runs
    for run in runs[:2]:
        records = folder / "records" / system / f"{run['id']}~{run['digest']}"
        records.mkdir(parents=True)
        for name in ("r1.json", "r1.samples.csv", "r1.telemetry.csv"):
            (records / name).write_text("{}")
            os.utime(records / name, (1_600_000_000, 1_600_000_000))
    return folder


def import_it(project, folder):
    path = project.folder / "config/studies/demo.yaml"
    path.write_text(f"{path.read_text()}\nimports: [{{name: lab-a30, folder: {folder}}}]\n")
    os.utime(path, (1_600_000_000, 1_600_000_000))


def test_imports_change_nothing_of_what_is_measured(project):
    def measured():
        said = project.snakemake("-n").stdout
        return sorted(re.findall(r"^    wildcards: (.*, repeat=.*)$", said, flags=re.MULTILINE))

    without, counts = measured(), project.jobs()
    assert len(without) == 36
    lab_results(project, project.folder.parent / "lab", system="elsewhere")
    import_it(project, "../lab")
    assert measured() == without
    assert project.jobs() == counts


def test_a_finished_study_is_summarised_with_its_imports_and_not_again(project):
    lab_results(project, project.folder.parent / "lab")
    import_it(project, project.folder.parent / "lab")
    project.finish()
    done = project.snakemake("-n")
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_changed_imported_record_is_summarised_again(project):
    folder = lab_results(project, project.folder.parent / "lab")
    import_it(project, folder)
    project.finish()
    record = next(folder.glob("records/*/*/r1.json"))
    os.utime(record, NEWER)
    jobs = project.jobs()
    assert "measure_process" not in jobs
    assert {rule: jobs[rule] for rule in ("summarise", "plot_figure", "make_report")} == {
        "summarise": 1,
        "plot_figure": 3,
        "make_report": 1,
    }


def test_an_imported_record_of_another_study_is_no_input(project):
    folder = lab_results(project, project.folder.parent / "lab")
    import_it(project, folder)
    project.finish()
    other = folder / "records/local/other~0123456789/r1.json"
    other.parent.mkdir()
    other.write_text("{}")
    os.utime(other, NEWER)
    assert project.jobs() == {}


def test_folders_inside_the_checkout_are_never_measured_into(project):
    """Their paths look like records that the measuring rule can make: it must not take them for its own."""
    folder = lab_results(project, project.folder / "imported" / "results" / "demo")
    import_it(project, "imported/results/demo")
    project.finish()
    for name in ("r1.samples.csv", "r1.telemetry.csv"):
        next(folder.glob(f"records/*/*/{name}")).unlink()
    assert project.jobs() == {}


def test_under_an_overlay_imports_are_left_out(project):
    lab_results(project, project.folder.parent / "lab")
    import_it(project, "../lab")
    shutil.rmtree(project.folder.parent / "lab")
    assert project.jobs("--config", "overlay=smoke")["summarise"] == 1
    assert "imports[0].folder: ../lab: no such folder" in project.refusal()
