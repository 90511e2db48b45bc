"""The index over studies follows the reports that are there, and nothing is measured or drawn for it."""

import os

import pytest

INDEX = "results/index.html"
ONLY = {"index_reports": 1}


def put(project, path, title):
    """Put down a page that is newer than a finished study, and older than the index that `finish` puts down."""
    page = project.folder / path
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(f"<html><head><title>{title}</title></head></html>")
    os.utime(page, (1_700_090_000, 1_700_090_000))


@pytest.fixture
def indexed(project):
    """A checkout with a finished study and another's report, and their index really made."""
    project.finish()
    put(project, "results/elsewhere/report.html", "Measured elsewhere")
    put(project, "results/demo/report.html", "A demonstration")
    (project.folder / INDEX).unlink()
    assert project.jobs() == ONLY
    done = project.snakemake()
    assert done.returncode == 0, done.stdout + done.stderr
    return project


def test_it_has_every_report_and_is_made_once(indexed):
    text = (indexed.folder / INDEX).read_text()
    assert "A demonstration" in text and 'href="elsewhere/report.html"' in text
    assert indexed.jobs() == {}


def test_a_further_report_joins_however_old_it_is(indexed):
    put(indexed, "results/further/report.html", "A further one")
    assert indexed.jobs() == ONLY
    assert indexed.snakemake().returncode == 0
    assert "A further one" in (indexed.folder / INDEX).read_text()
    assert indexed.jobs() == {}


def test_a_report_that_is_gone_leaves_it(indexed):
    (indexed.folder / "results/elsewhere/report.html").unlink()
    assert indexed.jobs() == ONLY
    assert indexed.snakemake().returncode == 0
    assert "elsewhere" not in (indexed.folder / INDEX).read_text()


def test_it_links_the_page_of_what_was_published_and_does_not_make_it(indexed):
    assert "published/index.html" not in (indexed.folder / INDEX).read_text()
    put(indexed, "results/published/index.html", "What was published")
    assert indexed.jobs() == ONLY
    assert indexed.snakemake().returncode == 0
    assert 'href="published/index.html"' in (indexed.folder / INDEX).read_text()


def test_another_selection_keeps_the_studies_that_are_not_selected(indexed):
    indexed.finish("serving")
    put(indexed, "results/serving/report.html", "Served")
    asked = ("--config", "studies=[serving]")
    assert indexed.snakemake(INDEX, "--forcerun", "index_reports", *asked).returncode == 0
    text = (indexed.folder / INDEX).read_text()
    assert all(title in text for title in ("A demonstration", "Measured elsewhere", "Served"))
    assert indexed.jobs() == indexed.jobs(*asked) == {}
