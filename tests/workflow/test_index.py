"""The index over studies follows the reports that are there, and nothing is measured or drawn for it."""

import os

INDEX = "results/index.html"
ONLY = {"index_reports": 1}


def put(project, path, title):
    """Put down a page that is newer than a finished study, and older than the index that `finish` puts down."""
    page = project.folder / path
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(f"<html><head><title>{title}</title></head></html>")
    os.utime(page, (1_700_090_000, 1_700_090_000))


def test_it_follows_the_reports_that_are_there_whatever_is_selected(project):
    project.finish()
    put(project, "results/elsewhere/report.html", "Measured elsewhere")
    put(project, "results/demo/report.html", "A demonstration")
    (project.folder / INDEX).unlink()
    assert project.jobs() == ONLY
    text = made(project)
    assert "A demonstration" in text and 'href="elsewhere/report.html"' in text
    assert "published/index.html" not in text
    assert project.jobs() == {}

    # However old they are.
    put(project, "results/further/report.html", "A further one")
    put(project, "results/published/index.html", "What was published")
    assert project.jobs() == ONLY
    text = made(project)
    assert "A further one" in text and 'href="published/index.html"' in text

    (project.folder / "results/elsewhere/report.html").unlink()
    assert project.jobs() == ONLY
    assert "elsewhere" not in made(project)


def test_another_selection_keeps_the_studies_that_are_not_selected(project):
    for study in ("demo", "serving"):
        project.finish(study)
        put(project, f"results/{study}/report.html", f"Study {study}")
    (project.folder / INDEX).unlink()
    text = made(project, "--config", "studies=[serving]")
    assert "Study demo" in text and "Study serving" in text
    assert project.jobs() == {}


def made(project, *arguments):
    """The index, after Snakemake made what is to be made."""
    done = project.snakemake(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return (project.folder / INDEX).read_text()
