"""A report in a browser that runs no script: every number and every figure is there."""

import csv
import re

from cotejo.labels import number


def test_every_number_and_figure_is_there(report, reader):
    bare, whole = reader.open(report, java_script_enabled=False), reader.open(report)
    assert bare.locator("figure[data-figure] svg").count() == whole.locator("figure[data-figure] svg").count() > 0
    titles = bare.locator("figure svg title").all_text_contents()
    assert titles == whole.locator("figure svg [data-tip]").evaluate_all("(all) => all.map((each) => each.dataset.tip)")
    assert titles
    rows = [table.locator("tbody tr").count() for table in bare.locator("table.data").all()]
    assert rows == [total(said) for said in whole.locator(".dt-info").all_inner_texts()]
    text = bare.locator("main").inner_text()
    with (report.parent / "summary.csv").open(newline="") as stream:
        shown = {number(float(row["median"])) for row in csv.DictReader(stream) if row["median"]}
    assert {value for value in shown if value not in text} == set()
    assert shown


def total(said):
    """The rows of a table in all: of "1 to 50 of 66 rows"."""
    return int(re.findall(r"\d+", said)[-1])
