"""One browser for all tests, and the reports that it opens: made up here, or real ones that COTEJO_REPORTS names."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hostile import CHANGES, put_study
from hostile import NAME as HOSTILE
from made_up import put_records
from reading import REPORTS, Reader

from cotejo.command import ROOT
from cotejo.study import load_study
from tests.conftest import Project, copy_checkout

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium")
# These measure at small scale as they are.
WITHOUT_OVERLAY = ("demo", "serving")
STUDIES = {
    name if name in WITHOUT_OVERLAY else f"{name}-smoke": (name, "" if name in WITHOUT_OVERLAY else "smoke")
    for name in sorted(path.stem for path in (ROOT / "config" / "studies").glob("*.yaml"))
}


def found_pages() -> dict[str, Path]:
    """The pages below COTEJO_REPORTS, by name; without it, those that `made_up_results` makes, to be found there."""
    if REPORTS is None:
        pages = {name: Path(name, "report.html") for name in STUDIES}
    else:
        pages = {path.parent.name: path for path in sorted(Path(REPORTS).absolute().glob("*/report.html"))}
    return {**pages, **{name: Path(REPORTS or "", name).with_suffix(".html") for name in ("index", "published/index")}}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `report` is run with the report of each study, one that asks for `html`, with every page."""
    names = {"page_name": [*found_pages()]}
    names["report_name"] = [name for name in names["page_name"] if not name.endswith("index")]
    for fixture in names.keys() & metafunc.fixturenames:
        # By one process, and for a whole module, so that a page is opened once for many tests.
        params = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in names[fixture]]
        metafunc.parametrize(fixture, params, scope="module")


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Debian's Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        pytest.skip("no chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of results whose pages are opened; made by the first of several pytest processes, for all of them."""
    if REPORTS is not None:
        return Path(REPORTS).absolute()
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    whole = shared / "checkout" / "whole"
    with (shared / "reports.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            make_up(copy_checkout(shared / "checkout"))
            whole.touch()
    return shared / "checkout" / "results"


def make_up(project: Project) -> None:
    """Made-up records of every study, and the pages that the pipeline's own commands make of them."""
    project.edit("config/config.yaml", "formats: [svg, png]", "formats: [svg]")
    project.edit("config/systems/local.yaml", "name: ", "name: Made-up machine, not ")
    for results, (study, overlay) in STUDIES.items():
        runs = load_study(study, overlay, config=project.folder / "config").runs
        put_records(project.folder / "results" / results, runs)
    put_study(project.folder / "config")
    hostile = load_study(HOSTILE, config=project.folder / "config")
    put_records(project.folder / "results" / HOSTILE, hostile.runs, **CHANGES)
    # One after the other: the index over all studies is of the reports that are there.
    for overlay in ("smoke", ""):
        studies = [study for study, laid_over in STUDIES.values() if laid_over == overlay]
        studies += [] if overlay else [HOSTILE]
        laid = [f"overlay={overlay}"] if overlay else []
        done = project.snakemake("published", "all", "-n", "-p", "--config", f"studies=[{','.join(studies)}]", *laid)
        assert done.returncode == 0, done.stdout + done.stderr
        draw = [sys.executable, str(Path(__file__).with_name("draw.py")), str(len(os.sched_getaffinity(0)))]
        drawn = subprocess.run(draw, cwd=project.folder, input=done.stdout, text=True, capture_output=True)
        assert drawn.returncode == 0, drawn.stderr


@pytest.fixture
def reader(browser: "Browser") -> Iterator[Reader]:
    """Someone who opens pages, and notices what they ask for and complain of."""
    with Reader(browser) as reader:
        yield reader


@pytest.fixture(scope="module")
def report(results: Path, report_name: str) -> Path:
    """The report of one study."""
    return results / found_pages()[report_name]


@pytest.fixture(scope="module")
def html(results: Path, page_name: str) -> Path:
    """One page: a report, the index of them, or that of what was published."""
    return results / found_pages()[page_name]
