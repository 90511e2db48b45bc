"""A report in a browser that runs no script: every number and every figure is there."""

import csv

from cotejo.labels import number


def test_every_number_and_figure_is_there(report, reader):
    bare, whole = reader.open(report, java_script_enabled=False), reader.open(report)
    assert bare.locator("figure[data-figure] svg").count() == whole.locator("figure[data-figure] svg").count() > 0
    titles = bare.locator("figure svg title").all_text_contents()
    assert titles == whole.locator("figure svg [data-tip]").evaluate_all("(all) => all.map((each) => each.dataset.tip)")
    assert titles
    assert [rows(table) for table in bare.locator("table").all()] == [rows(t) for t in whole.locator("table").all()]
    text = bare.locator("main").inner_text()
    with (report.parent / "summary.csv").open(newline="") as stream:
        shown = {number(float(row["median"])) for row in csv.DictReader(stream) if row["median"]}
    assert {value for value in shown if value not in text} == set()
    assert shown


def rows(table):
    return table.locator("tbody tr").count()
